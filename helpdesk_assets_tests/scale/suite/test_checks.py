"""Checks."""

import pytest

from helpdesk_assets_tests.checks.test_checks import (
    run_checks,
    test_id_is_not_null_fails_with_row_ids,
    test_id_is_unique_fails_with_five_examples,
    test_is_complete_fails_if_rows_are_missing,
)

pytestmark = pytest.mark.scale
