"""The report page: one self-contained HTML file, without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined

from helpdesk_assets.assets.metadata import LAG_SECONDS, NEWEST_TICKET_AGE, age_of
from helpdesk_assets.models.assets import today_in
from helpdesk_assets.models.charts import NONE, as_address
from helpdesk_assets.models.tickets import BACKLOG, CHANGES, VOLUME
from helpdesk_assets.models.trust import CheckHistory
from helpdesk_assets.reports.place import write_to
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.schema import TABLE

# Days in the volume table of the page.
DAYS_LISTED = 14
MOVES_LISTED = 20
# Maximum number of rows in a table of the page, and the maximum length of a status.
MOST_LISTED = 200
LETTERS = 200
OF_THE_WALK = {
    NEWEST_TICKET_AGE: "age of newest ticket",
    "sync_mode": "sync mode",
    "completeness_verified": "completeness verified",
    "api_total": "total reported by the API",
    "rows_read": "rows read",
    "rows_rejected": "rows rejected",
    "rows_deleted": "deleted tickets found",
    "pages": "pages",
    "requests": "requests",
    "retries": "request retries",
    "seconds": "duration in seconds",
}


@dataclass(frozen=True)
class Numbers:
    """The numbers on the page.

    Attributes:
        tickets: tickets that are not deleted.
        unsolved: tickets that are not solved.
        opened: tickets opened in the last seven days, including today.
        undated: tickets without ``created_at``.
        days: day, status and number of tickets, newest first.
        backlog: bucket, number of tickets, and creation time of the oldest one.
        moves: old status, new status, number of tickets, and when they were first seen, newest
            first.
    """

    tickets: int
    unsolved: int
    opened: int
    undated: int
    days: Sequence[tuple[Any, ...]]
    backlog: Sequence[tuple[Any, ...]]
    moves: Sequence[tuple[Any, ...]]


def numbers(connection: duckdb.DuckDBPyConnection, today: date) -> Numbers:
    """Return the numbers on the page, queried from the tables; the last days end today."""

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
    address: str,
    connection: duckdb.DuckDBPyConnection,
    load: dg.EventLogEntry | None,
    checks: Sequence[CheckHistory],
    pictures: Mapping[str, str],
    time_zone: str,
    *,
    desk: str,
) -> int:
    """Write the page atomically, and return its size in bytes.

    Args:
        address: the local path or the address of the page.
        connection: for reading the tables.
        load: the event of the last load of the tickets.
        checks: the recent results of the checks.
        pictures: SVG by table name.
        time_zone: the time zone of times on the page.
        desk: the name of the help desk.

    Raises:
        dg.Failure: the page cannot be written.
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
        walk=_of_the_load({name: entry.value for name, entry in known.items()}),
        checks=checks,
        pictures={name: as_address(image) for name, image in pictures.items()},
        time_zone=time_zone,
    )
    body = text.encode()
    write_to(address, body, desk=desk)
    return len(body)


def _of_the_load(known: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the labels and values of a load's metadata that are shown."""
    if LAG_SECONDS in known:
        # Earlier versions recorded only the number.
        known.setdefault(NEWEST_TICKET_AGE, age_of(known[LAG_SECONDS]))
    return [(what, known[name]) for name, what in OF_THE_WALK.items() if name in known]
