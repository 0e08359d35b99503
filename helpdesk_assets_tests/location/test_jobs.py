"""The schedule of the job, its contents, and concurrent runs."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets.warehouse.pool import alive, life_of
from helpdesk_assets_tests.conftest import (
    BIN,
    EXECUTE,
    Sandbox,
    Warehouse,
    at_length,
    command,
    error_of,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]


def test_schedule_is_hourly_and_stopped_by_default() -> None:
    schedule = defs.resolve_schedule_def("help_desk_sync_schedule")

    assert schedule.cron_schedule == "0 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "help_desk_sync"


def test_the_schedule_is_configured_in_the_environment() -> None:
    # Run in another process, because the environment is read at import. It prints the result.
    say = (
        "from helpdesk_assets import defs;"
        "schedule = defs.resolve_schedule_def('help_desk_sync_schedule');"
        "print(schedule.cron_schedule, schedule.execution_timezone)"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", say],
        env={
            **os.environ,
            "SCHEDULES__HELP_DESK_SYNC__CRON": "*/5 8-18 * * 1-5",
            "SCHEDULES__HELP_DESK_SYNC__TIMEZONE": "Europe/Berlin",
        },
        text=True,
    )

    assert said == "*/5 8-18 * * 1-5 Europe/Berlin\n"


def test_sync_job_runs_all_assets_and_checks_in_one_process() -> None:
    job = defs.resolve_job_def("help_desk_sync")

    assert {node.name for node in job.nodes} == {
        "help_desk_tickets",
        "help_desk_tickets_checks",
        "help_desk_models",
        "help_desk_report",
        "help_desk_snapshot",
    }
    assert job.executor_def is dg.in_process_executor


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("multiprocess", "multiprocess"),
        ("multiproces", "Unknown executor 'multiproces' in RUNTIME__EXECUTOR: did you mean multip"),
        ("celery", "pip install 'helpdesk_assets[celery]'"),
    ],
)
def test_the_executor_is_configured_in_the_environment(setting: str, said: str) -> None:
    if setting == "celery" and find_spec("dagster_celery"):
        pytest.skip("dagster-celery is installed here; the tests in scale use it")
    # Run in another process, because the environment is read at import. It prints the result.
    say = (
        "from helpdesk_assets import defs;"
        "print(defs.resolve_job_def('help_desk_sync').executor_def.name)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", say],
        env={**os.environ, "RUNTIME__EXECUTOR": setting},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert said in loaded.stdout.strip().splitlines()[-1]
    assert (loaded.returncode == 0) == (setting == said)


def test_runs_hold_no_lock_if_they_may_be_on_other_machines(instance: dg.DagsterInstance) -> None:
    """The history of this instance is not in files, as with PostgreSQL."""
    with alive(instance, "run"):
        held = list(Path(instance.storage_directory()).glob("*.alive"))

    assert held == []


def test_crashed_runs_are_retried_but_failed_runs_are_not() -> None:
    tags = defs.resolve_job_def("help_desk_sync").run_tags

    assert tags["dagster/max_retries"] == "2"
    assert tags["dagster/retry_on_asset_or_op_failure"] == "false"


@pytest.mark.long
def test_concurrent_runs_load_one_after_the_other(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    async def slow(request: Request, answer: Answer) -> Response:
        await asyncio.sleep(0.5)
        return await answer(request)

    desk = sandbox(tickets=300, fault=slow)
    connect(desk)
    # Create Dagster's database and the pool before the runs: on first use, two processes sometimes
    # create one each, which is not the subject of this test.
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("duckdb", 1)
    processes = [
        subprocess.Popen(
            [str(BIN / EXECUTE[0]), *EXECUTE[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=180)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    assert any("blocked by limit for pool duckdb" in output for output in outputs)
    # The first run had read its list before the second one started.
    offsets = [int(query["offset"]) for query in desk.queries]
    assert len(offsets) == 14
    for walk in (offsets[:7], offsets[7:]):
        assert walk[0] == 0
        assert sorted(walk) == [0, 0, 99, 198, 297, 299, 300]
    assert len(warehouse.tickets()) == 300


def test_killed_run_does_not_block_the_next_one(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    page_two = threading.Event()
    patience = [60.0]

    async def slow_second_page(request: Request, answer: Answer) -> Response:
        if request.query_params["offset"] == "99":
            page_two.set()
            await asyncio.sleep(patience.pop() if patience else 0)
        return await answer(request)

    connect(sandbox(tickets=300, fault=slow_second_page))
    with subprocess.Popen([str(BIN / EXECUTE[0]), *EXECUTE[1:]]) as killed:
        assert page_two.wait(timeout=60)
        killed.kill()
    left = {path.name for path in warehouse.path.parent.iterdir()}
    finished = command(*EXECUTE)

    assert any(name.startswith(".tickets.duckdb-run-") for name in left)
    assert finished.returncode == 0, finished.stdout
    assert "blocked by limit" not in finished.stdout
    assert len(warehouse.tickets()) == 300
    assert {path.name for path in warehouse.path.parent.iterdir()} <= {
        "tickets.duckdb",
        ".tickets.duckdb.lock",
        "help_desk_report.html",
    }


@pytest.mark.long
def test_run_waits_for_a_slow_run_that_is_alive(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("duckdb", 1)
        with life_of(instance, "slow").acquire():
            claim = storage.claim_concurrency_slot("duckdb", "slow", "help_desk_tickets")
            assert claim.is_claimed
            with subprocess.Popen(
                [str(BIN / EXECUTE[0]), *EXECUTE[1:]],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as waiting:
                said = ""
                while "blocked by limit for pool duckdb" not in said and waiting.poll() is None:
                    assert waiting.stdout is not None
                    said += waiting.stdout.readline()
                assert desk.queries == []
                storage.free_concurrency_slots_for_run("slow")
                said += waiting.communicate(timeout=180)[0]

    assert waiting.returncode == 0, said
    assert "Run slow of this Dagster instance is loading, too" in said
    assert len(warehouse.tickets()) == 10


@pytest.mark.long
@pytest.mark.parametrize(
    "dies",
    at_length(
        ["before it begins", "while it waits", "before it takes its turn"], short=["while it waits"]
    ),
)
def test_run_that_died_in_the_queue_does_not_block_the_next_one(
    dies: str, sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=10))
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("duckdb", 1)
        life, path = life_of(instance, "dead"), Path(life_of(instance, "dead").lock_file)
        life.acquire()
        assert storage.claim_concurrency_slot("duckdb", "first", "help_desk_tickets").is_claimed
        assert not storage.claim_concurrency_slot("duckdb", "dead", "help_desk_tickets").is_claimed
        if dies != "while it waits":
            # Dagster assigns the free slot to the waiting run, which never claims it.
            storage.free_concurrency_slots_for_run("first")
        if dies == "before it begins":
            life.release()
            path.touch()
        with subprocess.Popen(
            [str(BIN / EXECUTE[0]), *EXECUTE[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as waiting:
            said = ""
            while dies != "before it begins" and "blocked by limit for pool" not in said:
                assert waiting.stdout is not None
                assert waiting.poll() is None
                said += waiting.stdout.readline()
            life.release()
            path.touch()
            storage.free_concurrency_slots_for_run("first")
            said += waiting.communicate(timeout=60)[0]

    assert waiting.returncode == 0, said
    assert len(warehouse.tickets()) == 10
    assert not path.exists()


def test_concurrent_run_of_another_instance_fails_after_the_lock_timeout(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    sync: Callable[[], dg.ExecuteInProcessResult],
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    with FileLock(warehouse.path.with_name(".tickets.duckdb.lock")):
        result = sync()

    assert "Another run is loading tickets into" in error_of(result)
    assert desk.queries == []
    assert sync().success
