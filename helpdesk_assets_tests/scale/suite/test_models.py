"""Models and the report page."""

import pytest

from helpdesk_assets_tests.models.test_models import (
    desk,
    test_adds_up_check_fails_if_a_report_table_was_changed,
    test_each_status_change_is_recorded_once,
    test_failed_query_leaves_the_report_table_unchanged,
)
from helpdesk_assets_tests.reports.test_page import test_page_matches_the_tickets_of_the_api

pytestmark = pytest.mark.scale
