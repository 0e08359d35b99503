"""Special behavior of Zoho Desk: 204 for an empty list, the end of a search, and tokens."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, error_of
from helpdesk_assets_tests.vendors.test_vendors import Open, open_vendor
from helpdesk_assets_tests.vendors.world import World

__all__ = ["open_vendor"]

Sync = Callable[[], dg.ExecuteInProcessResult]
COUNT = "select count(*) from help_desk.help_desk_tickets"


def test_empty_help_desk_does_not_fail_the_run(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_vendor("zoho_desk", World(tickets=0))
    result = sync()

    assert result.success, error_of(result)
    assert warehouse.query(COUNT) == [(0,)]
    assert {asked.status for asked in served.asked if "search" in asked.path} == {204}


def test_rows_beyond_the_thousandth_of_a_search_are_loaded(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_vendor("zoho_desk", World(tickets=2300, comments=1))
    result = sync()

    assert result.success, error_of(result)
    assert warehouse.query(COUNT) == [(2300,)]
    assert max(int(dict(asked.query).get("from", 0)) for asked in served.asked) <= 999
    assert {asked.status for asked in served.asked} <= {200, 204}


def test_more_tickets_with_equal_times_than_a_search_returns_fail_the_run(
    open_vendor: Open, sync: Sync
) -> None:
    world = World(tickets=1300, comments=1)
    at = world.began - timedelta(days=9)
    for ticket in world.tickets.values():
        ticket.created_at = ticket.updated_at = at
    open_vendor("zoho_desk", world)
    result = sync()

    assert not result.success
    assert "The help desk at" in error_of(result)


def test_invalid_refresh_token_is_reported(
    open_vendor: Open, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The response is 200, with an error instead of a token.
    open_vendor("zoho_desk", World(tickets=3))
    monkeypatch.setenv("ZOHO_REFRESH_TOKEN", "wrong-planted-1Zz")

    assert "issued no token" in error_of(sync())
