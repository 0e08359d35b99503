"""The report page."""

import pytest

from helpdesk_assets_tests.reports.test_page import (
    desk,
    test_page_matches_the_tickets_of_the_api,
)

pytestmark = pytest.mark.scale
