"""SLA targets: how soon tickets must be replied to and solved, by priority."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.shown import shown

TARGETS = ("first_reply", "next_reply", "resolution")
BUSINESS, CALENDAR = "business", "calendar"
# The target of every priority that has none of its own.
EVERY = "*"
_DURATION = re.compile(r"(?=.)(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?$")
SET_TARGETS = (
    "set REPORTS__HELP_DESK__SLA_TARGETS to targets such as "
    '{"first_reply": {"urgent": "1h", "*": "8h"}, "resolution": {"*": "40h"}, "hours": "business"}.'
)


@dataclass(frozen=True)
class SlaTargets:
    """The targets of a help desk.

    Attributes:
        minutes: the minutes by target and priority, which is in lower case, or ``EVERY``.
        is_business: whether they are minutes of business hours, not of the calendar.
    """

    minutes: Mapping[tuple[str, str], int]
    is_business: bool = True


def sla_targets(given: Any) -> SlaTargets:
    """Return the targets.

    Args:
        given: durations by target and priority, and ``hours``, as a mapping or its JSON. A duration
            is ``30m``, ``4h``, ``1h 30m`` or, of calendar hours, ``2d``.

    Raises:
        dg.Failure: it is something else.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise setting_failure(
                f"The SLA targets {shown(given)!r} are not JSON: {SET_TARGETS}"
            ) from None
    if not isinstance(given, Mapping):
        raise setting_failure(f"The SLA targets are not a list of targets: {SET_TARGETS}")
    hours = given.get("hours", BUSINESS)
    if hours not in (BUSINESS, CALENDAR):
        raise setting_failure(
            f'The "hours" of the SLA targets are {shown(hours)!r}, not "business" or "calendar": '
            f"{SET_TARGETS}"
        )
    minutes: dict[tuple[str, str], int] = {}
    for target, durations in given.items():
        if target == "hours":
            continue
        if target not in TARGETS:
            raise setting_failure(
                f"Unknown SLA target {shown(target)!r}; there are {', '.join(TARGETS)}: "
                f"{SET_TARGETS}"
            )
        by_priority = durations if isinstance(durations, Mapping) else {EVERY: durations}
        for priority, duration in by_priority.items():
            known = _minutes(duration, is_business=hours == BUSINESS)
            minutes[target, str(priority).strip().lower()] = known
    return SlaTargets(minutes, hours == BUSINESS)


def _minutes(duration: Any, *, is_business: bool) -> int:
    found = _DURATION.match(str(duration).strip().lower())
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (days or hours or minutes):
        raise setting_failure(f"Invalid SLA duration {shown(duration)!r}: {SET_TARGETS}")
    if days and is_business:
        raise setting_failure(
            f"The SLA duration {shown(duration)!r} is in days, which is ambiguous in business "
            f'hours: write it in hours, such as "{8 * days}h".'
        )
    return days * 1440 + hours * 60 + minutes
