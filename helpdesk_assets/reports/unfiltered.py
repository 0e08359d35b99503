"""What the page shows at first: the numbers of all tickets in one period.

Without scripts it shows nothing else; with them, ``page.js`` replaces it by what is selected.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from helpdesk_assets.reports.cell import AGES, COUNTED, OLDEST, PERIODS, SERIES, Cell
from helpdesk_assets.reports.numbers import Numbers, first_days
from helpdesk_assets.reports.texts import NOTHING, count_text, day_text, duration_text

# The place of the period.
DEFAULT = 1
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
AGE_LABELS = (
    "under a day",
    *(f"{low} to {high} days" for low, high in pairwise(AGES)),
    f"over {AGES[-1]} days",
    "unknown",
)


def periods() -> list[dict[str, Any]]:
    """Describe the periods that can be selected."""
    found = []
    for days in PERIODS:
        series = "days" if days <= SERIES["days"][1] else "weeks"
        width = SERIES[series][0]
        name = f"{days // width} {series}"
        found.append(
            {"title": f"Last {name}", "name": name, "series": series, "count": days // width}
        )
    return found


def columns(numbers: Numbers) -> list[tuple[str, str]]:
    """Return the measures of each group, and their headings."""
    columns = [("opened", "Opened", True), ("solved", "Solved", numbers.has["solved"])]
    columns += [
        ("reply", "First reply", numbers.has["replies"]),
        ("resolution", "Resolution", numbers.has["solved"]),
        ("breached", "SLA missed", numbers.has["targets"]),
    ]
    return [(name, heading) for name, heading, is_known in columns if is_known]


def total(cell: Cell, name: str) -> Any:
    """Return a measure of the period."""
    nothing = [0 if name in COUNTED else None]
    return cell.periods[DEFAULT].get(name, nothing)[0]


def _shown(name: str, value: Any) -> str:
    return count_text(value) if name in (*COUNTED, "open") else duration_text(value)


def trend(numbers: Numbers, cell: Cell, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the lines of the table of a series."""
    period = periods()[DEFAULT]
    series, count = period["series"], period["count"]
    starts = first_days(numbers.today)[series][-count:]
    empty = [None] * count
    columns = [
        [
            _shown(name, 0 if value is None and name in COUNTED else value)
            for value in getattr(cell, series).get(name, empty)[-count:]
        ]
        for name in names
    ]
    return list(zip([day_text(start) for start in starts], *columns, strict=True))


def busiest(hours: Sequence[int]) -> str:
    """Return the weekday and hour with the most tickets."""
    place = max(range(len(hours)), key=lambda place: hours[place])
    return f"{WEEKDAYS[place // 24]} {place % 24}:00" if hours[place] else NOTHING


def by_group(
    numbers: Numbers, columns: Sequence[tuple[str, str]]
) -> list[tuple[str, Sequence[str]]]:
    """Return each group with its numbers, most open tickets first."""
    cells = [
        (name, numbers.cells.get((place, None), Cell()))
        for place, name in enumerate(numbers.groups)
    ]
    return [
        (
            name,
            [
                count_text(cell.open),
                *(_shown(column, total(cell, column)) for column, _ in columns),
            ],
        )
        for name, cell in sorted(cells, key=lambda each: -each[1].open)
    ]


def oldest(numbers: Numbers) -> list[tuple[Any, ...]]:
    """Return the oldest open tickets of all, with the names of their groups and priorities."""
    found = [
        (
            *ticket,
            numbers.groups[g] if numbers.groups else None,
            numbers.priorities[p] if numbers.priorities else None,
        )
        for (g, p), cell in numbers.cells.items()
        if g is not None and p is not None
        for ticket in cell.oldest
    ]
    return sorted(found, key=lambda ticket: -ticket[3])[:OLDEST]
