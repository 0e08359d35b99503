"""`python -m helpdesk_assets check` for each built-in profile, against the server of its vendor."""

import subprocess
from collections.abc import Callable

import pytest

from helpdesk_assets_tests.conftest import at_length
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.standin import all_standins
from helpdesk_assets_tests.vendors.test_vendors import Open

open_vendor = test_vendors.open_vendor


@pytest.mark.parametrize("profile", at_length(all_standins(), short=["zammad"]))
def test_a_built_in_profile_is_right(
    profile: str, open_vendor: Open, check: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Also where a field is empty in all rows, or missing because nobody uses it."""
    open_vendor(profile)
    finished = check()

    assert "FAILED" not in finished.stdout, finished.stdout
    assert finished.returncode == 0
