"""A sync on two Celery workers, each with folders of its own, and what happens if one is killed."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.definitions import defs
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.sandbox.app import Answer, build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import API_KEY, Sandbox
from helpdesk_assets_tests.scale.deployment import Deployment, settings_of_example
from helpdesk_assets_tests.scale.postgres import PostgresServer

pytestmark = pytest.mark.scale
SYNC = "help_desk_sync"
WORKERS = ("worker-a", "worker-b")
# Seconds after which a run must have ended, on a busy machine.
LONG = 150


@pytest.fixture(scope="module")
def desk() -> Iterator[Sandbox]:
    with ExitStack() as running:
        started = Sandbox(Desk(300))
        app = build_app(started.desk, api_key=API_KEY, fault=started)
        started.base_url = running.enter_context(serve(app))
        yield started


@pytest.fixture(scope="module")
def deployment(
    desk: Sandbox, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Start all services, with the lake of .env.example, whose files are on a shared disk."""
    lake = settings_of_example(postgres, tmp_path_factory.mktemp("shared"))
    started = Deployment(
        tmp_path_factory.mktemp("deployment"),
        postgres,
        settings={
            **lake,
            "SOURCES__HELP_DESK__BASE_URL": desk.base_url,
            "API_KEY": API_KEY,
            "RUNTIME__EXECUTOR": "celery",
        },
        limits={"poll_interval_seconds": 2, "free_slots_after_run_end_seconds": 1},
    )
    with ExitStack() as settings:
        patch = settings.enter_context(pytest.MonkeyPatch.context())
        for name, value in lake.items():
            patch.setenv(name, value)
        yield from _running(started)


def _running(started: Deployment) -> Iterator[Deployment]:
    try:
        started.start("redis")
        # The first process creates Dagster's tables.
        started.start("code")
        started.wait_until_healthy("redis", "code")
        for service in ("webserver", "daemon"):
            started.start(service)
        for name in WORKERS:
            started.start("worker", name)
        started.wait_until_healthy("webserver", "daemon", *WORKERS)
        yield started
    finally:
        started.stop()


def tickets() -> list[tuple[int]]:
    with HelpDeskWarehouse().reader() as connection:
        rows: list[tuple[int]] = connection.execute(
            "select id from help_desk.help_desk_tickets where deleted_at is null order by id"
        ).fetchall()
        return rows


def of(desk: Sandbox) -> list[tuple[int]]:
    return sorted((ticket["id"],) for ticket in desk.desk.tickets)


def test_steps_of_a_sync_run_on_both_workers(deployment: Deployment, desk: Sandbox) -> None:
    run = deployment.runs.launch(SYNC)
    status = deployment.runs.ended(run, LONG)
    by_worker = deployment.runs.steps_by_worker(run)

    assert status == "SUCCESS", deployment.runs.messages(run)
    assert set(by_worker) == set(WORKERS)
    steps = [step for steps in by_worker.values() for step in steps]
    assert sorted(steps) == sorted(node.name for node in defs.resolve_job_def(SYNC).nodes)
    assert tickets() == of(desk)
    # Each machine has written to its own home only.
    wrote = {
        path.relative_to(deployment.folder).parts[0]
        for path in deployment.folder.rglob(f"home/{run}/compute_logs/*")
    }
    assert wrote == set(WORKERS)


@pytest.fixture
def in_mid_load(desk: Sandbox) -> Iterator[threading.Event]:
    """Let the next load wait at its second page, and say when it does."""
    reached, is_over = threading.Event(), threading.Event()

    async def slow(request: Request, answer: Answer) -> Response:
        if request.query_params["offset"] != "0" and not reached.is_set():
            reached.set()
            while not is_over.is_set():
                await asyncio.sleep(0.1)
        return await answer(request)

    desk.fault = slow
    yield reached
    is_over.set()
    desk.fault = None


def test_run_of_a_killed_worker_is_ended_by_its_limit_of_time(
    deployment: Deployment, desk: Sandbox, in_mid_load: threading.Event
) -> None:
    del desk.desk.tickets[:5]
    run = deployment.runs.launch(SYNC)
    assert in_mid_load.wait(LONG)
    (killed,) = deployment.runs.steps_by_worker(run)
    deployment.kill(killed)
    # Instead of waiting six hours. A retry would have the same tags.
    deployment.tag(run, max_runtime="1", max_retries="0")
    status = deployment.runs.ended(run, LONG)
    before = tickets()
    following = deployment.runs.launch(SYNC)
    ended = deployment.runs.ended(following, LONG)
    deployment.start("worker", killed)
    deployment.wait_until_healthy(killed)

    assert status == "FAILURE"
    assert "Exceeded maximum runtime of 1 seconds." in deployment.runs.messages(run)
    assert len(before) == 300
    assert ended == "SUCCESS", deployment.runs.messages(following)
    assert killed not in deployment.runs.steps_by_worker(following)
    assert tickets() == of(desk)


def test_run_of_a_killed_step_is_ended_at_once_and_retried(
    deployment: Deployment, desk: Sandbox, in_mid_load: threading.Event
) -> None:
    """As if the system had killed the process because it was out of memory."""
    del desk.desk.tickets[:5]
    run = deployment.runs.launch(SYNC)
    assert in_mid_load.wait(LONG)
    (worker,) = deployment.runs.steps_by_worker(run)
    (process,) = deployment.children(worker)
    os.kill(process, signal.SIGKILL)
    status = deployment.runs.ended(run, LONG)
    retry = deployment.runs.retry_of(run, LONG)
    ended = deployment.runs.ended(retry, LONG)

    assert status == "FAILURE"
    assert "WorkerLostError" in deployment.runs.errors(run)
    assert ended == "SUCCESS", deployment.runs.messages(retry)
    assert tickets() == of(desk)
