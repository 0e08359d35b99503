"""Special behavior of Help Scout."""

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.help_scout import FIRST, TRUNCATED, HelpScout, throttled
from helpdesk_assets_tests.vendors.some_tables import differences, load
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import Comment, Ticket, World, now

LISTS = ("help_desk_tickets", "threads")

open_vendor = test_vendors.open_vendor


def answer_as_customer(ticket: Ticket, number: int) -> None:
    """Add a reply of the customer, which only makes the conversation active."""
    body = f"Still broken {number}"
    ticket.comments.append(Comment(number, ticket.requester, True, body, now()))
    ticket.state = "open"


@pytest.fixture
def served(open_vendor: Open) -> HelpScout:
    vendor = open_vendor("help_scout")
    assert isinstance(vendor, HelpScout)
    return vendor


def test_replies_of_customers_are_loaded(
    served: HelpScout, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance, *LISTS).success
    closed = [ticket for ticket in served.world.listed() if ticket.state == "closed"][:2]
    before = [served.user_updated_at(ticket) for ticket in closed]
    for place, ticket in enumerate(closed):
        answer_as_customer(ticket, 9000 + place)

    # For modifiedSince, the conversation is unchanged.
    assert [served.user_updated_at(ticket) for ticket in closed] == before
    # One stays active, and the other one is closed again before the next sync.
    served.world.move(closed[1], "closed")
    served.asked.clear()
    result = load(instance, *LISTS)

    assert result.success, error_of(result)
    assert differences(served, warehouse, *LISTS) == []
    listed = [dict(asked.query) for asked in served.asked if asked.path == "/v2/conversations"]
    assert {query["status"] for query in listed} == {"all", "active"}
    assert all("modifiedSince" in query for query in listed if query["status"] == "all")


def test_conversation_deleted_between_two_pages_hides_no_other(
    served: HelpScout, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """Pages of a fixed size cannot overlap: reading forward would lose another conversation."""
    deleted = iter(served.world.listed()[::9])

    def delete_between_pages(request: Request) -> None:
        if request.url.path == "/v2/conversations":
            next(deleted).is_deleted = True

    served.fault = delete_between_pages
    result = load(instance, *LISTS)
    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"] is True
    stored = {number for (number,) in warehouse.query("select id from help_desk.help_desk_tickets")}
    assert {FIRST + ticket.number for ticket in served.world.listed()} <= stored

    served.fault = lambda request: None
    result = load(instance, *LISTS, full_refresh=True)
    assert result.success, error_of(result)
    assert differences(served, warehouse, *LISTS) == []


def test_vendor_specific_header_for_the_wait_is_respected(
    served: HelpScout, instance: dg.DagsterInstance
) -> None:
    answers = iter([throttled(1)])
    served.fault = lambda request: next(answers, None)
    result = load(instance, "users")

    assert result.success, error_of(result)
    (users,) = result.asset_materializations_for_node("users")
    assert users.metadata["retries"].value == 1


def test_an_empty_account_has_no_rows_and_no_embedded_lists(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    open_vendor("help_scout", World(tickets=0))
    result = load(instance, *LISTS, "customers")

    assert result.success, error_of(result)
    assert warehouse.query("select count(*) from help_desk.customers") == [(40,)]


def test_error_instead_of_a_list_does_not_count_as_empty(
    served: HelpScout, instance: dg.DagsterInstance
) -> None:
    def rebuilding(request: Request) -> Response | None:
        if request.url.path != "/v2/conversations":
            return None
        return JSONResponse({"message": "The list is being rebuilt."})

    served.fault = rebuilding

    assert not load(instance, "help_desk_tickets").success


def test_custom_fields_have_their_names(
    served: HelpScout, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    result = load(instance, "help_desk_tickets", "inboxes", "inbox_fields")

    assert result.success, error_of(result)
    assert warehouse.query(
        "select id, urgency_1 from help_desk.help_desk_tickets_named order by id"
    ) == [
        (FIRST + ticket.number, ticket.priority if ticket.group == 1 else None)
        for ticket in served.world.listed()
    ]


def test_threads_of_chats_are_truncated(
    served: HelpScout, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """This is documented in docs/vendors/help_scout.md; other threads are complete."""
    assert load(instance, "threads").success
    bodies = dict(warehouse.query("select id, body from help_desk.threads"))

    for ticket, comment in served.world.comments():
        is_chat = ticket.channel == "chat"
        assert bodies[comment.number] == (comment.body[:TRUNCATED] if is_chat else comment.body)
