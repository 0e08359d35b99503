"""Compares this project with plain dlt and with a minimal script. See `make bench`."""

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from helpdesk_assets_tests.bench.contenders import CONTENDERS
from helpdesk_assets_tests.bench.measure import (
    PROJECT,
    Desk,
    Run,
    interleaved,
    load,
    median,
    served,
)
from helpdesk_assets_tests.bench.report import (
    Scenario,
    growth_table,
    machine,
    replace_measured,
    scenario_table,
)
from helpdesk_assets_tests.bench.whole import whole_processes

OURS = "this project"
MERGES = 10


def say(text: str) -> None:
    """Print and flush."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    """Report what is being measured, on stderr, because the results go to stdout."""
    sys.stderr.write(f"... {text}\n")
    sys.stderr.flush()


def page_rate(desk: Desk, tickets: int) -> float:
    """Return how many pages per second the server sends to a client that discards them."""
    command = [sys.executable, "-m", "helpdesk_assets_tests.bench.client", desk.base_url]
    pages = tickets // 100
    return float(subprocess.check_output([*command, str(pages)], cwd=PROJECT, text=True))


def compare(
    desk: Desk, *, tickets: int, in_flight: int, repetitions: int, times: int = 1
) -> list[Scenario]:
    """Load the help desk with each contender: into an empty file, then ``times - 1`` more times.

    Returns:
        The medians of the first loads, of the second loads, and so on.
    """

    def loads(name: str) -> list[Run]:
        progress(f"{name}: {tickets:,} tickets")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "a.duckdb"
            return [
                load(name, desk, file, tickets=tickets, in_flight=in_flight) for _ in range(times)
            ]

    results = interleaved({name: partial(loads, name) for name in CONTENDERS}, repetitions)
    return [
        {name: median([run[time] for run in runs]) for name, runs in results.items()}
        for time in range(times)
    ]


def growth(repetitions: int) -> dict[int, Run]:
    """Measure loads of help desks of three sizes with this project."""
    figures = {}
    for tickets in (10_000, 100_000, 1_000_000):
        runs = []
        with served(tickets) as desk:
            for _ in range(repetitions):
                progress(f"{OURS}: {tickets:,} tickets")
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / "a.duckdb"
                    runs.append(load(OURS, desk, file, tickets=tickets, in_flight=4))
        figures[tickets] = median(runs)
    return figures


def file_sizes(desk: Desk, tickets: int) -> list[float]:
    """Return the DuckDB file's size in MB after each of ten full merges of the same tickets."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.duckdb"
        for _ in range(MERGES):
            progress(f"{OURS}: merging {tickets:,} tickets")
            load(OURS, desk, file, tickets=tickets, in_flight=4)
            sizes.append(file.stat().st_size / 1e6)
    return sizes


def main() -> int:
    """Run the benchmarks, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="number of tickets [%(default)s]")
    parser.add_argument("--repetitions", type=int, default=5, help="runs per median [%(default)s]")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="update benchmark.md there")
    options = parser.parse_args()
    rows, few, repetitions = options.rows, options.rows // 5, options.repetitions

    scenarios: dict[str, Scenario] = {}
    with served(rows) as desk:
        rate = page_rate(desk, rows)
        first, again = compare(desk, tickets=rows, in_flight=4, repetitions=repetitions, times=2)
        scenarios[f"{rows:,} tickets, at 0 ms"] = first
        scenarios[f"{rows:,} tickets, at 0 ms, the same again"] = again
        sizes = file_sizes(desk, rows)
    with served(few, latency=50) as desk:
        (scenarios[f"{few:,} tickets, at 50 ms, 8 in flight"],) = compare(
            desk, tickets=few, in_flight=8, repetitions=repetitions
        )
    with served(rows, wide=True) as desk:
        (scenarios[f"{rows:,} wide tickets, at 0 ms"],) = compare(
            desk, tickets=rows, in_flight=4, repetitions=repetitions
        )
    grown = growth(repetitions)
    progress("whole processes")
    jobs = whole_processes(repetitions, rows)

    report = "\n\n".join(
        (
            scenario_table(scenarios),
            growth_table(grown),
            jobs,
            f"The DuckDB file after each of {MERGES} full merges of the same {rows:,} tickets, in "
            f"MB: {', '.join(f'{size:.1f}' for size in sizes)}; the last is "
            f"{sizes[-1] / sizes[0]:.2f} times the first.",
            f"The server alone sends {rate:,.0f} pages a second to a client that only reads them.",
            f"Medians of {repetitions}, the contenders taking turns. Measured on: {machine()}",
        )
    )
    say(report)
    if options.write:
        replace_measured(options.write / "benchmark.md", report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
