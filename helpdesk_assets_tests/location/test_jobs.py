"""When the job runs, what it runs, and that two runs take turns."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets.warehouse.pool import life_of
from helpdesk_assets_tests.conftest import (
    BIN,
    EXECUTE,
    Sandbox,
    Warehouse,
    at_length,
    command,
    sentence_of,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]


def test_the_schedule_is_hourly_and_stopped_until_someone_starts_it() -> None:
    schedule = defs.resolve_schedule_def("help_desk_sync_schedule")

    assert schedule.cron_schedule == "0 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "help_desk_sync"


def test_the_schedule_is_configured_in_the_environment() -> None:
    # Run in another process, as the environment is read at import; it answers by printing.
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


def test_the_job_runs_all_assets_and_their_checks_in_one_process() -> None:
    job = defs.resolve_job_def("help_desk_sync")

    reports = ("ticket_volume_daily", "ticket_backlog", "ticket_status_changes")
    assert {node.name for node in job.nodes} == {
        "help_desk_tickets",
        "help_desk_tickets_checks",
        *reports,
        *(f"{name}_adds_up" for name in reports),
        "help_desk_report",
    }
    assert job.executor_def is dg.in_process_executor


def test_a_run_whose_process_died_is_retried_and_a_failed_one_is_not() -> None:
    tags = defs.resolve_job_def("help_desk_sync").run_tags

    assert tags["dagster/max_retries"] == "2"
    assert tags["dagster/retry_on_asset_or_op_failure"] == "false"


def test_two_processes_at_once_take_turns(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    async def slow(request: Request, answer: Answer) -> Response:
        await asyncio.sleep(0.5)
        return await answer(request)

    desk = sandbox(tickets=300, fault=slow)
    connect(desk)
    # The two would also race to make Dagster's own database, and the pool's places in it: on its
    # very first use, now and then, they make one each. That is not what this is about.
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
    # One walk ended before the other began.
    offsets = [int(query["offset"]) for query in desk.queries]
    assert len(offsets) == 14
    for walk in (offsets[:7], offsets[7:]):
        assert walk[0] == 0
        assert sorted(walk) == [0, 0, 99, 198, 297, 299, 300]
    assert len(warehouse.tickets()) == 300


def test_a_killed_run_is_in_nobodys_way(
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


def test_a_run_that_lives_is_waited_for_however_slow_it_is(
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


@pytest.mark.parametrize(
    "dies",
    at_length(
        ["before it begins", "while it waits", "before it takes its turn"], short=["while it waits"]
    ),
)
def test_a_run_that_died_in_the_queue_is_in_nobodys_way(
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
            # Its place is promised to the one that waits, and who is promised it never takes it up.
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


def test_a_second_run_without_a_shared_instance_waits_and_then_says_why(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    sync: Callable[[], dg.ExecuteInProcessResult],
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    with FileLock(warehouse.path.with_name(".tickets.duckdb.lock")):
        result = sync()

    assert "Another run is loading tickets into" in sentence_of(result)
    assert desk.queries == []
    assert sync().success
