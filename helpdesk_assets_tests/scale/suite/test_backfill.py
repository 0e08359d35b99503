"""Date ranges."""

import pytest

from helpdesk_assets_tests.assets.test_backfill import (
    desk,
    load,
    test_backfill_loads_months_and_resumes_after_a_failure,
    test_date_range_changes_neither_other_tickets_nor_the_watermark,
)

pytestmark = pytest.mark.scale
