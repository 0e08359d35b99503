"""Compares whole processes, from their start to their end. See `make bench-jobs`.

Each round runs every program once, so that other load on the machine affects all of them.
A ratio is the median of the rounds' ratios.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import duckdb

from helpdesk_assets_tests.bench.contenders import TABLE, peak_megabytes
from helpdesk_assets_tests.bench.measure import (
    BIN,
    EMPTY,
    INCREMENTAL,
    PROJECT,
    SYNC,
    TICKETS,
    Desk,
    Run,
    code_of,
    interleaved,
    median,
    served,
    settings_for,
)
from helpdesk_assets_tests.bench.report import bar_chart, machine
from helpdesk_assets_tests.bench.sling import is_installed, sling

DAGSTER = (str(BIN / "dagster"), "job", "execute")
PEER = ("-m", "helpdesk_assets_tests.bench.peer", "-j", "peer")
SCRIPT = (str(BIN / "python"), "-m", "helpdesk_assets_tests.bench.contenders", "plain dlt")
OURS = "`help_desk_sync`"
NOTHING = "an empty job"
# What runs each program, by name.
Programs = Mapping[str, Callable[[], Run]]


def run(command: Sequence[str], environment: Mapping[str, str], tickets: int | None = None) -> Run:
    """Run a program, and measure the whole process.

    Args:
        command: the program and its arguments.
        environment: its settings.
        tickets: the number of tickets that are in the table afterwards; None: not looked at.

    Raises:
        AssertionError: the program failed, or tickets are missing or duplicated.
    """
    settings = {**code_of(PROJECT), "RUNTIME__DLTHUB_TELEMETRY": "false", **environment}
    sink = os.open(os.devnull, os.O_WRONLY)
    began = time.monotonic()
    pid = os.posix_spawnp(
        command[0],
        list(command),
        settings,
        file_actions=[(os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_DUP2, sink, 2)],
    )
    os.close(sink)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    assert status == 0, command
    if tickets is not None:
        file = environment["DESTINATION__DUCKDB__CREDENTIALS"]
        with duckdb.connect(file, read_only=True) as connection:
            rows = connection.execute(f"select count(*), count(distinct id) from {TABLE}")
            assert rows.fetchall() == [(tickets, tickets)], command
    return Run(seconds, peak_megabytes(usage), cpu=usage.ru_utime + usage.ru_stime)


@contextmanager
def unchanged(desk: Desk) -> Iterator[Programs]:
    """Return incremental syncs without changes, and the empty job, inside a ``with`` block."""
    with ExitStack() as opened:
        programs: dict[str, Callable[[], Run]] = {}
        for name, command in (
            (NOTHING, EMPTY),
            ("an unchanged sync without reports", TICKETS),
            ("an unchanged sync with reports", SYNC),
        ):
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            settings = opened.enter_context(settings_for(desk, folder / "a.duckdb", **INCREMENTAL))
            # The first sync loads everything, and creates the instance.
            run((*DAGSTER, *command), settings)
            programs[name] = partial(run, (*DAGSTER, *command), settings)
        yield programs


def first_loads(desk: Desk, tickets: int, in_flight: int) -> Programs:
    """Return the programs that load a help desk into an empty file."""

    def load(command: Callable[[Path], Sequence[str]], **more: str) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "a.duckdb"
            with settings_for(desk, file, **more) as settings:
                peer = {"PEER__BASE_URL": desk.base_url, "PEER__PIPELINES": f"{folder}/pipelines"}
                run((*DAGSTER, *EMPTY), settings)
                return run(command(file), {**settings, **peer}, tickets)

    flight = {"SOURCES__HELP_DESK__PAGES_IN_FLIGHT": str(in_flight)}
    programs: dict[str, Callable[[], Run]] = {
        OURS: partial(load, lambda _: (*DAGSTER, *SYNC), **flight),
        f"{OURS} without reports": partial(load, lambda _: (*DAGSTER, *TICKETS), **flight),
        "plain dlt in Dagster, with two checks": partial(load, lambda _: (*DAGSTER, *PEER)),
        "plain dlt as a script": partial(
            load, lambda file: (*SCRIPT, desk.base_url, str(file), "1")
        ),
    }
    if is_installed():
        programs["Sling"] = lambda: sling(desk, tickets, run)
    return programs


def table(title: str, results: Mapping[str, Sequence[Run]], first: str) -> Iterator[str]:
    """Yield the lines of a table of programs, with their ratios to the first one."""
    yield f"| {title} | seconds | CPU seconds | peak memory, MB | times {first} |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    base = next(iter(results.values()))
    for name, runs in results.items():
        middle = median(runs)
        ratio = statistics.median(
            one.seconds / other.seconds for one, other in zip(runs, base, strict=True)
        )
        yield (
            f"| {name} | {middle.seconds:.2f} | {middle.cpu:.2f} | {middle.megabytes:.0f} | "
            f"{ratio:.2f} |"
        )


def whole_processes(repetitions: int, rows: int) -> str:
    """Return the tables: syncs without changes, and first loads with and without latency.

    Args:
        repetitions: the number of rounds.
        rows: the number of tickets; a tenth of it with latency.
    """
    lines: list[str] = []
    with served(rows // 10) as desk, unchanged(desk) as programs:
        results = interleaved(programs, repetitions)
        lines += [*table(f"{rows // 10:,} tickets, nothing changed", results, NOTHING), ""]
    for tickets, latency, in_flight in ((rows // 10, 50, 8), (rows, 0, 4)):
        with served(tickets, latency=latency) as desk:
            results = interleaved(first_loads(desk, tickets, in_flight), repetitions)
        title = f"{tickets:,} tickets at {latency} ms, first load"
        seconds = {name: median(runs).seconds for name, runs in results.items()}
        lines += [*table(title, results, OURS), "", bar_chart(f"{title}, seconds", seconds), ""]
    lines.append(
        "Whole processes, from start to end; the last column is the median of the rounds' ratios."
    )
    return "\n".join(lines)


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="number of tickets [%(default)s]")
    parser.add_argument("--repetitions", type=int, default=5, help="rounds [%(default)s]")
    options = parser.parse_args()
    tables = whole_processes(options.repetitions, options.rows)
    sys.stdout.write(f"{tables} Medians of {options.repetitions}. Measured on: {machine()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
