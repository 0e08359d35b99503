"""A full sync in parts."""

import pytest

from helpdesk_assets_tests.assets.test_parts import (
    desk,
    jobs,
    test_all_parts_equal_a_full_sync_and_the_next_sync_is_incremental,
    test_killed_part_leaves_no_record_and_is_resumed,
)

pytestmark = pytest.mark.scale
