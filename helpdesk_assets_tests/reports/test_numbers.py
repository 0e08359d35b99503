"""Every number of the page equals a count in Python, for each group and priority."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpdesk_assets.reports.cell import OLDEST, PERIODS, SERIES, Cell
from helpdesk_assets.reports.numbers import (
    MOST_GROUPS,
    MOST_PRIORITIES,
    OTHERS,
    Numbers,
    first_days,
    numbers,
)
from helpdesk_assets_tests.conftest import at_length

BERLIN = ZoneInfo("Europe/Berlin")
# Two days after daylight saving time ended in Berlin: one of the last days has 25 hours.
AS_OF = datetime(2026, 10, 27, 22, 30, tzinfo=timezone.utc)
TODAY = AS_OF.astimezone(BERLIN).date()
# The days of the backlog, which does not reach back to the first of the page.
STORED = [TODAY - timedelta(days=ago) for ago in range(200)]
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


@dataclass(frozen=True)
class Ticket:
    """What the models know of a ticket."""

    id: int
    group: str | None
    priority: str | None
    created_at: datetime | None
    replied_at: datetime | None
    solved_at: datetime | None
    due_at: datetime | None
    is_breached: bool

    @property
    def is_solved(self) -> bool:
        return self.solved_at is not None

    def minutes_to(self, moment: datetime | None) -> float | None:
        if not moment or not self.created_at:
            return None
        return (moment - self.created_at) / timedelta(minutes=1)


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
                 t.solved_at, t.minutes_to(t.replied_at), half(t.minutes_to(t.replied_at)),
                 t.minutes_to(t.solved_at), half(t.minutes_to(t.solved_at)))
                for t in tickets
            ],
            "ticket_backlog_daily": [
                (day, "open", t.priority, t.group, 1)
                for t, day in product(tickets, STORED)
                if was_open(t, day)
            ],
            "sla_breaches": [
                (t.id, "first_reply", t.priority, t.group, t.due_at, t.is_breached, not t.is_solved)
                for t in tickets if t.due_at
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
    return moment.astimezone(BERLIN).date() if moment else None


def was_open(ticket: Ticket, day: date) -> bool:
    created, solved = day_of(ticket.created_at), day_of(ticket.solved_at)
    return bool(created and created <= day and not (solved and solved <= day))


def quantile(values: Iterable[float | None], share: float) -> Any:
    """Return a quantile, which the page rounds to a minute."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    place = share * (len(known) - 1)
    low, high = known[int(place)], known[min(int(place) + 1, len(known) - 1)]
    return pytest.approx(low + (high - low) * (place % 1), abs=0.501)


def measured(tickets: Sequence[Ticket], start: date, end: date) -> dict[str, Any]:
    """Return all measures of what happened on some days."""

    def within(moment: datetime | None) -> bool:
        day = day_of(moment)
        return day is not None and start <= day <= end

    replied = [t.minutes_to(t.replied_at) for t in tickets if within(t.replied_at)]
    solved = [t.minutes_to(t.solved_at) for t in tickets if within(t.solved_at)]
    due = [t for t in tickets if t.due_at and t.due_at <= AS_OF and within(t.due_at)]
    return {
        "opened": sum(within(t.created_at) for t in tickets),
        "solved": len(solved),
        "due": len(due),
        "breached": sum(t.is_breached for t in due),
        "reply": quantile(replied, 0.5),
        "reply_90": quantile(replied, 0.9),
        "reply_business": quantile(map(half, replied), 0.5),
        "resolution": quantile(solved, 0.5),
        "resolution_90": quantile(solved, 0.9),
        "resolution_business": quantile(map(half, solved), 0.5),
    }


def compare(cell: Cell, tickets: Sequence[Ticket], first_backlog: date | None) -> None:
    """Compare all numbers of a cell with those of its tickets."""
    unsolved = [t for t in tickets if not t.is_solved]
    days_open = [(AS_OF - t.created_at) / timedelta(days=1) for t in unsolved if t.created_at]
    limits = [float("-inf"), 1, 7, 30, 90, float("inf")]
    assert cell.open == len(unsolved)
    assert cell.ages == [
        *(sum(low <= age < high for age in days_open) for low, high in pairwise(limits)),
        len(unsolved) - len(days_open),
    ]
    targets = [t.due_at for t in unsolved if t.due_at]
    assert cell.late == sum(due <= AS_OF for due in targets)
    assert cell.soon == sum(AS_OF < due <= AS_OF + timedelta(hours=24) for due in targets)
    for name, (width, _) in SERIES.items():
        for place, start in enumerate(first_days(TODAY)[name]):
            end = start + timedelta(days=width - 1)
            expected = measured(tickets, start, end)
            series = {what: values[place] for what, values in getattr(cell, name).items()}
            series.pop("open", None)
            nothing = measured([], TODAY, TODAY)
            assert {**nothing, **series} == {
                what: value for what, value in expected.items() if "business" not in what
            } | {"reply_business": None, "resolution_business": None}
            if first_backlog:
                seen = getattr(cell, name)["open"][place]
                of_day = sum(was_open(t, end) for t in tickets) if end >= first_backlog else None
                assert seen == (len(unsolved) if end == TODAY else of_day)
    for place, width in enumerate(PERIODS):
        for before in (0, 1):
            end = TODAY - timedelta(days=width * before)
            start = end - timedelta(days=width - 1)
            expected = measured(tickets, start, end)
            nothing = measured([], TODAY, TODAY)
            assert {
                **nothing, **{what: values[before] for what, values in cell.periods[place].items()}
            } == expected  # fmt: skip
        start = TODAY - timedelta(days=width - 1)
        hours = [0] * 168
        for ticket in tickets:
            if ticket.created_at and start <= ticket.created_at.astimezone(BERLIN).date() <= TODAY:
                local = ticket.created_at.astimezone(BERLIN)
                hours[24 * local.weekday() + local.hour] += 1
        assert cell.hours[place] == hours


def count(connection: duckdb.DuckDBPyConnection, **given: Any) -> Numbers:
    return numbers(connection, AS_OF, "Europe/Berlin", **given)


def moments(first_days_ago: float, last_days_ago: float) -> st.SearchStrategy[datetime]:
    """Return moments around now, in whole minutes."""
    return st.integers(int(last_days_ago * 1440), int(first_days_ago * 1440)).map(
        lambda minutes: AS_OF - timedelta(minutes=minutes)
    )


TICKETS = st.lists(
    st.builds(
        Ticket,
        id=st.just(0),
        group=st.sampled_from([None, "Support", "Sales", "</script>", *map(str, range(12))]),
        priority=st.sampled_from([None, "low", "urgent", *"abcdef"]),
        # Some are opened in the future, by a wrong clock, and some are solved before that.
        created_at=st.none() | moments(800, -3) | moments(3, 0),
        replied_at=st.none() | moments(700, 0),
        solved_at=st.none() | moments(700, 0) | moments(3, 0),
        due_at=st.none() | moments(700, -3),
        is_breached=st.booleans(),
    ),
    max_size=25,
)


@pytest.mark.parametrize("examples", at_length([5, 40], short=1))
def test_numbers_match_the_tickets_of_each_group_and_priority(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(TICKETS)
    def look(made: list[Ticket]) -> None:
        tickets = [Ticket(**{**vars(ticket), "id": place}) for place, ticket in enumerate(made)]
        with models(tickets) as connection:
            found = count(connection)
        assert found.tickets == len(tickets)
        assert found.undated == sum(t.created_at is None for t in tickets)
        days = [day for day in STORED if any(was_open(t, day) for t in tickets)]
        places = placed(found.groups, "no group"), placed(found.priorities, "no priority")
        groups: list[int | None] = [None, *sorted({places[0](t.group) for t in tickets})]
        priorities: list[int | None] = [None, *sorted({places[1](t.priority) for t in tickets})]
        assert len(groups) <= MOST_GROUPS + 2
        assert len(priorities) <= MOST_PRIORITIES + 2
        for key in product(groups, priorities):
            chosen = [
                ticket for ticket in tickets
                if (key[0] is None or places[0](ticket.group) == key[0])
                and (key[1] is None or places[1](ticket.priority) == key[1])
            ]  # fmt: skip
            if chosen:
                compare(found.cells.get(key, Cell()), chosen, min(days, default=None))
            else:
                assert key not in found.cells or key == (None, None)

    look()


def placed(labels: Sequence[str], nothing: str) -> Callable[[str | None], int]:
    """Return how to find the place of a name among labels."""

    def place(name: str | None) -> int:
        if not labels:
            return 0
        label = nothing if name is None else name
        return labels.index(label if label in labels else OTHERS)

    return place


def some(number: int, **changed: Any) -> list[Ticket]:
    """Return tickets that were opened one hour after another, the last one an hour ago."""
    return [
        Ticket(
            **{
                "id": place,
                "group": None,
                "priority": None,
                "created_at": AS_OF - timedelta(hours=number - place),
                "replied_at": None,
                "solved_at": None,
                "due_at": None,
                "is_breached": False,
                **changed,
            }
        )
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
        Ticket(**{**vars(ticket), "due_at": AS_OF + timedelta(hours=due)})
        for ticket, due in zip(some(len(hours)), hours, strict=True)
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
