"""Which rows of a list are stored, if only some of them are."""

from collections.abc import Callable, Mapping, Sequence

from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import Identity, key_of
from helpdesk_assets.tables.paths import Path, value_at
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.tables.values import Value, spelled


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
