"""What the models read besides the loaded tables: the calendar, the SLA targets, the parameters."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.models.calendar import EPOCH, create_calendar, open_intervals
from helpdesk_assets.models.satisfaction import DISSATISFIED, SATISFIED
from helpdesk_assets.models.sources import SEEN_CHANGES, Sources, knows_agents
from helpdesk_assets.resources.business_hours import Hours
from helpdesk_assets.resources.sla import SlaTargets
from helpdesk_assets.tables.schema import TABLE

# Minutes of a day.
DAY = 24 * 60


def prepare(
    connection: DuckDBPyConnection,
    sources: Sources,
    settings: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Create the temporary tables that models read, and return the parameters of all of them.

    Args:
        connection: with the schema set to the dataset, and the views of the loaded tables; it may
            be for reading.
        sources: what the dataset contains.
        settings: those of the reports by name, and the current time as ``as_of``.
    """
    targets: SlaTargets = settings["sla_targets"]
    connection.execute(
        "create or replace temp table desk_sla_targets"
        " (target varchar, priority varchar, minutes bigint)"
    )
    for (target, priority), minutes in targets.minutes.items():
        connection.execute(
            "insert into desk_sla_targets values (?, ?, ?)", [target, priority, minutes]
        )
    times = ["select created_at from desk_tickets", "select changed_at from desk_status_changes"]
    if SEEN_CHANGES in sources.columns:
        times.append(f"select first_seen_at from {SEEN_CHANGES}")
    _create_calendar(connection, times, settings, max(targets.minutes.values(), default=0))
    replied = "first_replied_at" in sources.columns[TABLE]
    return {
        **settings,
        "has_status_changes": bool(sources.tables("status_changes")),
        "knows_agents": knows_agents(sources),
        "knows_replies": knows_agents(sources) or replied,
        "knows_satisfaction": "satisfaction" in sources.columns[TABLE],
        "sla_in_business_hours": targets.is_business,
        "satisfied": list(SATISFIED),
        "dissatisfied": list(DISSATISFIED),
    }


def _create_calendar(
    connection: DuckDBPyConnection,
    times: Sequence[str],
    settings: Mapping[str, Any],
    longest: int,
) -> None:
    """Create the calendar, from the first of some times to when the longest target is due.

    A date before 1970 is probably a mistake. Business hours before it are not known.
    """
    as_of: datetime = settings["as_of"]
    hours: Hours = settings["business_hours"]
    ((first,),) = connection.execute(
        f"select least(min(created_at), $as_of) from ({' union all '.join(times)})"
        " where created_at >= $epoch",
        {"epoch": EPOCH, "as_of": as_of},
    ).fetchall()
    # The minutes of a week that are open; shifts may overlap.
    weekly = len(
        {
            (day * DAY + minute) % (7 * DAY)
            for day, shifts in enumerate(hours)
            for opens, closes in shifts
            for minute in range(opens, closes)
        }
    )
    # Two weeks more than the target takes, because the weeks at both ends may not be whole, one for
    # each holiday, because it may be the only open day of its week, and one for each half year,
    # because a clock change may skip the only open hour of its week.
    weeks = longest // weekly + 2 + len(settings["holidays"])
    later = timedelta(weeks=weeks + weeks // 25 + 1)
    begin, end = (first - timedelta(days=2)).date(), (as_of + later).date()
    intervals = open_intervals(
        hours, ZoneInfo(settings["timezone"]), settings["holidays"], begin, end
    )
    # No time zone is a day from UTC, and no interval is longer than two days from its beginning.
    since, until = (
        datetime.combine(day, time(), timezone.utc)
        for day in (begin - timedelta(days=1), end + timedelta(days=3))
    )
    create_calendar(connection, intervals, since, until)
