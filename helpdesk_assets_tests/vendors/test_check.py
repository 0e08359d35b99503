"""`python -m helpdesk_assets check` for each built-in profile, against the server of its vendor."""

import re
import subprocess
from collections.abc import Callable

import pytest

from helpdesk_assets_tests.conftest import at_length
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.checked import documented, section
from helpdesk_assets_tests.vendors.standin import all_standins
from helpdesk_assets_tests.vendors.test_vendors import Open

open_vendor = test_vendors.open_vendor


@pytest.mark.parametrize("profile", at_length(all_standins(), short=["zammad"]))
def test_built_in_profile_passes_the_check(
    profile: str, open_vendor: Open, check: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Even if a field is empty in all rows, or missing because it is not used."""
    served = open_vendor(profile)
    finished = check()

    assert "FAILED" not in finished.stdout, finished.stdout
    assert finished.returncode == 0
    now = section(profile, finished.stdout, (served.base_url + served.base_path).rstrip("/"))
    assert without_numbers(documented(profile)) == without_numbers(now)


def without_numbers(text: str) -> str:
    """Return a text without numbers, because some of them depend on the time of day.

    On a busy machine, responses take long enough that the clocks seem to differ.
    """
    text = re.sub(r"^ok +clock .*", "", text, flags=re.M)
    return re.sub(r"\d[\d,]*( rows?| of| in|(?=,|$))", "N", text, flags=re.M)
