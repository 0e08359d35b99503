"""Lists in slices."""

import pytest

from helpdesk_assets_tests.load.test_interrupted_slices import (
    load,
    served,
    test_full_refresh_marks_deleted_tickets_after_its_last_slice_only,
    test_rows_of_a_date_range_that_is_loaded_meanwhile_are_kept,
)

pytestmark = pytest.mark.scale
