"""Help desks that change or fail during a sync; make test-real also tests the real ones."""

import itertools
import random

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, at_length, error_of, job_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

LISTS = {
    "django_helpdesk": "/helpdesk/api/user_tickets/",
    "request_tracker": "/REST/2.0/tickets",
    "roundup": "/rest/data/issue",
}

open_vendor = test_vendors.open_vendor


def load_tickets(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Read all tickets, including unchanged ones."""
    job = job_of(dg.AssetSelection.assets("help_desk_tickets").without_checks())
    return job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {"help_desk_tickets": {"config": {"full_refresh": True}}}},
    )


@pytest.mark.parametrize("seed", at_length(range(5), short=[0]))
@pytest.mark.parametrize("profile", at_length(LISTS, short=["request_tracker"]))
def test_changing_list_is_read_completely(
    profile: str,
    seed: int,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    world, chance = World(tickets=700, comments=1), random.Random(seed)
    served = open_vendor(profile, world)
    before = {number: ticket.subject for number, ticket in world.tickets.items()}

    def change(request: Request) -> None:
        ticket, kind = chance.choice(world.listed()), chance.choice(("purge", "reply", "add"))
        if kind == "purge":
            world.purge(ticket)
        elif kind == "reply":
            world.reply(ticket)
        else:
            world.add()

    served.fault = change
    result = load_tickets(instance)

    assert result.success, error_of(result)
    stored = dict(warehouse.query("select id, subject from help_desk.help_desk_tickets"))
    lived = {number: subject for number, subject in before.items() if number in world.tickets}
    assert lived.items() <= stored.items()


@pytest.mark.parametrize("profile", at_length(LISTS, short=["request_tracker"]))
def test_rate_limit_is_respected_and_errors_are_not_pages(
    profile: str,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One page at a time, so that the second request is for a page before the end.
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "1")
    served = open_vendor(profile, World(tickets=700, comments=1))

    def second(response: Response) -> None:
        numbers = itertools.count(1)
        served.fault = lambda request: response if next(numbers) == 2 else None

    second(Response("slow down", status_code=429, headers={"Retry-After": "1"}))
    result = load_tickets(instance)
    assert result.success, error_of(result)
    assert metadata_of(result)["retries"] == 1

    second(JSONResponse({"message": "The list is being rebuilt."}))
    assert "The help desk at" in error_of(load_tickets(instance))
