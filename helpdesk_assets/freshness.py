"""When a table is late, and when it is stale, by the cron schedule that keeps it fresh."""

from datetime import datetime, timedelta, timezone
from itertools import islice

import dagster as dg
from croniter import CroniterError, croniter

# How long a run may be late, at the most, before its table is.
MOST_GRACE = timedelta(hours=6)
# The longest pause of a schedule is looked for in this time and so many ticks at least, from a
# Thursday on: a weekend is in it, and for a schedule of some days a month, a year.
LOOKED_AT = timedelta(days=8)
FEWEST_TICKS, MOST_TICKS = 13, 1500
THURSDAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


def freshness_of(cron: str) -> tuple[timedelta, timedelta]:
    """Return the ages at which a table is late, and stale, that a schedule keeps fresh.

    It is late when a run after the longest pause of the schedule is overdue by as much as that
    pause, or by six hours; and stale when it is by five times as much. An hourly table is late
    after 2 hours and stale after 6; a daily one, after 30 and 54.

    Raises:
        dg.DagsterInvalidDefinitionError: it is no cron schedule.
    """
    try:
        ticks = croniter(cron, THURSDAY, ret_type=datetime)
        longest, before = timedelta(0), next(ticks)
        for count, tick in enumerate(islice(ticks, MOST_TICKS)):
            if count >= FEWEST_TICKS and before > THURSDAY + LOOKED_AT:
                break
            longest, before = max(longest, tick - before), tick
    except (CroniterError, ValueError):
        raise dg.DagsterInvalidDefinitionError(
            f"The cron schedule {cron!r} cannot be read: set five fields, such as 0 6 * * 1-5."
        ) from None
    grace = min(longest, MOST_GRACE)
    return longest + grace, longest + 5 * grace
