"""Runs each program in a separate process, and measures it."""

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from helpdesk_assets_tests.bench.contenders import KEY, peak_megabytes

BIN = Path(sys.executable).parent
PROJECT = Path(__file__).parents[2]
# The arguments of `dagster job execute` for each job, and the settings of an incremental sync.
SYNC = ("-m", "helpdesk_assets", "-j", "help_desk_sync")
TICKETS = ("-m", "helpdesk_assets_tests.bench.tickets", "-j", "tickets")
EMPTY = ("-m", "helpdesk_assets_tests.bench.empty", "-j", "empty")
INCREMENTAL = {
    "SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH": "updated_at",
    "SOURCES__HELP_DESK__INCREMENTAL__START_PARAM": "updated_since",
}


@dataclass(frozen=True)
class Run:
    """The measurements of a run.

    Attributes:
        seconds: its duration.
        megabytes: its peak memory in MB.
        requests: the number of requests that it sent.
        start: seconds from the start of the process to the first request.
        end: seconds from the last request to the end of the process.
        cpu: seconds of processor time, of all its threads.
    """

    seconds: float
    megabytes: float = 0
    requests: float = 0
    start: float = 0
    end: float = 0
    cpu: float = 0


def median(runs: Sequence[Run]) -> Run:
    """Return the median of each measurement."""
    return Run(
        *(
            statistics.median(getattr(run, figure) for run in runs)
            for figure in Run.__dataclass_fields__
        )
    )


class Desk:
    """A running help desk.

    Attributes:
        base_url: its base URL.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def requests(self) -> list[float]:
        """Return the number of requests since the last call, and the times of first and last."""
        with urllib.request.urlopen(f"{self.base_url}/stats") as answer:
            stats: list[float] = json.load(answer)
        return stats


@contextmanager
def served(
    tickets: int,
    *,
    latency: float = 0,
    wide: bool = False,
    generated: bool = False,
    since: datetime | None = None,
) -> Iterator[Desk]:
    """Serve a help desk inside a ``with`` block.

    Args:
        tickets: the number of tickets.
        latency: milliseconds before each response.
        wide: whether tickets have thirty fields.
        generated: whether tickets are generated when they are requested, which needs no memory.
        since: if set, the tickets were created between this time and now, evenly.
    """
    command = [sys.executable, "-m", "helpdesk_assets_tests.bench.server"]
    command += ["--tickets", str(tickets), "--latency", str(latency), *(["--wide"] * wide)]
    command += ["--generated"] * generated
    if since:
        apart = (datetime.now(timezone.utc) - since).total_seconds() / (tickets + 1)
        command += ["--begin", since.isoformat(), "--apart", str(apart)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield Desk(server.stdout.readline().strip())
        finally:
            server.kill()


def load(
    name: str, desk: Desk, file: Path, *, tickets: int, in_flight: int, project: Path = PROJECT
) -> Run:
    """Load the help desk with a contender, and measure from its first request to the commit.

    Args:
        name: the contender.
        desk: the help desk.
        file: the DuckDB file.
        tickets: the number of tickets of the help desk.
        in_flight: the number of concurrent requests.
        project: the checkout whose code is run.

    Raises:
        AssertionError: afterwards, a ticket is missing or duplicated in the file.
    """
    command = [sys.executable, "-m", "helpdesk_assets_tests.bench.contenders"]
    command += [name, desk.base_url, str(file), str(in_flight)]
    desk.requests()
    printed = subprocess.run(
        command, cwd=project, env=code_of(project), stdout=subprocess.PIPE, check=True
    ).stdout
    result = json.loads(printed.splitlines()[-1])
    count, first, _ = desk.requests()
    assert result["rows"] == [tickets, tickets], (name, result)
    return Run(result["committed"] - first, result["memory"], count)


def code_of(project: Path) -> dict[str, str]:
    """Return the environment of a process that runs the code of a checkout."""
    compile_code(project)
    return {**os.environ, "PYTHONPATH": str(project)}


@cache
def compile_code(project: Path) -> None:
    """Compile the code of a checkout, as pip compiles what it installs.

    Python would not keep what it compiles if PYTHONDONTWRITEBYTECODE is set, as it is in many
    containers: each process would compile all modules again, and only those of the checkout.
    """
    for package in ("helpdesk_assets", "helpdesk_assets_tests"):
        compileall.compile_dir(project / package, quiet=1)


def execute(
    arguments: Sequence[str],
    desk: Desk | None,
    settings: Mapping[str, str],
    project: Path = PROJECT,
) -> Run:
    """Run `dagster job execute`, and measure the whole process."""
    environment = {**code_of(project), **settings}
    if desk:
        desk.requests()
    began = time.monotonic()
    with (
        tempfile.TemporaryFile("w+") as messages,
        subprocess.Popen(
            [BIN / "dagster", "job", "execute", *arguments],
            cwd=project,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=messages,
        ) as process,
    ):
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        assert process.returncode == 0, (arguments, messages.read()[-3000:])
    count, *times = desk.requests() if desk else [0]
    first, last = times or (ended, ended)
    return Run(ended - began, peak_megabytes(usage), count, first - began, ended - last)


@contextmanager
def settings_for(desk: Desk, file: Path, **more: str) -> Iterator[dict[str, str]]:
    """Return the environment of a Dagster run: a file, and a separate instance."""
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(PROJECT / ".dagster" / "dagster.yaml", home)
        yield {
            "DAGSTER_HOME": home,
            "SOURCES__HELP_DESK__BASE_URL": desk.base_url,
            "API_KEY": KEY,
            "DESTINATION__DUCKDB__CREDENTIALS": str(file),
            **more,
        }


def interleaved(
    contenders: Mapping[str, Callable[[], Any]], repetitions: int
) -> dict[str, list[Any]]:
    """Call the contenders alternately, so that other load on the machine affects all of them."""
    results: dict[str, list[Any]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, run in contenders.items():
            results[name].append(run())
    return results
