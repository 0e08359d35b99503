"""The numbers of the page: counted by DuckDB for each combination of group and priority.

The page filters without a network. Therefore it contains the numbers of each combination, among
them exact medians, which cannot be derived from those of its parts. Rare groups and priorities are
added up, so that the size of the page does not depend on the number of tickets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.models.calendar import today_in
from helpdesk_assets.reports import counts
from helpdesk_assets.reports.cell import SERIES, Cell, Cells, Key
from helpdesk_assets.reports.counts import BACKLOG, BREACHES, METRICS
from helpdesk_assets.shown import shown

MOST_GROUPS, MOST_PRIORITIES = 10, 6
# Maximum length of a name.
LETTERS = 60
OTHERS = "others"
# Priorities of help desks, most urgent first. Others follow, most frequent first.
BY_URGENCY = (
    *("blocker", "urgent", "critical", "highest", "immediate", "p1", "high", "major", "p2"),
    *("normal", "medium", "moderate", "p3", "low", "minor", "p4", "lowest", "planning", "trivial"),
)


@dataclass(frozen=True)
class Numbers:
    """What the page shows of the tickets.

    Attributes:
        today: the last day of all periods, in the time zone of the reports.
        tickets: tickets that are not deleted.
        undated: those of them without ``created_at``.
        groups, priorities: the names that can be selected.
        has: whether there is anything to show of ``replies``, ``solved``, ``backlog``, ``targets``
            and ``links``.
        cells: the numbers by group and priority, each by its position in the names, or None for
            all. See Cell.
    """

    today: date
    tickets: int
    undated: int
    groups: Sequence[str]
    priorities: Sequence[str]
    has: Mapping[str, bool]
    cells: Mapping[Key, Cell]


def numbers(
    connection: DuckDBPyConnection,
    as_of: datetime,
    time_zone: str,
    *,
    ticket_url: str | None = None,
    subjects: bool = False,
) -> Numbers:
    """Count what the page shows.

    Args:
        connection: for reading, with the schema set to the tickets' dataset.
        as_of: the current time.
        time_zone: the time zone of days and hours.
        ticket_url: the URL of a ticket with columns in braces; None if there is none.
        subjects: whether to read subjects.

    Raises:
        duckdb.CatalogException: ``ticket_metrics`` does not exist.
    """
    today = today_in(time_zone, as_of)
    given: Mapping[str, Any] = {"today": today, "as_of": as_of, "timezone": time_zone}
    groups = _names(connection, "group_name", MOST_GROUPS)
    priorities = _names(connection, "priority", MOST_PRIORITIES)
    counts.stage(
        connection,
        given,
        groups=groups[0],
        priorities=priorities[0],
        known=[name for name in (BACKLOG, BREACHES) if _exists(connection, name)],
    )
    ((tickets, undated, replied, solved, backlog, targets),) = connection.execute(
        "select count(*), count(*) - count(created_at), count(first_reply_at), count(solved_at),"
        " (select count(*) from page_backlog), (select count(*) from page_targets)"
        " from page_tickets"
    ).fetchall()
    cells = Cells()
    cells[None, None]
    counts.add_open(connection, given, cells)
    counts.add_hours(connection, given, cells)
    counts.add_series(connection, cells)
    counts.add_periods(connection, cells)
    counts.add_oldest(connection, given, cells, ticket_url=ticket_url, subjects=subjects)
    counts.add_backlog(connection, given, cells)
    return Numbers(
        today=today,
        tickets=tickets,
        undated=undated,
        groups=_labels(groups, "no group"),
        priorities=_labels(priorities, "no priority"),
        has={
            "replies": replied > 0,
            "solved": solved > 0,
            "backlog": backlog > 0,
            "targets": targets > 0,
            "links": ticket_url is not None,
        },
        cells=cells,
    )


def first_days(today: date) -> Mapping[str, Sequence[date]]:
    """Return the first day of each day or week of the series, oldest first."""
    return {
        name: [today - timedelta(days=width * (count - place) - 1) for place in range(count)]
        for name, (width, count) in SERIES.items()
    }


def _exists(connection: DuckDBPyConnection, table: str) -> bool:
    try:
        connection.execute(f"select 1 from {table} limit 0")
    except duckdb.CatalogException:
        return False
    return True


def _names(connection: DuckDBPyConnection, column: str, most: int) -> tuple[Sequence[Any], bool]:
    """Return the most frequent values of a column, null among them, and whether there are others.

    There are no values if all are null.
    """
    rows = connection.execute(
        f"select {column} from {METRICS} group by {column}"
        f" order by count(*) desc, {column} nulls last limit {most + 1}"
    ).fetchall()
    names = [name for (name,) in rows]
    if names in ([], [None]):
        return [], False
    return sorted(names[:most], key=_urgency), len(names) > most


def _urgency(name: str | None) -> int:
    """Return the place of a priority; other names keep their order, and null is last."""
    if name is None:
        return len(BY_URGENCY) + 1
    place = name.strip().lower()
    return BY_URGENCY.index(place) if place in BY_URGENCY else len(BY_URGENCY)


def _labels(names: tuple[Sequence[Any], bool], nothing: str) -> Sequence[str]:
    values, has_others = names
    labels = [nothing if name is None else shown(name, LETTERS) for name in values]
    return [*labels, OTHERS] if has_others else labels
