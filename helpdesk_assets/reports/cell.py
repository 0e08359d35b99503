"""A cell of the page: the numbers of a group and a priority, or of all of them."""

from dataclasses import dataclass, field
from typing import Any

# Series are shown by day or by week. A week is seven days, so that the last one is not cut off.
SERIES = {"days": (1, 30), "weeks": (7, 52)}
# The periods in days; the first is shown by day, the others by week.
PERIODS = (30, 91, 364)
# Limits of the buckets of age, in days.
AGES = (1, 7, 30, 90)
# The number of open tickets listed.
OLDEST = 10
# The measures that are numbers of tickets or targets; the others are durations.
COUNTED = ("opened", "solved", "due", "breached")
# The place of a group and of a priority; None for all.
Key = tuple[int | None, int | None]


@dataclass
class Cell:
    """The numbers of a combination of group and priority. Durations are in minutes.

    Attributes:
        open: tickets that are not solved.
        ages: open tickets by age, as in ``ticket_backlog``; the last are of unknown age.
        late, soon: open tickets past a target of an SLA, and due within 24 hours.
        days, weeks: the series by name, oldest first. Of tickets: ``opened``, ``solved``, ``open``
            at the end, ``due`` and ``breached`` targets. Medians and 90th percentiles of what
            happened: ``reply``, ``reply_90``, ``resolution`` and ``resolution_90``.
        periods: the same by period, as [this period, the one before]; and medians in business
            hours: ``reply_business`` and ``resolution_business``.
        hours: tickets opened by period, weekday (Monday first) and hour.
        oldest: the open tickets opened first: id, subject, status, minutes open, URL. Only for a
            single group and priority.
    """

    open: int = 0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGES) + 2))
    late: int = 0
    soon: int = 0
    days: dict[str, list[Any]] = field(default_factory=dict)
    weeks: dict[str, list[Any]] = field(default_factory=dict)
    periods: list[dict[str, list[Any]]] = field(default_factory=lambda: [{} for _ in PERIODS])
    hours: list[list[int]] = field(default_factory=lambda: [[0] * 168 for _ in PERIODS])
    oldest: list[tuple[Any, ...]] = field(default_factory=list)


class Cells(dict[Key, Cell]):
    """The cells that have been counted so far."""

    def __missing__(self, key: Key) -> Cell:
        """Add an empty cell for a key that has none yet, and return it."""
        self[key] = cell = Cell()
        return cell
