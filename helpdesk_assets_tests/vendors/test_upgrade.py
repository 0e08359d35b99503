"""A database that was loaded with a built-in profile of an earlier version is continued.

The profiles in ``before`` are those of the version before tables were added for most vendors.
"""

from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, at_length, error_of
from helpdesk_assets_tests.vendors.test_vendors import Open, compare, load, open_vendor

__all__ = ["open_vendor"]

BEFORE = Path(__file__).parent / "before"
PROFILES = sorted(file.stem for file in BEFORE.glob("*.yaml"))


@pytest.mark.parametrize("profile", at_length(PROFILES, short=[]))
def test_database_of_the_earlier_profile_is_continued(
    profile: str,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = open_vendor(profile)
    # The token is issued by the server, not by the vendor's host.
    earlier = (BEFORE / f"{profile}.yaml").read_text()
    earlier = earlier.replace("https://api.helpscout.net", served.base_url)
    file = tmp_path / f"{profile}.yaml"
    file.write_text(earlier)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    result = load(instance)
    assert result.success, error_of(result)
    (stored,) = warehouse.query("select count(*) from help_desk.help_desk_tickets")
    assert stored[0] > 50

    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", profile)
    result = load(instance)
    assert result.success, error_of(result)
    compare(served, warehouse)
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [(check.check_name, check.description, check.metadata) for check in failed] == []
