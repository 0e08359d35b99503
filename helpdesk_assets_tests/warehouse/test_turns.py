"""One wait for the DuckDB file, whoever opens it: readers that come between any two openings."""

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

# Run in another process: for each line it reads, it opens the file, says whether it could, and
# holds it open for so many seconds.
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
    """Opens the file in another process, each time a moment before a run opens it.

    Args:
        process: of a reader.
        file: what it opens.
        seconds: how long it holds it.
        only: at which opening of the run; None: at each.

    Attributes:
        pid: of the other process.
        stages: by what calls the run came to open it, each time that a reader was there first.
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
        """Open a file; the first time from each place, after a reader."""
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
    """Let readers come while inside."""
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
def test_a_reader_is_waited_for_at_each_stage_of_a_run(
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
    # The first look, the state, the merge, the deletes, the metadata, the checks, the three
    # reports and their checks, and the page.
    assert len(come.stages) >= 8, come.stages


def test_a_reader_that_stays_fails_the_run_with_one_error_message_at_each_stage(
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=5))
    assert whole_sync().success
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "0.2")
    stage = refused = 0
    while True:
        stage += 1
        with readers(warehouse, 60, only=stage) as come:
            result = whole_sync()
        if not come.stages:
            break
        if result.success:
            # Who only reads, as checks do, reads beside others.
            continue
        refused += 1
        # Reports do not depend on one another: each that fails says the same.
        failures = [event for event in result.all_events if event.is_step_failure]
        said = [event.step_failure_data.user_failure_data for event in failures]
        (message,) = {each.description if each else None for each in said}
        assert message, (come.stages, [event.step_failure_data.error for event in failures])
        assert "is in use by another process, " in message
        assert f"(PID {come.pid})" in message
        assert "close it there and run again" in message

    assert result.success
    assert stage > 8
    # The first look, the state, the load and the reports.
    assert refused >= 4


def test_a_run_says_what_it_waits_for(
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
