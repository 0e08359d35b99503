"""Special behavior of Gorgias."""

import dagster as dg
import pytest
from starlette.requests import Request

from helpdesk_assets_tests.conftest import Warehouse, error_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.gorgias import Gorgias
from helpdesk_assets_tests.vendors.some_tables import differences, load
from helpdesk_assets_tests.vendors.standin import Asked
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor


@pytest.fixture
def served(open_vendor: Open) -> Gorgias:
    vendor = open_vendor("gorgias", World(tickets=250))
    assert isinstance(vendor, Gorgias)
    return vendor


def asked_for(served: Gorgias, name: str) -> list[Asked]:
    return [asked for asked in served.asked if asked.path == f"/api/{name}"]


def test_sync_continues_at_the_end_of_the_last_one(
    served: Gorgias, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance, "help_desk_tickets").success
    assert len(asked_for(served, "tickets")) == 3

    served.asked.clear()
    served.world.move(served.world.listed()[0], "open")
    served.world.reply(served.world.listed()[1])
    served.world.delete(served.world.listed()[2])
    result = load(instance, "help_desk_tickets")
    assert result.success, error_of(result)
    assert differences(served, warehouse, "help_desk_tickets") == []
    (asked,) = asked_for(served, "tickets")
    assert "cursor" in dict(asked.query)
    # The ticket in the trash is marked by the incremental sync.
    assert warehouse.query(
        "select id, trashed_at is null from help_desk.help_desk_tickets"
        " where deleted_at is not null"
    ) == [(3, False)]

    served.asked.clear()
    assert load(instance, "help_desk_tickets", full_refresh=True).success
    assert "cursor" not in dict(asked_for(served, "tickets")[0].query)
    assert differences(served, warehouse, "help_desk_tickets") == []


def test_ticket_that_changes_during_a_sync_is_not_lost(
    served: Gorgias, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    newest = iter(reversed(served.world.listed()))

    def reply_between_pages(request: Request) -> None:
        if request.url.path == "/api/tickets":
            served.world.reply(next(newest))

    served.fault = reply_between_pages
    assert load(instance, "help_desk_tickets").success

    assert warehouse.query("select count(*) from help_desk.help_desk_tickets") == [(250,)]


def test_later_score_of_a_survey_is_loaded(
    served: Gorgias, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance, "satisfaction_surveys").success
    scored = next(ticket for ticket in served.world.listed() if ticket.score == "good")
    scored.score = "bad"
    assert load(instance, "satisfaction_surveys").success

    assert differences(served, warehouse, "satisfaction_surveys") == []
