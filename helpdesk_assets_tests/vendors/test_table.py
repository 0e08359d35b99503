"""The page of vendors is up to date, and each vendor has a page of the same kind."""

import re

import pytest

from helpdesk_assets.profiles import DEFAULT_PROFILE, built_in_profiles
from helpdesk_assets_tests.vendors.table import DOCS, page

HEADINGS = [
    "Get the key",
    "Settings",
    "Check the settings",
    "What is loaded",
    "Incremental loading and deleted tickets",
    "Limits",
    "Rates and cost",
]
VENDORS = [name for name in built_in_profiles() if name != DEFAULT_PROFILE]


def test_table_matches_the_profiles() -> None:
    assert (DOCS / "README.md").read_text() == page()


@pytest.mark.parametrize("name", VENDORS)
def test_each_vendor_has_a_page(name: str) -> None:
    file = DOCS / f"{name}.md"
    text = file.read_text()

    assert re.findall(r"^## (.+)$", text, re.M) == HEADINGS
    assert f"({'../' * 2}helpdesk_assets/profiles/{name}.yaml)" in text
    assert re.search(r"Tested\s+against\s", text)
