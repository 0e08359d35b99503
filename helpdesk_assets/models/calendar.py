"""The calendar of business hours: when the help desk is open, as intervals in UTC.

Business minutes between two times are those that the desk was open in before the later one, less
those before the earlier one. Therefore each interval has the time that passed in those before it.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.resources.business_hours import DAY, Hours

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)


def today_in(time_zone: str, moment: datetime) -> date:
    """Return the date of a moment in a time zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def open_intervals(
    hours: Hours, zone: ZoneInfo, holidays: Collection[date], first: date, last: date
) -> Iterator[tuple[datetime, datetime]]:
    """Yield when the desk opens and closes, in UTC, in order and without overlaps.

    An interval belongs to the day that it begins on, also if it ends on the next one. A local time
    that a clock change repeats is the first of the two; one that it skips is the moment of the
    change.

    Args:
        hours: the hours of each day of the week.
        zone: the time zone of the hours.
        holidays: days that no interval begins on.
        first: the first day.
        last: the last day.
    """
    begin: datetime | None = None
    end = begin
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day in holidays:
            continue
        for opens, closes in hours[day.weekday()]:
            opened, closed = _instant(day, opens, zone), _instant(day, closes, zone)
            if begin is None or end is None:
                begin, end = opened, closed
            elif opened <= end:
                end = max(end, closed)
            else:
                yield begin, end
                begin, end = opened, closed
    if begin is not None and end is not None:
        yield begin, end


def create_calendar(
    connection: DuckDBPyConnection,
    intervals: Iterable[tuple[datetime, datetime]],
    since: datetime,
    until: datetime,
) -> None:
    """Create the temporary table of business hours.

    Its first row is the beginning of the calendar, before which no time is known, and its last row
    the end, after which none is.

    Args:
        connection: for writing temporary tables.
        intervals: when the desk opens and closes, in order.
        since: the beginning of the calendar.
        until: the end of the calendar.
    """
    passed = 0
    rows: list[tuple[int, int, int | None]] = [(_microseconds(since), _microseconds(since), 0)]
    for opened, closed in intervals:
        # An interval in an hour that a clock change skips has no length.
        if closed > opened:
            rows.append((_microseconds(opened), _microseconds(closed), passed))
            passed += (closed - opened) // MICROSECOND
    rows.append((_microseconds(until), _microseconds(until), None))
    opened_at, closed_at, time_passed = (list(column) for column in zip(*rows, strict=True))
    connection.execute(
        "create or replace temp table desk_business_hours as select"
        " make_timestamptz(unnest($opened)) as opened_at,"
        " make_timestamptz(unnest($closed)) as closed_at,"
        " unnest($passed)::bigint as passed",
        {"opened": opened_at, "closed": closed_at, "passed": time_passed},
    )


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time, given in minutes since a day began."""
    days, minute = divmod(minutes, DAY)
    local = datetime.combine(day + timedelta(days=days), time(minute // 60, minute % 60))
    early = local.replace(tzinfo=zone).astimezone(timezone.utc)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # In a gap, the offset before the change leads to a time after it. Local times before the gap
    # are those of earlier instants.
    low, high = early - timedelta(days=1), early
    offset = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (
            (low, middle) if middle.astimezone(zone).utcoffset() == offset else (middle, high)
        )
    return high.replace(microsecond=0)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND
