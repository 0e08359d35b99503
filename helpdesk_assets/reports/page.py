"""The report page: one self-contained HTML file that requests nothing.

Without scripts it shows the numbers of all tickets; its script draws the charts, and shows those of
the selected period, group and priority. The policy in the page allows this script and no other, and
no request.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from helpdesk_assets.assets.metadata import LAG_SECONDS, NEWEST_TICKET_AGE, age_of
from helpdesk_assets.models.trust import CheckHistory
from helpdesk_assets.reports import unfiltered
from helpdesk_assets.reports.cell import COUNTED, OLDEST, Cell
from helpdesk_assets.reports.numbers import Numbers, first_days
from helpdesk_assets.reports.texts import count_text, duration_text
from helpdesk_assets.reports.unfiltered import AGE_LABELS, DEFAULT

OF_THE_WALK = {
    NEWEST_TICKET_AGE: "age of newest ticket",
    "sync_mode": "sync mode",
    "completeness_verified": "completeness verified",
    "api_total": "total reported by the API",
    "rows_read": "rows read",
    "rows_rejected": "rows rejected",
    "rows_deleted": "deleted tickets found",
    "pages": "pages",
    "requests": "requests",
    "retries": "request retries",
    "seconds": "duration in seconds",
}
# Texts about parts of the page that are omitted, because the help desk lacks the data.
LACKS = {
    "replies": "First replies: the tickets have no column first_replied_at, and no comments with "
    "their authors' roles are loaded.",
    "solved": "Solved tickets and resolution times: the tickets have no column solved_at, and no "
    "run has seen a ticket being solved yet.",
    "backlog": "The trend of open tickets: ticket_backlog_daily has not been built yet.",
    "targets": "Service levels: no targets are set. Set REPORTS__HELP_DESK__SLA_TARGETS.",
    "groups": "Groups: the tickets have no group_id.",
    "priorities": "Priorities: the tickets have no column priority.",
    "links": "Links to tickets: the profile has no ticket_url.",
}


def page(
    numbers: Numbers,
    load: dg.EventLogEntry | None,
    checks: Sequence[CheckHistory],
    *,
    made_at: datetime,
    time_zone: str,
    title: str = "Help desk report",
    subjects: bool = False,
) -> bytes:
    """Return the page.

    Args:
        numbers: what it shows of the tickets.
        load: the event of the last load of the tickets.
        checks: the recent results of the checks.
        made_at: the time at which the numbers were counted.
        time_zone: the time zone of times on the page.
        title: its title.
        subjects: whether the numbers contain subjects.
    """
    # Imported when a page is made, because most syncs find nothing to change on it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    zone = ZoneInfo(time_zone)
    environment = Environment(
        loader=PackageLoader("helpdesk_assets.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["at"] = lambda moment: f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
    environment.filters["count"] = count_text
    environment.filters["duration"] = duration_text
    materialization = load.asset_materialization if load else None
    known = materialization.metadata if materialization else {}
    walk = dict(_of_the_load({name: entry.value for name, entry in known.items()}))
    style, script = (
        files("helpdesk_assets.reports").joinpath(name).read_text(encoding="utf-8")
        for name in ("page.css", "page.js")
    )
    columns = unfiltered.columns(numbers)
    latest = [check.latest.passed for check in checks if check.latest]
    everything = numbers.cells[None, None]
    text = environment.get_template("page.html").render(
        title=title,
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=_embedded(_data(numbers, columns, subjects=subjects)),
        numbers=numbers,
        all=everything,
        periods=unfiltered.periods(),
        default=DEFAULT,
        unit="Week from" if unfiltered.periods()[DEFAULT]["series"] == "weeks" else "Day",
        total=lambda name: unfiltered.total(everything, name),
        trend=lambda *names: unfiltered.trend(numbers, everything, names),
        by_hour=[
            (f"{hour}:00", *(everything.hours[DEFAULT][24 * day + hour] for day in range(7)))
            for hour in range(24)
        ],
        busiest=unfiltered.busiest(everything.hours[DEFAULT]),
        columns=columns,
        by_group=unfiltered.by_group(numbers, columns),
        by_age=list(zip(AGE_LABELS, everything.ages, strict=True)),
        oldest=unfiltered.oldest(numbers),
        subjects=subjects,
        lacks=[
            text
            for name, text in LACKS.items()
            if not numbers.has.get(name, bool(getattr(numbers, name, True)))
        ],
        loaded_at=datetime.fromtimestamp(load.timestamp, timezone.utc) if load else None,
        made_at=made_at,
        walk=list(walk.items()),
        is_complete=walk.get(OF_THE_WALK["completeness_verified"]) is True,
        checks=checks,
        passed=sum(latest),
        failed=len(latest) - sum(latest),
        time_zone=time_zone,
    )
    return text.encode()


def _data(
    numbers: Numbers, columns: Sequence[tuple[str, str]], *, subjects: bool
) -> dict[str, Any]:
    """Return what the script reads."""
    return {
        "periods": unfiltered.periods(),
        "starts": {
            name: [day.isoformat() for day in days]
            for name, days in first_days(numbers.today).items()
        },
        "groups": numbers.groups,
        "priorities": numbers.priorities,
        "has": numbers.has,
        "counted": COUNTED,
        "columns": [name for name, _ in columns],
        "ages": AGE_LABELS,
        "listed": OLDEST,
        "subjects": subjects,
        "cells": {
            ",".join("" if place is None else str(place) for place in key): _compact(cell)
            for key, cell in numbers.cells.items()
        },
    }


def _compact(cell: Cell) -> dict[str, Any]:
    values = asdict(cell)
    values["hours"] = [hours if any(hours) else None for hours in cell.hours]
    return values


def _embedded(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the element of a page that contains it."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _hash(text: str) -> str:
    """Return the source expression that allows an inline script or style by its content."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _of_the_load(known: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the labels and values of a load's metadata that are shown."""
    if LAG_SECONDS in known:
        # Earlier versions recorded only the number.
        known.setdefault(NEWEST_TICKET_AGE, age_of(known[LAG_SECONDS]))
    return [(what, known[name]) for name, what in OF_THE_WALK.items() if name in known]
