"""Business hours: when a help desk is open, as days of the week and times of the day."""

import json
import re
from collections.abc import Mapping
from typing import Any

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.shown import shown

# The intervals of each day of the week, Monday first, in minutes since the day began. One that ends
# after midnight ends after minute 1440.
Hours = tuple[tuple[tuple[int, int], ...], ...]

DEFAULT_HOURS = {"mon-fri": "09:00-17:00"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
_TIMES = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)$")
SET_HOURS = (
    "set REPORTS__HELP_DESK__BUSINESS_HOURS to days and times such as "
    '{"mon-fri": "09:00-12:00,13:00-17:00", "sat": "10:00-14:00"}.'
)


def business_hours(given: Any) -> Hours:
    """Return the hours of each day of the week.

    Args:
        given: a mapping of days to times, or its JSON. Days are ``mon``, ``mon-fri`` or
            ``mon,wed``; times are ``09:00-17:00``, several are separated by commas. An interval
            whose end is not after its beginning ends on the next day. Of two entries for a day, the
            later one counts.

    Raises:
        dg.Failure: it is something else.
    """
    found: list[tuple[tuple[int, int], ...]] = [()] * len(DAYS)
    for days, times in _mapping(given).items():
        intervals = _intervals(times)
        for day in _days(days):
            found[day] = intervals
    if not any(found):
        raise setting_failure(f"The business hours are empty: {SET_HOURS}")
    return tuple(found)


def _mapping(given: Any) -> Mapping[Any, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise setting_failure(
                f"The business hours {shown(given)!r} are not JSON: {SET_HOURS}"
            ) from None
    if not isinstance(given, Mapping):
        raise setting_failure(f"The business hours are not a list of days: {SET_HOURS}")
    return given


def _days(given: Any) -> list[int]:
    days: list[int] = []
    for part in str(given).lower().split(","):
        first, _, last = (name.strip()[:3] for name in part.partition("-"))
        last = last or first
        if first not in DAYS or last not in DAYS:
            raise setting_failure(
                f"Unknown day {shown(given)!r} in the business hours: {SET_HOURS}"
            )
        begin, end = DAYS.index(first), DAYS.index(last)
        # From Saturday to Monday goes over the end of the week.
        days += [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]
    return days


def _intervals(given: Any) -> tuple[tuple[int, int], ...]:
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, list | tuple):
        raise setting_failure(f"Invalid business hours {shown(given)!r}: {SET_HOURS}")
    found = []
    for part in parts:
        if str(part).strip().lower() in ("", "closed"):
            continue
        times = _TIMES.match(str(part).strip())
        hours = [int(number) for number in times.groups()] if times else []
        begin, end = (hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]) if hours else (0, 0)
        if not times or begin == end or max(hours[1], hours[3]) > 59 or begin >= DAY or end > DAY:
            raise setting_failure(f"Invalid business hours {shown(part)!r}: {SET_HOURS}")
        found.append((begin, end if end > begin else end + DAY))
    return tuple(sorted(found))
