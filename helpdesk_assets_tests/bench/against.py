"""Compares this checkout with another commit, alternating. See `make bench-against`."""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from helpdesk_assets_tests.bench.__main__ import OURS, progress, say
from helpdesk_assets_tests.bench.measure import (
    EMPTY,
    INCREMENTAL,
    PROJECT,
    SYNC,
    TICKETS,
    Desk,
    Run,
    execute,
    interleaved,
    load,
    median,
    served,
    settings_for,
)
from helpdesk_assets_tests.bench.report import machine

BEFORE, NOW = "before", "now"


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Check out a commit into a temporary folder, inside a ``with`` block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "before"
        git = ("git", "-C", str(PROJECT), "worktree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(path), commit], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def loads(project: Path, desk: Desk, tickets: int, in_flight: int) -> dict[str, Run]:
    """Load a help desk into an empty file, and then once more."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.duckdb"
        return {
            title: load(OURS, desk, file, tickets=tickets, in_flight=in_flight, project=project)
            for title in ("first load", "the same again")
        }


def jobs(project: Path, desk: Desk, tickets: int) -> dict[str, Run]:
    """Run and measure whole Dagster commands."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.duckdb"
        with settings_for(desk, file, **INCREMENTAL) as settings:
            execute(EMPTY, None, settings, project)
            return {
                title: execute(arguments, asked, settings, project)
                for title, arguments, asked in (
                    ("job: empty", EMPTY, None),
                    ("job: tickets and checks", TICKETS, desk),
                    ("job: incremental, nothing changed", TICKETS, desk),
                    ("job: with reports, nothing changed", SYNC, desk),
                )
            }


def lines(what: str, pairs: Sequence[tuple[dict[str, Run], dict[str, Run]]]) -> Iterator[str]:
    """Yield a line of the table for each measured title."""
    for title in pairs[0][0]:
        old, new = ([each[side][title] for each in pairs] for side in (0, 1))
        before, now = median(old), median(new)
        pair = list(zip(old, new, strict=True))
        times = statistics.median(later.seconds / sooner.seconds for sooner, later in pair)
        memory = statistics.median(later.megabytes / sooner.megabytes for sooner, later in pair)
        yield (
            f"| {what}, {title} | {before.seconds:.3f} | {now.seconds:.3f} | {times:.3f} | "
            f"{before.megabytes:.0f} | {now.megabytes:.0f} | {memory:.3f} | "
            f"{before.requests:.0f} | {now.requests:.0f} |"
        )


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="the commit to compare with")
    parser.add_argument("--rows", type=int, default=100_000, help="number of tickets [%(default)s]")
    parser.add_argument("--repetitions", type=int, default=5, help="runs per median [%(default)s]")
    options = parser.parse_args()
    rows, few = options.rows, options.rows // 5
    say(
        "| what | before, s | now, s | times | before, MB | now, MB | times | requests before |"
        " now |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    with checkout(options.commit) as before:
        sides = {BEFORE: before, NOW: PROJECT}
        for what, tickets, desk_is, in_flight in (
            (f"{rows:,} tickets", rows, {}, 4),
            (f"{few:,} tickets at 50 ms", few, {"latency": 50}, 8),
            (f"{rows:,} wide tickets", rows, {"wide": True}, 4),
        ):
            progress(what)
            with served(tickets, **desk_is) as desk:
                results = interleaved(
                    {
                        side: partial(loads, project, desk, tickets, in_flight)
                        for side, project in sides.items()
                    },
                    options.repetitions,
                )
            for line in lines(what, list(zip(*results.values(), strict=True))):
                say(line)
        progress("dagster job execute")
        with served(rows) as desk:
            results = interleaved(
                {side: partial(jobs, project, desk, rows) for side, project in sides.items()},
                options.repetitions,
            )
        for line in lines(f"{rows:,} tickets", list(zip(*results.values(), strict=True))):
            say(line)
    say(
        f"\nMedians of {options.repetitions}, in turns; times: the median of the pairs' ratios. "
        f"Measured on: {machine()}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
