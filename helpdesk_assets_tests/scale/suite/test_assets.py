"""Loads."""

import pytest

from helpdesk_assets_tests.assets.test_assets import (
    test_empty_help_desk_creates_an_empty_table_that_is_filled_later,
    test_failed_run_leaves_the_table_unchanged,
    test_second_run_updates_and_inserts_rows_by_id,
)

pytestmark = pytest.mark.scale
