"""Incremental loads."""

import pytest

from helpdesk_assets_tests.load.test_incremental import (
    incremental,
    test_dropped_table_causes_a_full_sync,
    test_each_run_loads_the_changes_since_the_last_one,
    use,
)

pytestmark = pytest.mark.scale
