"""Special behavior of HubSpot: limited searches, a late index, archived tickets, scopes."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, at_length, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.copies import copy_of
from helpdesk_assets_tests.vendors.hubspot import SCOPES, HubSpot, ticket_id
from helpdesk_assets_tests.vendors.test_vendors import Open, load
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor
TICKETS = "help_desk.help_desk_tickets"
Limited = Callable[..., HubSpot]


@pytest.fixture
def limited(open_vendor: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Limited:
    """Serve HubSpot with another ceiling, with a copy of the profile that has only some tables."""

    def start(tickets: int, ceiling: int = 10_000, *more: str) -> HubSpot:
        def change(resource: Any) -> None:
            if "maximum_offset" in resource["endpoint"]["paginator"]:
                resource["endpoint"]["paginator"]["maximum_offset"] = ceiling

        served = open_vendor("hubspot", World(tickets=tickets))
        assert isinstance(served, HubSpot)
        served.ceiling = ceiling
        copy = copy_of("hubspot", tmp_path, "help_desk_tickets", *more, change=change)
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(copy))
        return served

    return start


def ids(warehouse: Warehouse) -> int:
    ((count,),) = warehouse.query(f"select count(distinct id) from {TICKETS}")
    return int(count)


@pytest.mark.parametrize(
    ("tickets", "ceiling"), at_length([(1_000, 400), (12_000, 10_000)], short=[(1_000, 400)])
)
def test_more_tickets_than_a_search_returns_are_read_in_slices(
    tickets: int,
    ceiling: int,
    limited: Limited,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    served = limited(tickets, ceiling)
    result = load(instance)

    assert result.success, error_of(result)
    assert ids(warehouse) == tickets
    assert metadata_of(result)["completeness_verified"]
    assert {asked.status for asked in served.asked} == {200}


@pytest.mark.parametrize("equal", [30, 399])
def test_tickets_with_equal_times_at_the_boundary_of_slices_are_loaded(
    equal: int, limited: Limited, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = limited(1_000, 400)
    tickets = sorted(served.world.listed(), key=lambda ticket: ticket.updated_at)
    for ticket in tickets[385 : 385 + equal]:
        ticket.updated_at = tickets[385].updated_at
    result = load(instance)

    assert result.success, error_of(result)
    assert ids(warehouse) == 1_000


def test_more_equal_times_than_a_search_returns_fail_the_run(
    limited: Limited, instance: dg.DagsterInstance
) -> None:
    served = limited(1_000, 400)
    tickets = sorted(served.world.listed(), key=lambda ticket: ticket.updated_at)
    for ticket in tickets[300:800]:
        ticket.updated_at = tickets[300].updated_at

    assert "has more rows with the same time" in error_of(load(instance))


def test_tickets_indexed_late_are_loaded_by_the_next_sync(
    limited: Limited, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = limited(300, 10_000)
    assert load(instance).success
    late, changed = served.world.add(2), served.world.listed()[7]
    served.world.move(changed, "solved")
    served.unindexed = {ticket.number for ticket in late}
    assert load(instance).success
    assert ids(warehouse) == 300

    served.unindexed = set()
    assert load(instance).success
    assert ids(warehouse) == 302
    newest = [asked for asked in served.asked if b"GTE" in asked.body][-1]
    assert b'"value": "0"' not in newest.body
    assert b'"value":"0"' not in newest.body


def test_archived_tickets_are_listed_and_marked_by_a_full_refresh(
    limited: Limited, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = limited(120, 10_000, "archived_tickets")
    assert load(instance).success
    deleted = served.world.listed()[3:6]
    for ticket in deleted:
        served.world.delete(ticket)
    result = load(instance, full_refresh=True)

    assert result.success, error_of(result)
    rows = [(int(ticket_id(ticket)),) for ticket in deleted]
    for query in (
        f"select id from {TICKETS} where deleted_at is not null order by id",
        "select id from help_desk.archived_tickets where archived_at is not null order by id",
    ):
        assert warehouse.query(query) == rows


def test_times_and_numbers_are_converted(
    limited: Limited, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = limited(120)
    ticket = next(each for each in served.world.listed() if each.state == "closed")
    ticket.updated_at += timedelta(milliseconds=7)
    assert load(instance).success

    stored = warehouse.query(
        f"select epoch_ms(created_at), epoch_ms(updated_at), epoch_ms(closed_at) from {TICKETS}"
        f" where subject = '{ticket.subject}'"
    )
    latest = max(change.at for change in ticket.history if change.after in ("solved", "closed"))
    times = (ticket.created_at, ticket.updated_at, latest)
    assert stored == [tuple(round(at.timestamp() * 1000) for at in times)]


def test_missing_scope_is_reported(limited: Limited, instance: dg.DagsterInstance) -> None:
    limited(120).scopes = SCOPES - {"tickets"}

    assert "required scopes: tickets" in error_of(load(instance))
