"""Models."""

import pytest

from helpdesk_assets_tests.models.test_models import (
    desk,
    test_adds_up_check_fails_if_a_report_table_was_changed,
    test_each_status_change_is_recorded_once,
)

pytestmark = pytest.mark.scale
