"""Derives from a cron schedule when a table is late and when it is stale."""

from datetime import datetime, timedelta, timezone
from itertools import islice

import dagster as dg
from croniter import CroniterError, croniter

# The longest delay of a run before its table counts as late.
MOST_GRACE = timedelta(hours=6)
# The longest pause of a schedule is determined over this period and at least this many ticks, from
# a Thursday on, so that it includes a weekend, and a year for a schedule of a few days a month.
LOOKED_AT = timedelta(days=8)
FEWEST_TICKS, MOST_TICKS = 13, 1500
THURSDAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


def freshness_of(cron: str) -> tuple[timedelta, timedelta]:
    """Return the ages at which a table on this schedule is late and stale.

    The grace period is the longest pause of the schedule, at most six hours. A table is late when
    a run is overdue by the grace period, and stale when it is overdue by five times as much. An
    hourly table is late after 2 hours and stale after 6; a daily one after 30 and 54.

    Raises:
        dg.DagsterInvalidDefinitionError: the cron schedule is invalid.
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
            f"Invalid cron schedule {cron!r}: use five fields, such as 0 6 * * 1-5."
        ) from None
    grace = min(longest, MOST_GRACE)
    return longest + grace, longest + 5 * grace
