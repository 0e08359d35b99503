"""Every number of the page equals a count in Python, for each group and priority."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpdesk_assets.reports.cell import OLDEST
from helpdesk_assets.reports.numbers import Numbers, numbers
from helpdesk_assets_tests.conftest import at_length
from helpdesk_assets_tests.reports.expected import Page, Target, Ticket

BERLIN = ZoneInfo("Europe/Berlin")
# Two days after daylight saving time ended in Berlin: one of the last days has 25 hours.
AS_OF = datetime(2026, 10, 27, 22, 30, tzinfo=timezone.utc)
PAGE = Page(AS_OF, BERLIN)
# The days of the backlog, which does not reach back to the first of the page.
STORED = [PAGE.today - timedelta(days=ago) for ago in range(200)]
MINUTE = timedelta(minutes=1)
URL = "https://desk.example.com/tickets/{id}"
COLUMNS = {
    "ticket_metrics": (
        "ticket_id bigint, status varchar, is_solved boolean, priority varchar,"
        " group_name varchar, created_at timestamptz, first_reply_at timestamptz,"
        " solved_at timestamptz, first_reply_minutes double, first_reply_business_minutes double,"
        " resolution_minutes double, resolution_business_minutes double"
    ),
    "ticket_backlog_daily": (
        "day date, status varchar, priority varchar, group_name varchar, tickets bigint"
    ),
    "sla_breaches": (
        "ticket_id bigint, target varchar, priority varchar, group_name varchar,"
        " due_at timestamptz, is_breached boolean, is_open boolean"
    ),
    "help_desk_tickets": "id bigint, subject varchar",
}


def ticket_with(
    number: int,
    *,
    group: str | None = None,
    priority: str | None = None,
    created_at: datetime | None = None,
    replied_at: datetime | None = None,
    solved_at: datetime | None = None,
    due_at: datetime | None = None,
    is_breached: bool = False,
) -> Ticket:
    """Return a ticket. Half of the time until its reply and its solution is in business hours."""

    def minutes_to(moment: datetime | None) -> float | None:
        return (moment - created_at) / MINUTE if moment and created_at else None

    reply, resolution = minutes_to(replied_at), minutes_to(solved_at)
    created, solved = (day_of(moment) for moment in (created_at, solved_at))
    return Ticket(
        id=number,
        group=group,
        priority=priority,
        created_at=created_at,
        replied_at=replied_at,
        solved_at=solved_at,
        is_solved=solved_at is not None,
        reply=reply,
        reply_business=half(reply),
        resolution=resolution,
        resolution_business=half(resolution),
        targets=[Target(due_at, is_breached, is_open=solved_at is None)] if due_at else [],
        open_days={
            day for day in STORED if created and created <= day and not (solved and solved <= day)
        },
    )


@contextmanager
def models(tickets: Sequence[Ticket], *, without: Sequence[str] = ()) -> Iterator[Any]:
    """Store the models of tickets in a database; the backlog is that of the days of the page."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'America/New_York'")
        for table, columns in COLUMNS.items():
            if table not in without:
                connection.execute(f"create table {table} ({columns})")
        rows: dict[str, list[tuple[Any, ...]]] = {
            "ticket_metrics": [
                (t.id, "open", t.is_solved, t.priority, t.group, t.created_at, t.replied_at,
                 t.solved_at, t.reply, t.reply_business, t.resolution, t.resolution_business)
                for t in tickets
            ],
            "ticket_backlog_daily": [
                (day, "open", t.priority, t.group, 1)
                for t in tickets for day in sorted(t.open_days)
            ],
            "sla_breaches": [
                (t.id, "first_reply", t.priority, t.group, target.due_at, target.is_breached,
                 target.is_open)
                for t in tickets for target in t.targets
            ],
            "help_desk_tickets": [(t.id, f"subject of {t.id}") for t in tickets],
        }  # fmt: skip
        for table, values in rows.items():
            if table not in without and values:
                lists = [list(column) for column in zip(*values, strict=True)]
                arrow = pa.table(lists, names=[str(place) for place in range(len(lists))])
                connection.register("made", arrow)
                connection.execute(f"insert into {table} from made")
        yield connection


def half(minutes: float | None) -> float | None:
    return None if minutes is None else minutes / 2


@cache
def day_of(moment: datetime | None) -> date | None:
    return PAGE.day_of(moment) if moment else None


def count(connection: duckdb.DuckDBPyConnection, **given: Any) -> Numbers:
    return numbers(connection, AS_OF, "Europe/Berlin", **given)


def moments(first_days_ago: float, last_days_ago: float) -> st.SearchStrategy[datetime]:
    """Return moments around now, in whole minutes."""
    return st.integers(int(last_days_ago * 1440), int(first_days_ago * 1440)).map(
        lambda minutes: AS_OF - timedelta(minutes=minutes)
    )


MADE = st.lists(
    st.fixed_dictionaries(
        {
            "group": st.sampled_from([None, "Support", "Sales", "</script>", *map(str, range(12))]),
            "priority": st.sampled_from([None, "low", "urgent", *"abcdef"]),
            # Some are opened in the future, by a wrong clock, and some are solved before that.
            "created_at": st.none() | moments(800, -3) | moments(3, 0),
            "replied_at": st.none() | moments(700, 0),
            "solved_at": st.none() | moments(700, 0) | moments(3, 0),
            "due_at": st.none() | moments(700, -3),
            "is_breached": st.booleans(),
        }
    ),
    max_size=25,
)


@pytest.mark.parametrize("examples", at_length([5, 40], short=1))
def test_numbers_match_the_tickets_of_each_group_and_priority(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(MADE)
    def look(made: list[dict[str, Any]]) -> None:
        tickets = [ticket_with(place, **facts) for place, facts in enumerate(made)]
        with models(tickets) as connection:
            found = count(connection)
        days = [day for each in tickets for day in each.open_days]
        PAGE.compare(found, tickets, min(days, default=None))

    look()


def some(number: int, **facts: Any) -> list[Ticket]:
    """Return tickets that were opened one hour after another, the last one an hour ago."""
    return [
        ticket_with(place, created_at=AS_OF - timedelta(hours=number - place), **facts)
        for place in range(number)
    ]


def test_oldest_tickets_are_listed_with_links() -> None:
    with models(some(30)) as connection:
        cells = count(connection, ticket_url=URL).cells

    assert [ticket[0] for ticket in cells[0, 0].oldest] == [str(place) for place in range(OLDEST)]
    assert cells[0, 0].oldest[0] == ("0", None, "open", 30 * 60, URL.format(id=0))


def test_targets_of_open_tickets_are_late_or_due_soon() -> None:
    hours = (-1, 0, 1, 24, 24.1)
    tickets = [
        ticket_with(place, created_at=AS_OF, due_at=AS_OF + timedelta(hours=due))
        for place, due in enumerate(hours)
    ]
    with models(tickets) as connection:
        cell = count(connection).cells[None, None]

    assert (cell.late, cell.soon) == (2, 2)


def test_subjects_are_read_only_if_wanted() -> None:
    with models(some(1)) as connection:
        (ticket,) = count(connection, subjects=True).cells[0, 0].oldest
        (without,) = count(connection).cells[0, 0].oldest

    assert ticket[1] == "subject of 0"
    assert without[1] is None
    assert without[4] is None


@pytest.mark.parametrize("lacking", ["ticket_backlog_daily", "sla_breaches"])
def test_parts_without_a_table_are_omitted(lacking: str) -> None:
    with models(some(3), without=[lacking]) as connection:
        found = count(connection)

    assert found.has == {
        "replies": False,
        "solved": False,
        "backlog": lacking != "ticket_backlog_daily",
        "targets": False,
        "links": False,
    }
    assert found.groups == found.priorities == []


def test_priorities_are_listed_by_urgency_and_groups_by_size() -> None:
    tickets = [
        *some(2, priority="low", group="Sales"),
        *some(1, priority="Urgent", group="Billing"),
        *some(3, priority="normal", group="Support"),
    ]
    with models(tickets) as connection:
        found = count(connection)

    assert found.priorities == ["Urgent", "normal", "low"]
    assert found.groups == ["Support", "Sales", "Billing"]
