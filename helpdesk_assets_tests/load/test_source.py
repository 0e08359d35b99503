"""The requests that are sent and retried, and the waits between them."""

import asyncio
import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import pairwise

import dagster as dg
import pytest
import trustme
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from helpdesk_assets.sandbox.app import Answer, Fault
from helpdesk_assets_tests.conftest import (
    API_KEY,
    Sandbox,
    Warehouse,
    at_length,
    error_of,
    failure_of,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

RETRIED = [429, 500, 502, 503, 504]
NOT_RETRIED = [400, 401, 403, 404, 410, 418, 501, 505]


def failing(status: int, times: int, headers: dict[str, str] | None = None) -> Fault:
    """Answer the first ``times`` requests with ``status``."""
    left = times

    async def fault(request: Request, answer: Answer) -> Response:
        nonlocal left
        if left:
            left -= 1
            return PlainTextResponse("no", status_code=status, headers=headers)
        return await answer(request)

    return fault


@pytest.mark.parametrize("total", [True, False], ids=["with total", "without total"])
@pytest.mark.parametrize("tickets", [1, 100, 250])
def test_every_ticket_is_loaded(
    tickets: int,
    total: bool,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
) -> None:
    desk = sandbox(tickets=tickets, total=total)
    connect(desk)

    assert sync().success
    assert warehouse.tickets() == [
        (ticket["id"], ticket["subject"], ticket["status"]) for ticket in desk.desk.tickets
    ]


def test_pages_are_requested_by_offset_with_the_key_in_the_query(
    sandbox: StartSandbox, connect: Connect, sync: Sync
) -> None:
    desk = sandbox(tickets=250)
    connect(desk)
    sync()

    # Each page starts with the last ticket of the one before; then come the end, and the top again.
    asked = [int(query["offset"]) for query in desk.queries]
    assert asked[0] == 0
    assert [sorted(asked[1:3]), sorted(asked[3:])] == [[99, 198], [0, 249, 250]]
    assert all(
        query == {"offset": query["offset"], "limit": "100", "api_key": API_KEY}
        for query in desk.queries
    )


@pytest.mark.parametrize("status", at_length(RETRIED, short=[429, 503]))
def test_temporary_error_is_retried_until_it_is_over(
    status: int, sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=50, fault=failing(status, times=3))
    connect(desk)
    result = sync()

    assert result.success
    assert len(warehouse.tickets()) == 50
    assert [query["offset"] for query in desk.queries[:4]] == [*"0000"]
    assert sorted(query["offset"] for query in desk.queries[4:]) == ["0", "49", "50"]
    metadata = result.asset_materializations_for_node("help_desk_tickets")[0].metadata
    assert metadata["requests"].value == 7
    assert metadata["retries"].value == 3
    assert metadata["pages"].value == 4


@pytest.mark.parametrize("status", at_length(RETRIED, short=[503]))
def test_permanent_error_fails_after_four_attempts(
    status: int, sandbox: StartSandbox, connect: Connect, sync: Sync
) -> None:
    desk = sandbox(fault=failing(status, times=1000))
    connect(desk)
    result = sync()

    assert not result.success
    assert len(desk.queries) == 4
    assert f"(HTTP {status})" in error_of(result)


@pytest.mark.parametrize("status", at_length(NOT_RETRIED, short=[400, 401, 501]))
def test_other_statuses_are_not_retried(
    status: int, sandbox: StartSandbox, connect: Connect, sync: Sync
) -> None:
    desk = sandbox(fault=failing(status, times=1))
    connect(desk)
    result = sync()

    assert not result.success
    assert len(desk.queries) == 1
    assert f"HTTP {status}" in error_of(result)


def test_timeout_fails_after_four_attempts(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(request: Request, answer: Answer) -> Response:
        await asyncio.sleep(2)
        return await answer(request)

    monkeypatch.setenv("RUNTIME__REQUEST_TIMEOUT", "0.2")
    desk = sandbox(fault=hang)
    connect(desk)
    result = sync()

    assert len(desk.queries) == 4
    assert "did not respond in time" in error_of(result)


def test_closed_connection_fails_after_four_attempts(
    connect: Connect, sync: Sync, sandbox: StartSandbox
) -> None:
    connections = 0

    def hang_up(listener: socket.socket) -> None:
        nonlocal connections
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections += 1
            connection.recv(1000)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        desk = sandbox()
        desk.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connect(desk)
        result = sync()
        listener.shutdown(socket.SHUT_RDWR)

    assert connections == 4
    assert "could not be reached, or closed the connection" in error_of(result)


def test_refused_connection_fails_after_four_attempts(
    connect: Connect, sync: Sync, sandbox: StartSandbox
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    desk = sandbox()
    desk.base_url = f"http://127.0.0.1:{port}"
    connect(desk)
    result = sync()

    assert "could not be reached" in error_of(result)
    assert failure_of(result).metadata["requests"].value == 4


@pytest.mark.long
def test_waits_double_from_two_seconds(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME__REQUEST_BACKOFF_FACTOR")
    desk = sandbox(fault=failing(503, times=1000))
    connect(desk)
    sync()

    waits = [after - before for before, after in pairwise(desk.times)]
    # Plus jitter, so that clients do not retry at the same time.
    assert [int(wait) for wait in waits] == [2, 4, 8]


def test_retry_after_is_respected(sandbox: StartSandbox, connect: Connect, sync: Sync) -> None:
    desk = sandbox(tickets=10, fault=failing(429, times=1, headers={"Retry-After": "2"}))
    connect(desk)

    assert sync().success
    assert desk.times[1] - desk.times[0] >= 2


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {"X-RateLimit-Remaining": "0"}])
def test_rate_limit_with_http_403_is_respected(
    headers: dict[str, str], sandbox: StartSandbox, connect: Connect, sync: Sync
) -> None:
    desk = sandbox(tickets=10, fault=failing(403, times=2, headers=headers))
    connect(desk)

    assert sync().success
    assert len(desk.queries) >= 3


def test_permanent_rate_limit_is_not_reported_as_missing_access(
    sandbox: StartSandbox, connect: Connect, sync: Sync
) -> None:
    connect(sandbox(fault=failing(403, times=99, headers={"X-RateLimit-Remaining": "0"})))

    assert "received too many requests (HTTP 403), even after retries" in error_of(sync())


def test_retry_after_may_be_a_date(sandbox: StartSandbox, connect: Connect, sync: Sync) -> None:
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=3), usegmt=True)
    desk = sandbox(tickets=10, fault=failing(503, times=1, headers={"Retry-After": soon}))
    connect(desk)

    assert sync().success
    # A date has a resolution of one second.
    assert desk.times[1] - desk.times[0] > 1


def test_retry_budget_applies_to_the_whole_run(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "0.6")
    monkeypatch.setenv("RUNTIME__REQUEST_RETRY_BUDGET", "0.5")
    desk = sandbox(fault=failing(503, times=1000))
    connect(desk)

    assert not sync().success
    assert len(desk.queries) == 2


def test_waits_have_jitter(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "1")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_RETRY_DELAY", "0.1")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "13")
    desk = sandbox(fault=failing(503, times=1000))
    connect(desk)
    sync()
    waits = [later - sooner for sooner, later in itertools.pairwise(desk.times)]

    assert len(waits) == 12
    assert all(wait >= 0.1 for wait in waits)
    # Without jitter, waits would differ only by the time the machine takes. The jitter here is up
    # to a quarter of a second; twelve waits are within a tenth of that once in a billion times.
    assert max(waits) - min(waits) > 0.02


def test_untrusted_certificate_fails_without_retries(
    connect: Connect, sync: Sync, sandbox: StartSandbox
) -> None:
    handshakes = 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def greet(listener: socket.socket) -> None:
        nonlocal handshakes
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            handshakes += 1
            with contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=(listener,), daemon=True).start()
        desk = sandbox()
        desk.base_url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        connect(desk)
        result = sync()
        listener.shutdown(socket.SHUT_RDWR)

    assert handshakes == 1
    assert "certificate of the help desk" in error_of(result)


def test_retry_after_is_bounded(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_RETRY_DELAY", "1")
    desk = sandbox(tickets=10, fault=failing(429, times=1, headers={"Retry-After": "86400"}))
    connect(desk)

    assert sync().success
    assert 1 <= desk.times[1] - desk.times[0] < 60
