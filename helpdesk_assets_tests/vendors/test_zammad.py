"""Special behavior of Zammad."""

import json

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.some_tables import differences, load
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.zammad import Zammad

LISTS = ("help_desk_tickets", "articles")
ARTICLES = "/api/v1/ticket_articles/by_ticket/"

open_vendor = test_vendors.open_vendor


@pytest.fixture
def served(open_vendor: Open) -> Zammad:
    vendor = open_vendor("zammad")
    assert isinstance(vendor, Zammad)
    return vendor


def tickets_whose_articles_were_asked_for(served: Zammad) -> list[int]:
    return sorted(
        int(asked.path.removeprefix(ARTICLES))
        for asked in served.asked
        if asked.path.startswith(ARTICLES)
    )


def test_articles_of_changed_tickets_are_read(
    served: Zammad, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    world = served.world
    assert load(instance, *LISTS).success
    assert len(tickets_whose_articles_were_asked_for(served)) == len(world.tickets)

    served.asked.clear()
    changed = world.listed()[17]
    world.reply(changed, is_public=False)
    result = load(instance, *LISTS)

    assert result.success, error_of(result)
    assert differences(served, warehouse, *LISTS) == []
    assert tickets_whose_articles_were_asked_for(served) == [changed.number]


def test_changes_are_requested_by_condition_and_not_from_the_search_index(
    served: Zammad, instance: dg.DagsterInstance
) -> None:
    assert load(instance, *LISTS).success
    served.asked.clear()
    assert load(instance, *LISTS).success

    searches = [asked for asked in served.asked if asked.path.endswith("/tickets/search")]
    assert searches
    for asked in searches:
        body = json.loads(asked.body)
        assert "query" not in {**dict(asked.query), **body}
        (operation,) = body["condition"].values()
        assert operation["value"] > served.world.began.strftime("%Y-%m-%dT%H:%M")[:10]


def test_full_refresh_detects_a_deleted_ticket_and_its_articles(
    served: Zammad, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance, *LISTS).success
    gone = served.world.listed()[5]
    served.world.purge(gone)
    result = load(instance, *LISTS, full_refresh=True)

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"] is True
    assert differences(served, warehouse, *LISTS) == []
    assert warehouse.query(
        "select id from help_desk.help_desk_tickets where deleted_at is not null"
    ) == [(gone.number,)]
    assert warehouse.query(
        "select count(*) from help_desk.articles where deleted_at is not null"
    ) == [(len(gone.comments),)]


def test_ticket_deleted_before_its_articles_are_read_does_not_fail_the_run(
    served: Zammad, instance: dg.DagsterInstance
) -> None:
    ticket = served.world.listed()[9]

    def gone(request: Request) -> Response | None:
        if request.url.path == f"{ARTICLES}{ticket.number}":
            return JSONResponse({"error": "No such object"}, status_code=404)
        return None

    served.fault = gone
    result = load(instance, *LISTS)

    assert result.success, error_of(result)
    (articles,) = result.asset_materializations_for_node("articles")
    assert articles.metadata["parents_gone"].value == 1
