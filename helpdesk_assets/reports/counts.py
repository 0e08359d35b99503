"""Counts the tickets for the page, each query for all combinations of group and priority at once.

The queries read temporary tables in which ``g`` and ``p`` are the places of group and priority. In
their results, null stands for all.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.profiles.ticket_url import columns_in, url_of
from helpdesk_assets.reports.cell import AGES, COUNTED, OLDEST, PERIODS, SERIES, Cells, Key
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.schema import TABLE

METRICS, BACKLOG, BREACHES = "ticket_metrics", "ticket_backlog_daily", "sla_breaches"
# Maximum length of an id, a status, or a subject.
LETTERS = 60
CELL = "g, p"
SETS = "grouping sets ((g, p), (g), (p), ())"


def stage(
    connection: DuckDBPyConnection,
    given: Mapping[str, Any],
    *,
    groups: Sequence[str | None],
    priorities: Sequence[str | None],
    known: Sequence[str],
) -> None:
    """Create the temporary tables.

    Args:
        connection: for reading the models.
        given: the parameters of queries.
        groups, priorities: the names that have a place; all others share the place after them.
        known: those models that exist, of the ones that a desk may lack.
    """
    for name, values in {"page_groups": groups, "page_priorities": priorities}.items():
        connection.execute(f"create or replace temp table {name} (name varchar, place integer)")
        if values:
            connection.executemany(
                f"insert into {name} values (?, ?)",
                [(value, place) for place, value in enumerate(values)],
            )

    def placed(table: str, columns: str) -> str:
        return (
            f"select {columns}, coalesce(groups.place, {len(groups)}) as g,"
            f" coalesce(priorities.place, {len(priorities)}) as p from {table} as rows"
            " left join page_groups as groups on groups.name is not distinct from rows.group_name"
            " left join page_priorities as priorities"
            " on priorities.name is not distinct from rows.priority"
        )

    nothing = "select 0 as g, 0 as p"
    staged = {
        "page_tickets": placed(
            METRICS,
            "ticket_id, status, is_solved, created_at, first_reply_at, solved_at,"
            " first_reply_minutes, first_reply_business_minutes, resolution_minutes,"
            " resolution_business_minutes",
        ),
        "page_backlog": placed(BACKLOG, "day, tickets")
        if BACKLOG in known
        else f"{nothing}, null::date as day, 0 as tickets limit 0",
        "page_targets": placed(BREACHES, "ticket_id, due_at, is_breached, is_open")
        if BREACHES in known
        else f"{nothing}, 0 as ticket_id, null::timestamptz as due_at, false as is_breached,"
        " false as is_open limit 0",
    }
    for name, query in staged.items():
        connection.execute(f"create or replace temp table {name} as {query}")
    connection.execute(
        "create or replace temp table page_events as"
        " select kind, date_diff('day', day, $today) as days_ago, g, p, minutes, business, breached"
        " from ("
        " select 'opened' as kind, cast(timezone($timezone, created_at) as date) as day, g, p,"
        " null::double as minutes, null::double as business, false as breached from page_tickets"
        " union all select 'replied', cast(timezone($timezone, first_reply_at) as date), g, p,"
        " first_reply_minutes, first_reply_business_minutes, false from page_tickets"
        " union all select 'solved', cast(timezone($timezone, solved_at) as date), g, p,"
        " resolution_minutes, resolution_business_minutes, false from page_tickets"
        " union all select 'due', cast(timezone($timezone, due_at) as date), g, p,"
        " null, null, is_breached from page_targets where due_at <= $as_of)"
        f" where day <= $today and day > $today::date - {2 * max(PERIODS)}",
        given,
    )


def add_series(connection: DuckDBPyConnection, cells: Cells) -> None:
    """Add what happened by day and by week."""
    for name, (width, count) in SERIES.items():
        for key, kind, place, values in _events(connection, width, count):
            series = getattr(cells[key], name)
            for what, value in _measured(kind, values).items():
                empty = 0 if what in COUNTED else None
                series.setdefault(what, [empty] * count)[count - 1 - place] = value


def add_periods(connection: DuckDBPyConnection, cells: Cells) -> None:
    """Add what happened in each period and in the one before."""
    for period, width in enumerate(PERIODS):
        for key, kind, place, values in _events(connection, width, 2):
            known = cells[key].periods[period]
            for what, value in {**_measured(kind, values), **_in_business(kind, values)}.items():
                known.setdefault(what, [0 if what in COUNTED else None] * 2)[place] = value


def _measured(kind: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return the measures of a kind of event by name."""
    tickets, median, ninth, _, breached = values
    if kind == "opened":
        return {"opened": tickets}
    if kind == "due":
        return {"due": tickets, "breached": breached}
    name = "reply" if kind == "replied" else "resolution"
    of_tickets = {"solved": tickets} if kind == "solved" else {}
    return {**of_tickets, name: _rounded(median), f"{name}_90": _rounded(ninth)}


def _in_business(kind: str, values: Sequence[Any]) -> dict[str, Any]:
    names = {"replied": "reply_business", "solved": "resolution_business"}
    return {names[kind]: _rounded(values[3])} if kind in names else {}


def _rounded(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes)


def _events(
    connection: DuckDBPyConnection, width: int, count: int
) -> Iterator[tuple[Key, str, int, Sequence[Any]]]:
    """Yield the cell, kind, place from the end, and measures of all events of the last days.

    Args:
        connection: with the temporary tables.
        width: the number of days that are one place.
        count: the number of places.
    """
    rows = connection.execute(
        f"select {CELL}, kind, days_ago // {width} as place, count(*), median(minutes),"
        " quantile_cont(minutes, 0.9), median(business), count(*) filter (breached)"
        f" from page_events where days_ago < {width * count} group by grouping sets"
        " ((kind, place, g, p), (kind, place, g), (kind, place, p), (kind, place))"
    ).fetchall()
    for g, p, kind, place, *values in rows:
        yield (g, p), kind, place, values


def add_open(connection: DuckDBPyConnection, given: Mapping[str, Any], cells: Cells) -> None:
    """Add the open tickets by age, and those that are late."""
    age = "(epoch($as_of) - epoch(created_at)) / 86400"
    limits = [-1e9, *AGES, 1e9]
    buckets = ", ".join(
        f"count(*) filter ({age} >= {low} and {age} < {high})" for low, high in pairwise(limits)
    )
    rows = connection.execute(
        f"select {CELL}, count(*), {buckets}, count(*) filter (created_at is null)"
        f" from page_tickets where not is_solved group by {SETS}",
        {"as_of": given["as_of"]},
    ).fetchall()
    for g, p, number, *ages in rows:
        cells[g, p].open, cells[g, p].ages = number, ages
    rows = connection.execute(
        f"select {CELL}, count(distinct ticket_id) filter (due_at <= $as_of),"
        " count(distinct ticket_id)"
        " filter (due_at > $as_of and due_at <= $as_of + interval 24 hours)"
        f" from page_targets where is_open group by {SETS}",
        {"as_of": given["as_of"]},
    ).fetchall()
    for g, p, late, soon in rows:
        cells[g, p].late, cells[g, p].soon = late, soon


def add_backlog(connection: DuckDBPyConnection, given: Mapping[str, Any], cells: Cells) -> None:
    """Add the open tickets at the end of each day and week to the cells that there are.

    For today, they are those that are open now; before the first day of the backlog, unknown.
    """
    ((first,),) = connection.execute("select min(day) from page_backlog").fetchall()
    if first is None:
        return
    for name, (width, count) in SERIES.items():
        known = min(count, (given["today"] - first).days // width + 1)
        for cell in cells.values():
            getattr(cell, name)["open"] = [None] * (count - known) + [0] * known
        rows = connection.execute(
            f"select {CELL}, date_diff('day', day, $today) // {width} as place,"
            " sum(tickets)::bigint from page_backlog"
            f" where date_diff('day', day, $today) % {width} = 0"
            f" and day <= $today and day > $today::date - {width * count} group by grouping sets"
            " ((place, g, p), (place, g), (place, p), (place))",
            {"today": given["today"]},
        ).fetchall()
        for g, p, place, number in rows:
            if (g, p) in cells:
                getattr(cells[g, p], name)["open"][count - 1 - place] = number
        for cell in cells.values():
            getattr(cell, name)["open"][-1] = cell.open


def add_hours(connection: DuckDBPyConnection, given: Mapping[str, Any], cells: Cells) -> None:
    """Add the tickets opened by weekday and hour."""
    numbers = ", ".join(f"count(*) filter (days_ago < {period})" for period in PERIODS)
    rows = connection.execute(
        f"select {CELL}, hour, {numbers} from ("
        " select g, p, date_diff('day', local::date, $today) as days_ago,"
        " (isodow(local) - 1) * 24 + hour(local) as hour"
        " from (select g, p, timezone($timezone, created_at) as local from page_tickets))"
        f" where days_ago >= 0 and days_ago < {max(PERIODS)}"
        " group by grouping sets ((hour, g, p), (hour, g), (hour, p), (hour))",
        {"today": given["today"], "timezone": given["timezone"]},
    ).fetchall()
    for g, p, hour, *counts in rows:
        for period, number in enumerate(counts):
            cells[g, p].hours[period][hour] = number


def add_oldest(
    connection: DuckDBPyConnection,
    given: Mapping[str, Any],
    cells: Cells,
    *,
    ticket_url: str | None,
    subjects: bool,
) -> None:
    """Add the open tickets that were opened first, of each single group and priority."""
    columns = list(dict.fromkeys(columns_in(ticket_url))) if ticket_url else []
    chosen = [f'tickets."{column}"' for column in columns]
    rows = connection.execute(
        "with oldest as (select * from page_tickets"
        " where not is_solved and created_at is not null qualify"
        " row_number() over (partition by g, p order by created_at, ticket_id)"
        f" <= {OLDEST})"
        " select g, p, ticket_id, oldest.status, greatest(0, epoch($as_of)"
        " - epoch(oldest.created_at))::bigint // 60,"
        f" {'left(tickets.subject, 500)' if subjects else 'null'}"
        f"{''.join(f', {column}' for column in chosen)}"
        f" from oldest left join {TABLE} as tickets on tickets.id = ticket_id"
        " order by oldest.created_at, ticket_id",
        {"as_of": given["as_of"]},
    ).fetchall()
    for g, p, ticket, status, minutes, subject, *values in rows:
        url = url_of(ticket_url, dict(zip(columns, values, strict=True))) if ticket_url else None
        cells[g, p].oldest.append(
            (
                shown(ticket, LETTERS),
                None if subject is None else shown(subject, LETTERS),
                None if status is None else shown(status, LETTERS),
                minutes,
                url,
            )
        )
