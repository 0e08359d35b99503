"""Rows that the API reports as deleted."""

import pytest

from helpdesk_assets_tests.load.test_reported import (
    desk,
    test_row_that_is_reported_as_deleted_is_marked_once,
    test_rows_that_are_reported_as_deleted_can_be_removed_or_kept,
    use,
)

pytestmark = pytest.mark.scale
