"""Changes, rate limits and errors of a vendor's server while tickets are read."""

import itertools
import random

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, at_length, error_of, everything_logged
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.some_tables import load
from helpdesk_assets_tests.vendors.standin import StandIn
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

TICKETS = "help_desk_tickets"
# The paths of tickets.
LISTS = {
    "front": "/conversations",
    "gorgias": "/api/tickets",
    "help_scout": "/v2/conversations",
    "kustomer": "/v1/customers/search",
    "zammad": "/api/v1/tickets/search",
}

open_vendor = test_vendors.open_vendor


def keep_busy(served: StandIn, seed: int) -> None:
    """After each request for tickets, add a reply, delete a ticket or add one."""
    chance, world = random.Random(seed), served.world

    def change(request: Request) -> None:
        if request.url.path != LISTS[served.profile]:
            return
        ticket = chance.choice(world.listed())
        kind = chance.choice(("reply", "add", "purge"))
        if kind == "reply":
            world.reply(ticket)
        elif kind == "add":
            world.add()
        else:
            world.purge(ticket)

    served.fault = change


@pytest.mark.parametrize("seed", at_length(range(5), short=[0]))
@pytest.mark.parametrize("profile", at_length(LISTS, short=["zammad"]))
def test_changing_list_is_read_completely(
    profile: str,
    seed: int,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    world = World(tickets=700, comments=1)
    served = open_vendor(profile, world)
    before = {number: ticket.subject for number, ticket in world.tickets.items()}
    keep_busy(served, seed)
    result = load(instance, TICKETS)

    assert result.success, error_of(result)
    stored = {subject for (subject,) in warehouse.query(f"select subject from help_desk.{TICKETS}")}
    lived = {subject for number, subject in before.items() if number in world.tickets}
    assert lived <= stored


@pytest.mark.parametrize("profile", at_length(LISTS, short=["gorgias"]))
def test_rate_limit_is_respected(
    profile: str, open_vendor: Open, instance: dg.DagsterInstance
) -> None:
    served = open_vendor(profile)
    numbers = itertools.count(1)

    def throttle(request: Request) -> Response | None:
        if request.url.path != LISTS[profile] or next(numbers) != 2:
            return None
        return PlainTextResponse("slow down", status_code=429, headers={"Retry-After": "1"})

    served.fault = throttle
    result = load(instance, TICKETS)

    assert result.success, error_of(result)
    (tickets,) = result.asset_materializations_for_node(TICKETS)
    assert tickets.metadata["retries"].value == 1


@pytest.mark.parametrize(
    ("profile", "place"),
    at_length(
        [(profile, place) for profile in LISTS for place in (1, 2)],
        short=[("help_scout", 1), ("front", 2), ("zammad", 2)],
    ),
)
def test_error_instead_of_a_page_does_not_end_the_list(
    profile: str,
    place: int,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One page at a time, so that the second request is for a page before the end.
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "1")
    served = open_vendor(profile, World(tickets=350, comments=1))
    numbers = itertools.count(1)

    def rebuilding(request: Request) -> Response | None:
        if request.url.path != LISTS[profile] or next(numbers) != place:
            return None
        return JSONResponse({"message": "The list is being rebuilt."})

    served.fault = rebuilding

    assert "The help desk at" in error_of(load(instance, TICKETS))


@pytest.mark.parametrize("profile", at_length(LISTS, short=["front"]))
def test_wrong_secret_is_reported(
    profile: str,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = open_vendor(profile)
    for secret in served.secrets:
        monkeypatch.setenv(secret, "wrong-planted-1Zz")
    result = load(instance, TICKETS)

    assert "HTTP 401" in error_of(result)
    for secret in ("wrong-planted-1Zz", *served.secrets.values()):
        assert secret not in everything_logged(instance, result)
