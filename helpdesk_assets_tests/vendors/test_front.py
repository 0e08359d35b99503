"""Special behavior of Front."""

import dagster as dg
import pytest
from starlette.requests import Request

from helpdesk_assets.build import build_defs
from helpdesk_assets_tests.conftest import Warehouse, error_of, execute, job_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.front import Front
from helpdesk_assets_tests.vendors.some_tables import differences, load
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

EVENTS = ("messages", "comments")

open_vendor = test_vendors.open_vendor


@pytest.fixture
def served(open_vendor: Open) -> Front:
    vendor = open_vendor("front")
    assert isinstance(vendor, Front)
    return vendor


def test_archived_conversations_count_as_solved(
    served: Front, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served.world.delete(served.world.listed()[7])
    job = job_of(dg.AssetSelection.assets("help_desk_tickets", "ticket_backlog"), build_defs())
    result = execute(job, instance)

    assert result.success
    open_ones = [
        ticket for ticket in served.world.listed() if ticket.state not in ("solved", "closed")
    ]
    assert warehouse.query("select sum(tickets) from help_desk.ticket_backlog") == [
        (len(open_ones),)
    ]


def test_conversation_with_a_new_message_during_a_sync_is_not_lost(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    world = World(tickets=350, comments=1)
    served = open_vendor("front", world)
    oldest = iter(world.listed())

    def reply_between_pages(request: Request) -> None:
        if request.url.path == "/conversations":
            world.reply(next(oldest))

    served.fault = reply_between_pages
    result = load(instance, "help_desk_tickets")

    assert result.success, error_of(result)
    assert warehouse.query("select count(*) from help_desk.help_desk_tickets") == [(350,)]


def test_messages_are_read_from_events_incrementally(
    served: Front, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance, *EVENTS).success
    first = [asked for asked in served.asked if asked.path == "/events"]
    served.asked.clear()
    ticket = served.world.listed()[3]
    served.world.reply(ticket)
    served.world.reply(ticket, is_public=False)
    assert load(instance, *EVENTS).success

    second = [asked for asked in served.asked if asked.path == "/events"]
    assert differences(served, warehouse, *EVENTS) == []
    assert len(first) > 15
    assert len(second) == 2
    assert all(dict(asked.query)["q[after]"].isdigit() for asked in second)


def test_other_fields_of_message_events_are_not_loaded(
    served: Front, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance, "messages").success
    columns = [name for name, *_ in warehouse.query("describe help_desk.messages")]

    assert "conversation_id" in columns
    assert not [name for name in columns if name.startswith("conversation__")]
