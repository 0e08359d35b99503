"""The vendors whose own tests are in ``make test``; all others are in ``make test-all``."""

from pathlib import Path

import pytest

from helpdesk_assets_tests.vendors.standin import all_standins

# Freshdesk has slices, passes, lists by parent, and an earlier version of its profile.
SHORT = ("freshdesk",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the other vendors as long."""
    names = set(all_standins()) - set(SHORT)
    here = Path(__file__).parent
    for item in items:
        name = item.path.stem.removeprefix("test_")
        if item.path.parent == here and name in names:
            item.add_marker(pytest.mark.long)
