"""Which rows of a list are stored, if only some of them are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import Identity, key_of
from helpdesk_assets.tables.paths import MISSING, Path, value_at
from helpdesk_assets.tables.rows import Row

# A value in a profile.
Value = str | int | bool | None


def spelled(value: Any) -> str | None:
    """Return a value as a text to compare, such as true; None if it is null or missing."""
    if value is None or value is MISSING:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


class OnlyRows:
    """Skips the rows whose values are not those in the profile.

    Args:
        allowed: the values that are stored, by their path in a row; None: null or missing.
        identity: the paths of the key in a row.

    Attributes:
        skipped: the keys of the rows that were skipped.
    """

    def __init__(self, allowed: Mapping[Path, Sequence[Value]], identity: Identity) -> None:
        self._allowed = {path: set(map(spelled, values)) for path, values in allowed.items()}
        self._identity = identity
        self.skipped = DistinctKeys()

    def of(
        self, rows: Sequence[Row], offset_of: Callable[[int], int]
    ) -> tuple[list[Row], Callable[[int], int]]:
        """Return the rows to store, and a function that returns the page offset of each."""
        places = []
        for place, row in enumerate(rows):
            if all(spelled(value_at(row, path)) in some for path, some in self._allowed.items()):
                places.append(place)
                self.skipped.discard(key_of(row, self._identity))
            else:
                self.skipped.update([key_of(row, self._identity)])
        return [rows[place] for place in places], lambda at: offset_of(places[at])
