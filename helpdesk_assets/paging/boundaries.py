"""Whether the rows at page boundaries have different sort keys.

Rows with equal sort keys may swap positions between two requests. At the end of a page, one of
them can cross the boundary unnoticed if another row is deleted at the same time.
"""

from collections.abc import Sequence
from operator import ge, le
from typing import Any

from helpdesk_assets.tables.rows import Row

# The types of possible sort keys.
PLAIN = (int, float, str)


class PageBoundaries:
    """Finds the fields that a list is sorted by, and whether they differ at each page boundary.

    Only top-level fields of rows are considered. Sorting by anything else is not detected.
    """

    def __init__(self) -> None:
        # By field: whether it is ascending, and whether it has differed at each boundary so far.
        self._ordered: dict[str, tuple[bool, bool]] | None = None
        self._last: Row = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Add the next rows."""
        if not rows:
            return
        if self._ordered is None:
            found = ((field, _direction([row.get(field) for row in rows])) for field in rows[0])
            self._ordered = {field: (up, True) for field, up in found if up is not None}
        else:
            self._ordered = {
                field: (up, differed and self._last.get(field) != rows[0].get(field))
                for field, (up, differed) in self._ordered.items()
                if _is_in_order([self._last.get(field), *(row.get(field) for row in rows)], up=up)
            }
        self._last = rows[-1]

    @property
    def are_unambiguous(self) -> bool:
        """Whether a field is sorted throughout the list, and differs at each boundary."""
        return any(differed for _, differed in (self._ordered or {}).values())


def _direction(values: list[Any]) -> bool | None:
    """Return whether values are ascending; None if they are neither ascending nor descending."""
    if not all(isinstance(value, PLAIN) for value in values) or values[0] == values[-1]:
        return None
    up = _is_in_order([values[0], values[-1]], up=True)
    return up if _is_in_order(values, up=up) else None


def _is_in_order(values: list[Any], *, up: bool) -> bool:
    try:
        return all(map(le if up else ge, values, values[1:]))
    except TypeError:
        return False
