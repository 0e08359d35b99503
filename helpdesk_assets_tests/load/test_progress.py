"""Progress messages of a long run: a few, not one per page."""

import asyncio
import re
from collections.abc import Callable

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets_tests.conftest import Sandbox, metadata_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]


def lines(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the progress messages that the run logged."""
    return [
        entry.user_message
        for entry in instance.all_logs(result.run_id)
        if entry.user_message.startswith("help_desk_tickets: ")
    ]


def test_long_run_logs_its_progress(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def slow(request: Request, answer: Answer) -> Response:
        await asyncio.sleep(0.2)
        return await answer(request)

    monkeypatch.setattr("helpdesk_assets.load.progress.EVERY", 0.5)
    connect(sandbox(tickets=5000, fault=slow))
    result = sync()
    said = lines(instance, result)
    walking = [line for line in said if "left" in line]

    assert result.success
    assert len(walking) >= 3
    assert len(said) < metadata_of(result)["pages"] / 2
    rows = []
    for line in walking:
        found = re.fullmatch(
            r"help_desk_tickets: ([\d,]+) rows of 5,000, (\d+) pages of about (\d+), "
            r"([\d,]+) rows per second, about (\d+ min )?\d+ s left\.",
            line,
        )
        assert found, line
        rows.append(int(found[1].replace(",", "")))
        assert int(found[2]) <= int(found[3]) <= 60
    assert rows == sorted(rows)
    assert 0 < rows[-1] <= 5000


def test_log_contains_the_time_spent_waiting(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patience = [3]

    async def too_many(request: Request, answer: Answer) -> Response:
        if request.query_params["offset"] != "0" and patience:
            patience.pop()
            return PlainTextResponse("no", status_code=429, headers={"Retry-After": "3"})
        return await answer(request)

    monkeypatch.setattr("helpdesk_assets.load.progress.EVERY", 0.5)
    connect(sandbox(tickets=500, fault=too_many))
    result = sync()

    assert result.success
    assert any(
        re.search(r"; [23] s spent on rate limits and retries\.", line)
        for line in lines(instance, result)
    )


def test_short_run_logs_no_progress(
    sandbox: StartSandbox, connect: Connect, sync: Sync, instance: dg.DagsterInstance
) -> None:
    connect(sandbox(tickets=100))

    assert lines(instance, sync()) == []
