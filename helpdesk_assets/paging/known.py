"""Rows that were read recently, to recognize them."""

from collections import deque
from collections.abc import Hashable, Sequence

from helpdesk_assets.tables.keys import ID, Identity, key_of, keys_of
from helpdesk_assets.tables.rows import Row


class KnownRows:
    """The rows of the last pages.

    Pages are indexed only when a row is looked up, which is rarely needed: most pages start with
    the last row of the page before.

    Args:
        pages: the number of pages to keep.
        identity: the paths of the key in a row.
    """

    def __init__(self, pages: int, identity: Identity = ID) -> None:
        self._most = pages
        self._identity = identity
        self._fresh: deque[Sequence[Row]] = deque()
        self._pages: deque[dict[Hashable, Row]] = deque()
        self._rows: dict[Hashable, Row] = {}

    def add(self, page: Sequence[Row]) -> None:
        """Add a page, and drop the oldest one if there are too many."""
        self._fresh.append(page)
        if len(self._fresh) > self._most:
            self._fresh.popleft()

    def knows(self, row: Row) -> bool:
        """Return whether a row with that id has been read, in any version."""
        return key_of(row, self._identity) in self._index()

    def has(self, row: Row) -> bool:
        """Return whether a row has been read, and is unchanged since."""
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
