"""Whether the rows where two pages meet differ in what their list is ordered by.

Rows that are equal in it may change places between two requests. Where that is at the end of a
page, one of them can slip over the border unseen, if another is deleted at the same moment.
"""

from collections.abc import Sequence
from operator import ge, le
from typing import Any

from helpdesk_assets.tables.rows import Row

# What a list may be ordered by.
PLAIN = (int, float, str)


class Borders:
    """Finds the fields that a list is in order of, and whether they differ at each border.

    It looks at the top level of a row. A list that is ordered by something else is not known to be.
    """

    def __init__(self) -> None:
        # By field: whether it goes up, and whether it has differed at each border so far.
        self._ordered: dict[str, tuple[bool, bool]] | None = None
        self._last: Row = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in the rows that come next."""
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
    def are_sharp(self) -> bool:
        """Whether a field is in order all along, and differs at each border."""
        return any(differed for _, differed in (self._ordered or {}).values())


def _direction(values: list[Any]) -> bool | None:
    """Tell whether values go up; None where they go neither up nor down."""
    if not all(isinstance(value, PLAIN) for value in values) or values[0] == values[-1]:
        return None
    up = _is_in_order([values[0], values[-1]], up=True)
    return up if _is_in_order(values, up=up) else None


def _is_in_order(values: list[Any], *, up: bool) -> bool:
    try:
        return all(map(le if up else ge, values, values[1:]))
    except TypeError:
        return False
