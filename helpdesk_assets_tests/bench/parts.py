"""Loads the parts of a full sync by one, two and four workers, into DuckLake.

See `make bench-scale`. Each part is a whole process of `dagster job execute`, and a worker starts
the next one when it has loaded one. The workers share nothing but the lake and the API, whose
responses take 50 ms. Afterwards, the parts are verified together.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from helpdesk_assets_tests.bench.__main__ import progress
from helpdesk_assets_tests.bench.measure import Desk, execute, served, settings_for
from helpdesk_assets_tests.support.profile import with_date_filter

WORKERS = (1, 2, 4)
MONTHS = 8
# Tickets of all months, unless fewer are measured.
TICKETS = 600_000
LATENCY = 50
PARTS = ("-m", "helpdesk_assets", "-j", "help_desk_parts")
VERIFICATION = ("-m", "helpdesk_assets", "-j", "help_desk_verify_parts")

# Return the settings of a new lake whose files are in a folder.
Lake = Callable[[Path], Mapping[str, str]]


def months(number: int) -> list[datetime]:
    """Return the beginnings of the last months, oldest first."""
    now = datetime.now(timezone.utc)
    last = now.year * 12 + now.month - 1
    return [
        datetime(month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)
        for month in range(last - number + 1, last + 1)
    ]


def seconds_of(desk: Desk, workers: int, lake: Lake) -> float:
    """Load all parts into a new lake, and return the seconds until the last one was loaded.

    Raises:
        AssertionError: a part was not loaded, or the parts are not all tickets.
    """
    begins = [f"{begin:%Y-%m-%d}" for begin in months(MONTHS)]
    left = iter(begins)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        more = {
            **lake(folder),
            "SOURCES__HELP_DESK__PROFILE": str(with_date_filter(folder / "profile.yaml")),
            "SCHEDULES__HELP_DESK_BACKFILL__START": begins[0],
        }
        # Each worker has an instance of its own.
        environments = [
            opened.enter_context(settings_for(desk, folder / "none.duckdb", **more))
            for _ in range(workers)
        ]

        def work(environment: Mapping[str, str]) -> None:
            for part in left:
                config = folder / f"{part}.json"
                config.write_text(
                    json.dumps({"ops": {"help_desk_part": {"config": {"part": part}}}})
                )
                execute((*PARTS, "-c", str(config)), None, environment)

        began = time.monotonic()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, environments))
        seconds = time.monotonic() - began
        execute(VERIFICATION, None, environments[0])
    return seconds


def parts_by_workers(tickets: int, lake: Lake) -> str:
    """Return the table of the seconds by number of workers."""
    measured = []
    with served(tickets, latency=LATENCY, since=months(MONTHS)[0]) as desk:
        for workers in WORKERS:
            progress(f"parts of {tickets:,} tickets, workers: {workers}")
            measured.append((workers, seconds_of(desk, workers, lake)))
    return "\n".join(_table(tickets, measured))


def _table(tickets: int, measured: Sequence[tuple[int, float]]) -> Iterator[str]:
    yield "| workers | seconds | times as fast as one | tickets per second |"
    yield "| ---: | ---: | ---: | ---: |"
    alone = measured[0][1]
    for workers, seconds in measured:
        yield (
            f"| {workers} | {seconds:.0f} | {alone / seconds:.2f} | {round(tickets / seconds):,} |"
        )
    yield ""
    yield (
        f"{tickets:,} tickets in {MONTHS} parts, {LATENCY} ms for each response, into DuckLake "
        "with its catalog in PostgreSQL. Each result was verified complete."
    )
