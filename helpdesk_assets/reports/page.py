"""The page of the report: one HTML file that holds its pictures and styles, and runs no script."""

import glob
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.reports.charts import CANNOT_BE_DRAWN, NONE, as_address
from helpdesk_assets.reports.tables import BACKLOG, CHANGES, VOLUME
from helpdesk_assets.reports.trust import CheckHistory
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.schema import TABLE

# Seconds after which nobody is writing a page any more.
LEFT_BEHIND = 3600
# Of the volume, the page has the numbers of as many days.
DAYS_LISTED = 14
MOVES_LISTED = 20
# Rows in a list, whatever it is of, and the letters that are asked for of a status.
MOST_LISTED = 200
LETTERS = 200
OF_THE_WALK = {
    "lag_seconds": "seconds from the newest change known to the load",
    "sync_mode": "how it was read",
    "completeness_verified": "verified that nothing was left out",
    "api_total": "tickets by the API's own count",
    "rows_read": "rows read",
    "rows_rejected": "rows that could not be read",
    "rows_deleted": "tickets found gone",
    "pages": "pages",
    "requests": "requests",
    "retries": "requests repeated",
    "seconds": "seconds",
}


@dataclass(frozen=True)
class Numbers:
    """What the page says in numbers.

    Attributes:
        tickets: those in the table that are not gone.
        unsolved: those of them that wait.
        opened: those opened in the last seven days, today included.
        undated: those without ``created_at``.
        days: day, status and number, of the last days; the newest first.
        backlog: bucket, number, and when the oldest was opened.
        moves: old status, new status, number, and when they were first seen; the newest first.
    """

    tickets: int
    unsolved: int
    opened: int
    undated: int
    days: Sequence[tuple[Any, ...]]
    backlog: Sequence[tuple[Any, ...]]
    moves: Sequence[tuple[Any, ...]]


def today_in(time_zone: str, moment: datetime) -> date:
    """Return the day that a moment is on, in a time zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def numbers(connection: duckdb.DuckDBPyConnection, today: date) -> Numbers:
    """Return what the page says, asked of the tables; the last days end with today."""

    def all_of(query: str, **given: Any) -> list[tuple[Any, ...]]:
        rows = connection.execute(query, given).fetchall()
        return [
            tuple(shown(value) if isinstance(value, str) else value for value in row)
            for row in rows
        ]

    ((tickets, undated),) = all_of(
        "select count(*), count(*) filter (created_at is null)"
        f" from {TABLE} where deleted_at is null"
    )
    ((unsolved,),) = all_of(f"select sum(tickets)::bigint from {BACKLOG.name}")
    ((opened,),) = all_of(
        f"select coalesce(sum(tickets), 0)::bigint from {VOLUME.name}"
        " where day > $today - 7 and day <= $today",
        today=today,
    )
    return Numbers(
        tickets=tickets,
        unsolved=unsolved,
        opened=opened,
        undated=undated,
        days=all_of(
            f"select day, coalesce(left(status, {LETTERS}), $none), tickets from {VOLUME.name}"
            f" where tickets > 0 and day > $today - {DAYS_LISTED} and day <= $today"
            f" order by day desc, tickets desc, 2 limit {MOST_LISTED}",
            none=NONE,
            today=today,
        ),
        backlog=all_of(
            f"select age_bucket, tickets, oldest_created_at from {BACKLOG.name} order by position"
        ),
        moves=all_of(
            f"select coalesce(left(old_status, {LETTERS}), $none),"
            f" coalesce(left(new_status, {LETTERS}), $none), count(*),"
            f" first_seen_at from {CHANGES.name} where not is_new group by all"
            f" order by first_seen_at desc, count(*) desc, 1, 2 limit {MOVES_LISTED}",
            none=NONE,
        ),
    )


def write_page(
    path: Path,
    connection: duckdb.DuckDBPyConnection,
    load: dg.EventLogEntry | None,
    checks: Sequence[CheckHistory],
    pictures: Mapping[str, bytes],
    time_zone: str,
) -> int:
    """Write the page, whole or not at all, and return its size in bytes.

    Args:
        path: where it goes.
        connection: to the tables, to read.
        load: what Dagster knows of the last load of the tickets.
        checks: what they have said of late.
        pictures: SVG by the name of the table.
        time_zone: what its times are in.

    Raises:
        dg.Failure: it cannot be written there.
    """
    zone, made_at = ZoneInfo(time_zone), datetime.now(timezone.utc)
    environment = Environment(
        loader=PackageLoader("helpdesk_assets.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["at"] = lambda moment: f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
    materialization = load.asset_materialization if load else None
    known = materialization.metadata if materialization else {}
    text = environment.get_template("page.html").render(
        numbers=numbers(connection, today_in(time_zone, made_at)),
        loaded_at=datetime.fromtimestamp(load.timestamp, timezone.utc) if load else None,
        made_at=made_at,
        walk=[(what, known[name].value) for name, what in OF_THE_WALK.items() if name in known],
        checks=checks,
        pictures={name: as_address(image) for name, image in pictures.items()},
        no_charts=CANNOT_BE_DRAWN,
        time_zone=time_zone,
    )
    body = text.encode()
    try:
        _remove_leftovers(path)
        # Nobody else can tell its name, and nobody else may read it; but who may read the page
        # that it takes the place of may read this one.
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
            new = Path(beside.name)
            try:
                beside.write(body)
                if path.exists():
                    shutil.copymode(path, new)
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise setting_failure(
            f"The report cannot be written to {path} ({error.strerror}): set "
            "REPORTS__HELP_DESK__PATH to the path of a file in a folder that is there."
        ) from None
    return len(body)


def _remove_leftovers(path: Path) -> None:
    """Remove what runs that were killed while they wrote this page have left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError):
            if left.is_file() and time.time() - left.lstat().st_mtime > LEFT_BEHIND:
                left.unlink()
