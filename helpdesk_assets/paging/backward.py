"""Reads numbered pages from the last to the first; see ``helpdesk_assets.paging.fixed``."""

import json
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_TOP_READS, MOST_WALKS
from helpdesk_assets.paging.positions import Paging
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import ID, Identity, keys_of
from helpdesk_assets.tables.paths import Path, value_at
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

UNSORTED = (
    "pages of a fixed size can only be verified if the list is sorted by a number that only grows, "
    "such as the id, in ascending order"
)


class BackwardPages:
    """Reads a list from its last page to its first, and then what was added at its end.

    Args:
        paging: how pages are requested.
        base_page: the number of the first page.
        first: the first page, with a total.
        identity: the paths of the key in a row.
        cursor: see FixedPagesWalk.

    Attributes:
        position: the number of the next page.
        has_ended: whether all pages were read, and nothing was added at the end since.
        rows: the rows that were read.
        pages, total, unverified: see CompleteWalk.
    """

    is_at_end = False
    overlap_retries = 0

    def __init__(
        self,
        paging: Paging,
        base_page: int,
        first: Page,
        *,
        identity: Identity = ID,
        cursor: Path | None = None,
    ) -> None:
        self.paging = paging
        self._base_page = base_page
        self._identity = identity
        self._size = len(first.rows)
        self.rows = RowsRead(identity)
        self._order = GrowingOrder(identity, cursor)
        self.is_sorted = self._order.add(first.rows, [False] * self._size)
        self.pages = 1
        self.total = first.total or 0
        self.unverified: str | None = None
        self.rows.add(first.rows)
        self.has_ended = self._last == base_page
        self._end_reads = 0
        self._walks = 1
        self._is_reading_end = False
        self._begin()

    @property
    def _last(self) -> int:
        """The number of the last page."""
        return self._base_page + max(0, self.total - 1) // self._size

    def _begin(self) -> None:
        self.position = str(self._last)
        self._order.restart()

    def following(self, in_flight: int) -> list[str]:
        """Return an empty list: the pages have to be requested one after another."""
        return []

    @property
    def is_probing(self) -> bool:
        """Whether the list may have become shorter, so that the API may reject the request."""
        return self.position != str(self._base_page)

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read."""
        return len(self.rows.keys)

    def take(self, page: Page) -> list[Row]:
        """Process a response; see CompleteWalk."""
        number = int(self.position)
        self.pages += 1
        self.total = self.total if page.total is None else page.total
        if len(page.rows) > self._size:
            raise UnusableAnswerError(
                f"sent {len(page.rows)} rows for page {number}, but {self._size} for its first "
                "page, so a page number does not always refer to the same rows"
            )
        if not self._is_reading_end:
            was_read = [key in self.rows.keys for key in keys_of(page.rows, self._identity)]
            self.unverified = None if self._order.add(page.rows, was_read) else UNSORTED
        fresh = self.rows.add(page.rows)
        if self._is_reading_end:
            reaches_down = len(fresh) < len(page.rows)
            self._read_end(number, has_fresh=bool(fresh), reaches_down=reaches_down)
        elif number > self._base_page:
            self.position = str(number - 1)
        else:
            self._is_reading_end = True
            self._read_end_again()
        return fresh

    def _read_end(self, number: int, *, has_fresh: bool, reaches_down: bool) -> None:
        """Read what was added at the end, down to rows that were read before."""
        self._has_added |= has_fresh
        if not reaches_down and number > self._base_page:
            self.position = str(number - 1)
        elif self._has_added or self._last > self._looked_from:
            self._read_end_again()
        else:
            self._end()

    def _read_end_again(self) -> None:
        self._end_reads += 1
        if self._end_reads > MOST_TOP_READS:
            raise UnusableAnswerError(
                f"changed the end of its list faster than it could be read, {MOST_TOP_READS} times"
            )
        self._has_added = False
        self._looked_from = self._last
        self.position = str(self._last)

    def _end(self) -> None:
        """End, unless fewer rows were read than there are."""
        if len(self.rows.keys) >= self.total:
            self.has_ended = True
        elif self._walks == MOST_WALKS:
            raise UnusableAnswerError(
                f"reports {self.total} rows, but its pages contained {len(self.rows.keys)}"
            )
        else:
            self._walks += 1
            self._end_reads, self._is_reading_end = 0, False
            self._begin()


class RowsRead:
    """The rows that were read, each in its newest version.

    Args:
        identity: the paths of the key in a row.

    Attributes:
        keys: their keys.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.keys = DistinctKeys()
        self._contents = DistinctKeys()
        # The contents of rows that have changed while the list was read.
        self._changed: dict[Hashable, int] = {}

    def add(self, rows: Sequence[Row]) -> list[Row]:
        """Add a page, and return the rows in it that are new or have changed."""
        keys, contents = keys_of(rows, self._identity), [_content(row) for row in rows]
        fresh = [
            row
            for row, key, content in zip(rows, keys, contents, strict=True)
            if not self._has(key, content)
        ]
        for key, content in zip(keys, contents, strict=True):
            if key in self._changed or (key in self.keys and not self._has(key, content)):
                self._changed[key] = content
            else:
                self.keys.update([key])
                self._contents.update([content])
        return fresh

    def _has(self, key: Hashable, content: int) -> bool:
        known = self._changed.get(key)
        return known == content if known is not None else content in self._contents


class GrowingOrder:
    """Whether a list is sorted by a value that only grows, as read from its last page to its first.

    Args:
        identity: the paths of the key in a row.
        cursor: the path of the time of the last change, if the list is sorted by it.
    """

    def __init__(self, identity: Identity, cursor: Path | None) -> None:
        self._paths: list[Path] | None = None
        self._offered = [*(identity if len(identity) == 1 else ()), *([cursor] if cursor else [])]
        self._least: dict[Path, Any] = {}

    def restart(self) -> None:
        """Begin at the last page."""
        self._least = {}

    def add(self, rows: Sequence[Row], is_known: Sequence[bool]) -> bool:
        """Add a page, whose unread rows have to come before those of the pages so far.

        Args:
            rows: the page.
            is_known: whether each of its rows was read before, in any version.

        Returns:
            Whether the list may still be sorted by such a value.
        """
        if self._paths is None:
            numbers = [(name,) for name in (rows[0] if rows else {}) if _is_number(rows[0][name])]
            self._paths = list(dict.fromkeys([*self._offered, *numbers]))
        if rows:
            self._paths = [path for path in self._paths if self._fits(path, rows, is_known)]
        return bool(self._paths)

    def _fits(self, path: Path, rows: Sequence[Row], is_known: Sequence[bool]) -> bool:
        """Return whether a page is in order, and only rows read before come after unread ones."""
        values = [_value(value_at(row, path)) for row in rows]
        least = self._least.get(path)
        try:
            grows = all(first < second for first, second in pairwise(values))
            moved = [least is not None and value >= least for value in values]
            self._least[path] = values[0] if least is None else min(least, values[0])
        except TypeError:
            return False
        return grows and all(known for known, has in zip(is_known, moved, strict=True) if has)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _value(value: Any) -> Any:
    """Return what a value is sorted by: a number, also if it is sent as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _content(row: Mapping[str, Any]) -> int:
    return hash(json.dumps(row, sort_keys=True))
