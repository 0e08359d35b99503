"""Deleted rows."""

import pytest

from helpdesk_assets_tests.load.test_deletes import (
    desk,
    test_deleted_ticket_is_marked_until_it_reappears,
    test_deleted_ticket_is_removed_with_hard_deletes,
    test_failed_run_marks_no_tickets_as_deleted,
)

pytestmark = pytest.mark.scale
