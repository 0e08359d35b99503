"""Pages in flight: how many at once, how fast, and what happens when the API wants fewer."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from helpdesk_assets.sandbox.app import Answer, Fault
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, sentence_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

IN_FLIGHT = "SOURCES__HELP_DESK__PAGES_IN_FLIGHT"
PER_SECOND = "SOURCES__HELP_DESK__REQUESTS_PER_SECOND"


class Crowd:
    """Lets the API take its time, and counts how many requests it has at once."""

    def __init__(self, seconds: float = 0.1) -> None:
        self.seconds = seconds
        self.now = 0
        self.most = 0

    async def __call__(self, request: Request, answer: Answer) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        return await answer(request)


@pytest.mark.parametrize(("configured", "most"), [(None, 4), ("1", 1), ("7", 7), ("32", 20)])
def test_as_many_pages_are_in_flight_as_configured(
    configured: str | None,
    most: int,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd = Crowd()
    desk = sandbox(tickets=2000, fault=crowd)
    connect(desk)
    if configured:
        monkeypatch.setenv(IN_FLIGHT, configured)

    assert sync().success
    assert crowd.most == most
    assert [number for number, _, _ in warehouse.tickets()] == list(range(1, 2001))


def test_an_unknown_total_is_not_overrun_by_more_than_what_is_in_flight(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=1000, total=False, fault=Crowd(0.02))
    connect(desk)

    assert sync().success
    assert len(warehouse.tickets()) == 1000
    # Eleven pages, the end, and the top again; three that were in flight when the end came; and
    # four beyond it, which no total confirms.
    assert len(desk.queries) <= 11 + 3 + 3 + 4
    assert max(int(query["offset"]) for query in desk.queries) <= 1000 + 4 * 100


def too_many(at_request: int, seconds: int) -> tuple[Fault, list[float]]:
    """Answer one request with 429, and take down when that was and when the others came."""
    times: list[float] = []

    async def fault(request: Request, answer: Answer) -> Response:
        times.append(time.monotonic())
        if len(times) == at_request:
            return PlainTextResponse("no", status_code=429, headers={"Retry-After": str(seconds)})
        await asyncio.sleep(0.05)
        return await answer(request)

    return fault, times


def test_all_pause_when_the_api_says_it_was_too_much(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(IN_FLIGHT, "8")
    fault, times = too_many(at_request=10, seconds=2)
    connect(sandbox(tickets=3000, fault=fault))
    result = sync()

    assert result.success
    assert len(warehouse.tickets()) == 3000
    # Those sent before the answer was known may still come; then nothing does for two seconds.
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert max(pauses) >= 1.9
    assert pauses.index(max(pauses)) <= 10 + 8
    metadata = result.asset_materializations_for_node("help_desk_tickets")[0].metadata
    assert metadata["retries"].value == 1


def test_a_rate_limit_is_kept(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(IN_FLIGHT, "8")
    monkeypatch.setenv(PER_SECOND, "5")
    desk = sandbox(tickets=1200)
    connect(desk)

    assert sync().success
    assert len(warehouse.tickets()) == 1200
    assert len(desk.times) >= 16
    # Whatever the second, no more than five begin in it; a little less for the way there.
    assert all(
        later - sooner > 0.9 for sooner, later in zip(desk.times[:-5], desk.times[5:], strict=True)
    )


def test_a_failing_page_ends_the_others(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fault(request: Request, answer: Answer) -> Response:
        if int(request.query_params["offset"]) > 900:
            return PlainTextResponse("no", status_code=404)
        await asyncio.sleep(0.05)
        return await answer(request)

    monkeypatch.setenv(IN_FLIGHT, "8")
    desk = sandbox(tickets=50_000, fault=fault)
    connect(desk)
    result = sync()
    asked = len(desk.queries)
    time.sleep(0.5)

    assert "HTTP 404" in sentence_of(result)
    assert len(desk.queries) == asked <= 10 + 1 + 2 * 8


@pytest.mark.parametrize("in_flight", ["0", "33", "-1"])
def test_pages_in_flight_have_bounds(
    in_flight: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(IN_FLIGHT, in_flight)
    desk = sandbox(tickets=10)
    connect(desk)

    assert f"must be between 1 and 32: set {IN_FLIGHT}" in sentence_of(sync())
    assert desk.queries == []


@pytest.mark.parametrize("per_second", ["0", "-3", "1e9"])
def test_a_rate_limit_has_bounds(
    per_second: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PER_SECOND, per_second)
    desk = sandbox(tickets=10)
    connect(desk)

    assert f"set {PER_SECOND} to a number in that range" in sentence_of(sync())
    assert desk.queries == []


@pytest.mark.parametrize(
    "name",
    [
        IN_FLIGHT,
        PER_SECOND,
        "SOURCES__HELP_DESK__INCREMENTAL__LAG",
        "SOURCES__HELP_DESK__REJECTED_SHARE",
        "DESTINATION__DUCKDB__LOCK_TIMEOUT",
        "RUNTIME__REQUEST_TIMEOUT",
        "RUNTIME__REQUEST_RETRY_BUDGET",
    ],
)
def test_a_number_that_is_none_is_said_so(
    name: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, "plenty")
    desk = sandbox(tickets=10)
    connect(desk)

    assert f"number: set {name} to a valid value." in sentence_of(sync())
    assert desk.queries == []
