"""Special behavior of Intercom: searches for tickets, a scroll of companies."""

from collections.abc import Callable

import dagster as dg
import pytest
from starlette.requests import Request

from helpdesk_assets.build import build_defs
from helpdesk_assets_tests.conftest import Warehouse, error_of, execute, job_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.intercom import Intercom
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import Named, World

open_vendor = test_vendors.open_vendor

Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def served(open_vendor: Open) -> Intercom:
    vendor = open_vendor("intercom", World(tickets=350, comments=3))
    assert isinstance(vendor, Intercom)
    return vendor


def counts(warehouse: Warehouse) -> tuple[int, int]:
    """Return the numbers of tickets and of parts of tickets."""
    ((tickets,),) = warehouse.query("select count(*) from help_desk.help_desk_tickets")
    ((parts,),) = warehouse.query("select count(*) from help_desk.parts where deleted_at is null")
    return tickets, parts


def parts_of(served: Intercom) -> int:
    return len(served.expected()["parts"])


def test_all_pages_of_a_search_are_read_and_then_changes_only(
    served: Intercom, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    job = job_of(dg.AssetSelection.assets("help_desk_tickets", "parts"), build_defs())
    result = execute(job, instance)
    assert result.success, error_of(result)
    assert counts(warehouse) == (350, parts_of(served))
    assert served.asked_for[0]["query"]["value"][0]["operator"] == ">"

    before = len(served.asked_for)
    served.world.reply(served.world.listed()[7])
    assert execute(job, instance).success
    assert counts(warehouse) == (350, parts_of(served))
    began = int(served.world.began.timestamp())
    since = [int(body["query"]["value"][0]["value"]) for body in served.asked_for[before:]]
    assert min(since) > began - 3600


def test_ticket_that_changes_during_a_search_is_not_lost(
    served: Intercom, sync: Sync, warehouse: Warehouse
) -> None:
    changing = iter(served.world.listed()[::3])

    def reply_between_pages(request: Request) -> None:
        if request.url.path == "/tickets/search":
            served.world.reply(next(changing))

    served.fault = reply_between_pages
    result = sync()

    assert result.success, error_of(result)
    assert warehouse.query("select count(*) from help_desk.help_desk_tickets") == [(350,)]


def test_scroll_of_companies_is_read_completely(
    served: Intercom, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    world = served.world
    world.organizations.extend(
        Named(number, f"Organization {number}", world.began) for number in range(8, 251)
    )
    job = job_of(dg.AssetSelection.assets("companies"), build_defs())
    for _ in range(2):
        result = execute(job, instance)
        assert result.success, error_of(result)
        assert warehouse.query("select count(*) from help_desk.companies") == [(250,)]

    served.minute = 60
    assert "scroll already exists" in error_of(execute(job, instance))


def test_parts_are_requested_for_changed_conversations_only(
    served: Intercom, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assets = dg.AssetSelection.assets("conversations", "conversation_parts")
    job = job_of(assets, build_defs())
    assert execute(job, instance).success
    changed = next(ticket for ticket in served.world.listed() if ticket.channel == "chat")
    served.world.reply(changed)
    before = len(served.asked)
    assert execute(job, instance).success

    number = 500_000 + changed.number
    assert [each.path for each in served.asked[before:]].count(f"/conversations/{number}") == 1
    stored = warehouse.query(
        f"select count(*) from help_desk.conversation_parts where _conversations_id = '{number}'"
    )
    assert stored == [(len(changed.comments) - 1,)]
