"""Rows that have been read, kept to recognize them by."""

from collections import deque
from collections.abc import Hashable, Sequence

from helpdesk_assets.tables.keys import ID, Identity, key_of, keys_of
from helpdesk_assets.tables.rows import Row


class KnownRows:
    """The rows of the last pages that were read.

    Pages are looked into only when a row is asked for: most of them join the one before by its
    last row, and are forgotten without ever having been.

    Args:
        pages: how many are kept.
        identity: where in a row the parts of its key are.
    """

    def __init__(self, pages: int, identity: Identity = ID) -> None:
        self._most = pages
        self._identity = identity
        self._fresh: deque[Sequence[Row]] = deque()
        self._pages: deque[dict[Hashable, Row]] = deque()
        self._rows: dict[Hashable, Row] = {}

    def add(self, page: Sequence[Row]) -> None:
        """Remember a page, and forget the oldest where there are too many."""
        self._fresh.append(page)
        if len(self._fresh) > self._most:
            self._fresh.popleft()

    def knows(self, row: Row) -> bool:
        """Tell whether a row of that id has been read, however it was then."""
        return key_of(row, self._identity) in self._index()

    def has(self, row: Row) -> bool:
        """Tell whether a row has been read, and as it last was is what it is now."""
        return self._index().get(key_of(row, self._identity)) == row

    def _index(self) -> dict[Hashable, Row]:
        while self._fresh:
            page = self._fresh.popleft()
            rows = dict(zip(keys_of(page, self._identity), page, strict=True))
            self._pages.append(rows)
            self._rows.update(rows)
            if len(self._pages) > self._most:
                for key, row in self._pages.popleft().items():
                    if self._rows.get(key) is row:
                        del self._rows[key]
        return self._rows
