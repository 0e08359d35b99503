"""Pages in flight: the number of parallel requests, their rate, and pauses after HTTP 429."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from helpdesk_assets.sandbox.app import Answer, Fault
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

IN_FLIGHT = "SOURCES__HELP_DESK__PAGES_IN_FLIGHT"
PER_SECOND = "SOURCES__HELP_DESK__REQUESTS_PER_SECOND"


class SlowApi:
    """Delays responses, and counts parallel requests.

    Args:
        seconds: the delay.
        expected: the number of parallel requests that responses wait for, at most 5 s longer, as a
            busy machine may send them slowly.
    """

    def __init__(self, seconds: float = 0.1, expected: int = 0) -> None:
        self.seconds = seconds
        self.expected = expected
        self.now = 0
        self.most = 0

    async def __call__(self, request: Request, answer: Answer) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        for _ in range(50):
            if self.most >= self.expected or self.now == 1:
                break
            await asyncio.sleep(0.1)
        self.now -= 1
        return await answer(request)


@pytest.mark.parametrize(("configured", "most"), [(None, 4), ("1", 1), ("7", 7), ("32", 20)])
def test_number_of_parallel_requests_is_as_configured(
    configured: str | None,
    most: int,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = SlowApi(expected=most)
    desk = sandbox(tickets=2000, fault=api)
    connect(desk)
    if configured:
        monkeypatch.setenv(IN_FLIGHT, configured)

    assert sync().success
    assert api.most == most
    assert [number for number, _, _ in warehouse.tickets()] == list(range(1, 2001))


def test_requests_past_the_end_are_limited_if_the_total_is_unknown(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=1000, total=False, fault=SlowApi(0.02))
    connect(desk)

    assert sync().success
    assert len(warehouse.tickets()) == 1000
    # Eleven pages, the end, and the top again; three in flight when the end was reached; and four
    # beyond it, because no total confirms it.
    assert len(desk.queries) <= 11 + 3 + 3 + 4
    assert max(int(query["offset"]) for query in desk.queries) <= 1000 + 4 * 100


def too_many(at_request: int, seconds: int) -> tuple[Fault, list[float]]:
    """Answer one request with 429, and record the times of all requests."""
    times: list[float] = []

    async def fault(request: Request, answer: Answer) -> Response:
        times.append(time.monotonic())
        if len(times) == at_request:
            return PlainTextResponse("no", status_code=429, headers={"Retry-After": str(seconds)})
        await asyncio.sleep(0.05)
        return await answer(request)

    return fault, times


def test_all_requests_pause_after_http_429(
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
    # Requests in flight may still arrive; then none is sent for two seconds.
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert max(pauses) >= 1.9
    assert pauses.index(max(pauses)) <= 10 + 8
    metadata = result.asset_materializations_for_node("help_desk_tickets")[0].metadata
    assert metadata["retries"].value == 1


def test_rate_limit_is_respected(
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
    # At most five requests in any second; with some tolerance for transmission.
    assert all(
        later - sooner > 0.9 for sooner, later in zip(desk.times[:-5], desk.times[5:], strict=True)
    )


def test_failed_page_ends_the_other_requests(
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

    assert "HTTP 404" in error_of(result)
    assert len(desk.queries) == asked <= 10 + 1 + 2 * 8


@pytest.mark.parametrize("in_flight", ["0", "33", "-1"])
def test_pages_in_flight_out_of_range_is_reported(
    in_flight: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(IN_FLIGHT, in_flight)
    desk = sandbox(tickets=10)
    connect(desk)

    assert f"must be between 1 and 32: set {IN_FLIGHT}" in error_of(sync())
    assert desk.queries == []


@pytest.mark.parametrize("per_second", ["0", "-3", "1e9"])
def test_rate_limit_out_of_range_is_reported(
    per_second: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PER_SECOND, per_second)
    desk = sandbox(tickets=10)
    connect(desk)

    assert f"set {PER_SECOND} to a number in that range" in error_of(sync())
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
def test_setting_that_is_not_a_number_is_reported(
    name: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, "plenty")
    desk = sandbox(tickets=10)
    connect(desk)

    assert f"number: set {name} to a valid value." in error_of(sync())
    assert desk.queries == []
