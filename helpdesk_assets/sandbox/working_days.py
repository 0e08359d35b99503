"""When customers of the sandbox write and its agents work. Times are seconds since 1970, in UTC."""

import math
import random
from bisect import bisect_right
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate

# The working day in UTC: its first hour and its length in seconds.
OPENS, LENGTH = 9, 8 * 3600
# Month and day of the holidays.
HOLIDAYS = frozenset({(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)})
# Relative numbers of tickets: by weekday from Monday on, by hour, by month from January on.
BY_WEEKDAY = (1.3, 1.15, 1.05, 1.0, 0.85, 0.25, 0.2)
BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 17, 14, 10, 13, 15, 14, 11, 8, 6, 5, 4, 3, 2, 1)
BY_MONTH = (1.25, 1.1, 1.0, 0.95, 0.9, 0.9, 0.75, 0.75, 1.0, 1.05, 1.15, 1.1)
# How much the number of tickets grows from the first day to the last.
GROWTH = 1.3
# The bad week: how long before the end, and the relative number of tickets on its days.
BAD_WEEK = timedelta(days=38)
OUTAGE = (1.0, 4.0, 4.5, 3.0, 1.5, 1.0, 1.0)
DAY = 86400


class WorkingDays:
    """The days from a start to an end: working hours, busy hours, and a bad week with an outage.

    Args:
        start: the first instant.
        end: the last one.
    """

    def __init__(self, start: datetime, end: datetime) -> None:
        self._start, self._end = int(start.timestamp()), int(end.timestamp())
        monday = (end - BAD_WEEK).date()
        self._bad = monday - timedelta(days=monday.weekday())
        first = start.date() - timedelta(days=7)
        count = (end.date() - first).days + 120
        days = (first + timedelta(days=number) for number in range(count))
        self._opens = [_seconds(day) + OPENS * 3600 for day in days if _is_working(day)]
        # The outage keeps everyone busy from Tuesday to the next Monday.
        self._busy = _seconds(self._bad) + DAY, _seconds(self._bad) + 7 * DAY

    def after(self, instant: int, seconds: float) -> int:
        """Return the instant that is a number of working seconds later."""
        place = max(bisect_right(self._opens, instant) - 1, 0)
        spent = min(max(instant - self._opens[place], 0), LENGTH)
        days, rest = divmod(int(spent + seconds), LENGTH)
        return self._opens[min(place + days, len(self._opens) - 1)] + rest

    def is_busy(self, instant: int) -> bool:
        """Return whether the agents are busy with the outage."""
        first, end = self._busy
        return first <= instant < end

    def arrivals(self, count: int, chance: random.Random) -> list[int]:
        """Return when tickets are created, in ascending order."""
        first = datetime.fromtimestamp(self._start, timezone.utc).date()
        last = datetime.fromtimestamp(self._end, timezone.utc).date()
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        weights = list(accumulate(self._weight(day, len(days), days[0]) for day in days))
        hours = list(accumulate(BY_HOUR))
        found: list[int] = []
        while len(found) < count:
            wanted = count - len(found)
            on = chance.choices(days, cum_weights=weights, k=wanted)
            at = chance.choices(range(24), cum_weights=hours, k=wanted)
            instants = (
                _seconds(day) + hour * 3600 + int(chance.random() * 3600)
                for day, hour in zip(on, at, strict=True)
            )
            found += [each for each in instants if self._start <= each <= self._end]
        return sorted(found)

    def _weight(self, day: date, of: int, first: date) -> float:
        weight = BY_WEEKDAY[day.weekday()] * BY_MONTH[day.month - 1]
        weight *= math.pow(GROWTH, (day - first).days / of)
        if (day.month, day.day) in HOLIDAYS:
            weight *= 0.25
        if 0 <= (day - self._bad).days < len(OUTAGE):
            weight *= OUTAGE[(day - self._bad).days]
        return weight


def _is_working(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY
