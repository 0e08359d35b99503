"""Waiting for the DuckDB file, with readers that open it between any two accesses of a run."""

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from helpdesk_assets_tests.conftest import Sandbox, Warehouse, at_length, everything_logged

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

# Run in another process. For each line of its input, a number of seconds, it opens the file, prints
# whether that succeeded, and keeps the file open for as long.
READER = """
import duckdb, sys, time
for seconds in sys.stdin:
    try:
        with duckdb.connect(sys.argv[1], read_only=True):
            print("open", flush=True)
            time.sleep(float(seconds))
    except duckdb.IOException:
        print("held", flush=True)
"""


class Readers:
    """Opens the file in another process, each time just before a run opens it.

    Args:
        process: the reader process.
        file: the file.
        seconds: how long the reader keeps the file open.
        only: which of the run's accesses to precede, from 1; None: each.

    Attributes:
        pid: of the reader process.
        stages: the call stacks of the run's accesses that a reader preceded.
    """

    def __init__(
        self, process: "subprocess.Popen[str]", file: Path, seconds: float, only: int | None
    ) -> None:
        self._process = process
        self.pid = process.pid
        self._file = str(file)
        self._seconds = seconds
        self._only = only
        self._opens = duckdb.connect
        self._tried: list[str] = []
        self.stages: list[str] = []

    def connect(self, database: Any = ":memory:", **options: Any) -> duckdb.DuckDBPyConnection:
        """Open a file, after a reader if this is the first access from its call stack."""
        stage = " > ".join(frame.name for frame in traceback.extract_stack()[:-1])
        if str(database) == self._file and stage not in self._tried:
            self._tried.append(stage)
            if self._only in (None, len(self._tried)) and self._comes():
                self.stages.append(stage)
        return self._opens(database, **options)

    def _comes(self) -> bool:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{self._seconds}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() == "open\n"


@contextmanager
def readers(warehouse: Warehouse, seconds: float, only: int | None = None) -> Iterator[Readers]:
    """Start readers inside a ``with`` block."""
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(warehouse.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        with pytest.MonkeyPatch.context() as patch:
            come = Readers(process, warehouse.path, seconds, only)
            patch.setattr(duckdb, "connect", come.connect)
            yield come
        process.kill()


@pytest.mark.parametrize("seconds", at_length([0.5, 3], short=1))
def test_run_waits_for_a_reader_at_each_stage(
    seconds: float,
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=120)
    connect(desk)
    assert whole_sync().success
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "30")
    del desk.desk.tickets[:3]
    with readers(warehouse, seconds) as come:
        result = whole_sync()

    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert warehouse.query("select count(deleted_at) from help_desk.help_desk_tickets") == [(3,)]
    # First access, state, merge, deletes with metadata, checks and models; the page only reads.
    assert len(come.stages) >= 6, come.stages


@pytest.mark.long
def test_run_fails_with_one_error_message_if_a_reader_stays_at_any_stage(
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=5)
    connect(desk)
    assert whole_sync().success
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "0.2")
    stage = refused = 0
    while True:
        stage += 1
        # Without a change, the reports would not be built.
        desk.desk.tickets[0]["subject"] = f"subject {stage}"
        with readers(warehouse, 60, only=stage) as come:
            result = whole_sync()
        if not come.stages:
            break
        if result.success:
            # Stages that only read, such as checks, can read at the same time as others.
            continue
        refused += 1
        # Reports do not depend on each other, so several fail with the same message.
        failures = [event for event in result.all_events if event.is_step_failure]
        said = [event.step_failure_data.user_failure_data for event in failures]
        (message,) = {each.description if each else None for each in said}
        assert message, (come.stages, [event.step_failure_data.error for event in failures])
        assert "is in use by another process, " in message
        assert f"(PID {come.pid})" in message
        assert "close it there and run again" in message

    assert result.success
    assert stage >= 7
    # First access, state, load and reports.
    assert refused >= 4


def test_run_logs_what_it_is_waiting_for(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=5))
    assert sync().success
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "30")
    with readers(warehouse, 3, only=1):
        result = sync()

    assert result.success
    logged = everything_logged(instance, result)
    assert "is in use by another process" in logged
    assert "waiting up to 30 s until it is closed there" in logged
