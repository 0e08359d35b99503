"""A first sync of vendors whose lists are read in slices is interrupted, and continued."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors.copies import copy_of
from helpdesk_assets_tests.vendors.test_vendors import Open, load, open_vendor
from helpdesk_assets_tests.vendors.world import World

__all__ = ["open_vendor"]

TICKETS = 850
LIMIT = 100
# How many rows a list has in the copies of the profiles.
CEILING = 3 * LIMIT
# Rows that a page has in common with the one before, and those of two slices, take more requests.
MOST_REQUESTS = 1.3 * TICKETS / LIMIT + 10


@pytest.mark.long
@pytest.mark.parametrize("at", [5, 9, 13])
@pytest.mark.parametrize("profile", ["freshdesk", "hubspot", "kustomer", "zoho_desk"])
def test_interrupted_first_sync_is_continued(
    profile: str,
    at: int,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lower(resource: Any) -> None:
        paginator = resource["endpoint"]["paginator"]
        most = "maximum_offset" if "maximum_offset" in paginator else "maximum_page"
        paginator |= {"limit": LIMIT, most: CEILING if most == "maximum_offset" else 3}

    served = open_vendor(profile, World(tickets=TICKETS, comments=1))
    copy = copy_of(profile, tmp_path, "help_desk_tickets", change=lower)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(copy))
    pages = 0

    def fault(request: Request) -> Response | None:
        nonlocal pages
        pages += "token" not in request.url.path
        return PlainTextResponse("down", status_code=500) if pages > at else None

    served.fault = fault
    result = load(instance)
    assert not result.success
    assert "and the next run continues after them" in error_of(result)
    ((stored,),) = warehouse.query("select count(*) from help_desk.help_desk_tickets")
    assert stored >= CEILING * 0.9

    served.fault = lambda request: None
    served.asked.clear()
    world = served.world
    tickets = world.listed()
    world.reply(tickets[1])
    world.move(tickets[-3], "solved")
    world.add(2)
    result = load(instance)

    assert result.success, error_of(result)
    wanted = sorted((row["id"], row["status"]) for row in served.expected()["help_desk_tickets"])
    columns = "id, status from help_desk.help_desk_tickets where deleted_at is null order by id"
    assert warehouse.query(f"select {columns}") == wanted
    found = metadata_of(result)
    assert found["completeness_verified"] is (profile != "kustomer")
    assert found["rows_walked"] == TICKETS + 2
    assert len(served.asked) < MOST_REQUESTS * (1 - stored / TICKETS) + 8
    failed = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert {each.severity for each in failed} <= {dg.AssetCheckSeverity.WARN}
