"""Every number of the page, counted in Python."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from helpdesk_assets.reports.cell import PERIODS, SERIES, Cell
from helpdesk_assets.reports.numbers import (
    MOST_GROUPS,
    MOST_PRIORITIES,
    OTHERS,
    Numbers,
    first_days,
)


@dataclass(frozen=True)
class Target:
    """A target of a service level.

    Attributes:
        due_at: when it is due.
        is_breached: whether it was missed.
        is_open: whether it has not been met yet.
    """

    due_at: datetime
    is_breached: bool
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What is known of a ticket; durations are in minutes.

    Attributes:
        group, priority: their names.
        created_at, replied_at, solved_at: when that happened.
        is_solved: whether it is solved now.
        reply, resolution: the durations until the first reply and the last solution.
        reply_business, resolution_business: the same in business hours.
        targets: of service levels.
        open_days: the days at whose end it was open.
    """

    id: int
    group: str | None
    priority: str | None
    created_at: datetime | None
    replied_at: datetime | None
    solved_at: datetime | None
    is_solved: bool
    reply: float | None
    reply_business: float | None
    resolution: float | None
    resolution_business: float | None
    targets: Sequence[Target]
    open_days: Collection[date]


@dataclass(frozen=True)
class Page:
    """When and where a page is read.

    Attributes:
        as_of: the time.
        zone: the time zone of its days.
    """

    as_of: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.day_of(self.as_of)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def compare(
        self, found: Numbers, tickets: Sequence[Ticket], first_backlog: date | None
    ) -> None:
        """Compare the numbers of all combinations of group and priority with their tickets.

        Args:
            found: the numbers.
            tickets: the tickets.
            first_backlog: the first day of the backlog; None if there is none.
        """
        assert found.tickets == len(tickets)
        assert found.undated == sum(ticket.created_at is None for ticket in tickets)
        places = _placed(found.groups, "no group"), _placed(found.priorities, "no priority")
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
                self._compare(found.cells.get(key, Cell()), chosen, first_backlog)
            else:
                assert key not in found.cells or key == (None, None)

    def _compare(self, cell: Cell, tickets: Sequence[Ticket], first_backlog: date | None) -> None:
        unsolved = [ticket for ticket in tickets if not ticket.is_solved]
        days_open = [(self.as_of - t.created_at) / DAY for t in unsolved if t.created_at]
        limits = [float("-inf"), 1, 7, 30, 90, float("inf")]
        assert cell.open == len(unsolved)
        assert cell.ages == [
            *(sum(low <= age < high for age in days_open) for low, high in pairwise(limits)),
            len(unsolved) - len(days_open),
        ]
        due = [[one.due_at - self.as_of for one in t.targets if one.is_open] for t in tickets]
        assert cell.late == sum(any(left <= 0 * DAY for left in of_ticket) for of_ticket in due)
        assert cell.soon == sum(any(0 * DAY < left <= DAY for left in one) for one in due)
        for name, (width, _) in SERIES.items():
            self._compare_series(getattr(cell, name), width, tickets, first_backlog, name)
        for place, width in enumerate(PERIODS):
            for before in (0, 1):
                end = self.today - timedelta(days=width * before)
                expected = self._measured(tickets, end - timedelta(days=width - 1), end)
                seen = {what: values[before] for what, values in cell.periods[place].items()}
                assert {**NOTHING, **seen} == expected
            hours = [0] * 168
            for ticket in tickets:
                if self._is_within(ticket.created_at, self._days_ago(width - 1), self.today):
                    local = ticket.created_at.astimezone(self.zone)  # type: ignore[union-attr]
                    hours[24 * local.weekday() + local.hour] += 1
            assert cell.hours[place] == hours

    def _compare_series(
        self,
        series: Mapping[str, Sequence[Any]],
        width: int,
        tickets: Sequence[Ticket],
        first_backlog: date | None,
        name: str,
    ) -> None:
        for place, start in enumerate(first_days(self.today)[name]):
            end = start + timedelta(days=width - 1)
            expected = self._measured(tickets, start, end)
            seen = {what: values[place] for what, values in series.items()}
            number = seen.pop("open", None)
            assert {**NOTHING, **seen} == {**expected, **IN_BUSINESS}
            if first_backlog:
                of_day = sum(end in ticket.open_days for ticket in tickets)
                now = sum(not ticket.is_solved for ticket in tickets)
                known = of_day if end >= first_backlog else None
                assert number == (now if end == self.today else known)

    def _measured(self, tickets: Sequence[Ticket], start: date, end: date) -> dict[str, Any]:
        """Return all measures of what happened on some days."""
        replied = [t for t in tickets if self._is_within(t.replied_at, start, end)]
        solved = [t for t in tickets if self._is_within(t.solved_at, start, end)]
        due = [
            target for ticket in tickets for target in ticket.targets
            if target.due_at <= self.as_of and self._is_within(target.due_at, start, end)
        ]  # fmt: skip
        return {
            "opened": sum(self._is_within(ticket.created_at, start, end) for ticket in tickets),
            "solved": len(solved),
            "due": len(due),
            "breached": sum(target.is_breached for target in due),
            "reply": _quantile((ticket.reply for ticket in replied), 0.5),
            "reply_90": _quantile((ticket.reply for ticket in replied), 0.9),
            "reply_business": _quantile((ticket.reply_business for ticket in replied), 0.5),
            "resolution": _quantile((ticket.resolution for ticket in solved), 0.5),
            "resolution_90": _quantile((ticket.resolution for ticket in solved), 0.9),
            "resolution_business": _quantile((t.resolution_business for t in solved), 0.5),
        }

    def _is_within(self, moment: datetime | None, start: date, end: date) -> bool:
        return moment is not None and start <= self.day_of(moment) <= end

    def _days_ago(self, number: int) -> date:
        return self.today - timedelta(days=number)


DAY = timedelta(days=1)
IN_BUSINESS = {"reply_business": None, "resolution_business": None}
NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("opened", "solved", "due", "breached"), 0),
    **dict.fromkeys(("reply", "reply_90", "resolution", "resolution_90")),
    **IN_BUSINESS,
}


def _quantile(values: Iterable[float | None], share: float) -> Any:
    """Return a quantile, which the page rounds to a minute."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    place = share * (len(known) - 1)
    low, high = known[int(place)], known[min(int(place) + 1, len(known) - 1)]
    return pytest.approx(low + (high - low) * (place % 1), abs=0.501)


def _placed(labels: Sequence[str], nothing: str) -> Callable[[str | None], int]:
    """Return how to find the place of a name among labels."""

    def place(name: str | None) -> int:
        if not labels:
            return 0
        label = nothing if name is None else name
        return labels.index(label if label in labels else OTHERS)

    return place
