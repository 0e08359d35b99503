"""Special behavior of Jira Data Center: times in JQL, inner lists, changes, errors."""

import itertools
import random
import re
from collections.abc import Callable

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, at_length, error_of, metadata_of
from helpdesk_assets_tests.vendors import jira
from helpdesk_assets_tests.vendors.test_vendors import Open, open_vendor
from helpdesk_assets_tests.vendors.world import World

__all__ = ["open_vendor"]

Sync = Callable[[], dg.ExecuteInProcessResult]


def test_changes_are_requested_with_a_timestamp(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_vendor("jira_service_management", World(tickets=30))
    assert sync().success
    served.world.move(served.world.tickets[7], "closed")
    first = len(served.asked)
    assert sync().success

    (asked,) = served.asked[first:]
    assert re.search(r"updated >= \d{13} ", dict(asked.query)["jql"])
    assert warehouse.query(
        f"select status from help_desk.help_desk_tickets where id = {jira.ISSUE_BASE + 7}"
    ) == [(jira.STATUSES["closed"][1],)]


@pytest.mark.parametrize("seed", at_length([0, 1, 2], short=[0]))
def test_changing_list_is_read_completely(
    seed: int, open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    world = World(tickets=900, seed=seed, comments=1)
    served = open_vendor("jira_service_management", world)
    before = set(world.tickets)
    chance = random.Random(seed)

    def change(request: Request) -> Response | None:
        ticket = world.tickets[chance.choice(sorted(world.tickets))]
        kind = chance.choice(("purge", "move", "add"))
        if kind == "purge":
            world.purge(ticket)
        elif kind == "move":
            world.move(ticket, "open")
        else:
            world.add()
        return None

    served.fault = change
    result = sync()
    assert result.success, error_of(result)

    stored = {
        number - jira.ISSUE_BASE
        for (number,) in warehouse.query("select id from help_desk.help_desk_tickets")
    }
    lived = before & set(world.tickets)
    assert lived <= stored
    assert len(lived) > 700


def test_rate_limit_is_respected(open_vendor: Open, sync: Sync) -> None:
    served = open_vendor("jira_service_management", World(tickets=30))
    count = itertools.count(1)
    served.fault = lambda request: (
        PlainTextResponse("slow down", status_code=429, headers={"Retry-After": "1"})
        if next(count) == 2
        else None
    )
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["retries"] >= 1


def test_error_instead_of_a_page_does_not_end_the_list(
    open_vendor: Open, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One page at a time, so that the second request is for a page before the end.
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "1")
    served = open_vendor("jira_service_management", World(tickets=250, comments=1))
    count = itertools.count(1)
    served.fault = lambda request: (
        JSONResponse({"message": "The index is being rebuilt."}) if next(count) == 2 else None
    )

    assert "The help desk at" in error_of(sync())
