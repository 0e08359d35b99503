"""Whether the rows of a list keep their order from page to page.

If rows with equal sort keys swap positions between two pages, one of them is read twice and another
not at all, although the number of positions is correct. Therefore distinct rows are counted, too.
"""

import json
from collections.abc import Hashable, Sequence

from helpdesk_assets.paging.boundaries import PageBoundaries
from helpdesk_assets.paging.sequence import KeySequence, are_in_order
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import Identity, keys_of
from helpdesk_assets.tables.rows import Row

# Rows at the end of a page that may be deleted or moved before the next page is read.
MOST_MISSING = 10

# How many rows before the last one are compared with a page, and for how many of them one more may
# be missing.
LOOKED_BACK = 500
FEW = 16


class Order:
    """The order of a list, as observed in the pages of one read.

    Args:
        identity: the paths of the key in a row.

    Attributes:
        keys: the keys of all rows read.
        in_order: the key at each position, each position once.
        contents: hashes of all rows, if requested.
        broken: the number of order violations: unchanged rows that were read again after the
            expected position, or new rows before one that was already read.
        pinned: the keys of rows that are on every page.
    """

    def __init__(self, identity: Identity, *, notes_contents: bool = False) -> None:
        self._identity = identity
        self.keys = DistinctKeys()
        self.in_order = KeySequence(LOOKED_BACK)
        self.contents = DistinctKeys()
        self._notes_contents = notes_contents
        self.broken = 0
        self.pinned: set[Hashable] = set()
        self._common: set[Hashable] = set()
        self._strays: set[Hashable] = set()
        self._seen = 0
        self._last: Row | None = None
        self._boundaries: PageBoundaries | None = None

    @property
    def is_unique(self) -> bool:
        """Whether the sort keys differ at every page boundary.

        They do if the list is sorted by its key.
        """
        if self._boundaries:
            return self._boundaries.are_unambiguous
        return self.in_order.is_sorted

    def add(self, rows: Sequence[Row]) -> bool:
        """Add the next rows if none of them was read before; return whether none was.

        Otherwise the page has to be passed to ``check``.
        """
        keys = keys_of(rows, self._identity)
        before = len(self.keys)
        self.keys.update(keys)
        if len(self.keys) < before + len(keys):
            return False
        self.pinned, self._common = set(), set()
        self._seen += 1
        self._last = rows[-1]
        self._append(rows, keys)
        return True

    def unpinned(
        self, page: Sequence[Row], known: Sequence[bool], previous: Sequence[Row], *, as_it_is: bool
    ) -> list[int]:
        """Return the indexes of the rows in a page that are not pinned.

        Args:
            page: the page as received.
            known: whether each of its rows was read before and is unchanged.
            previous: the previous page.
            as_it_is: whether it is the top of the list, or a page that says nothing about pinning.
        """
        keys = keys_of(page, self._identity)
        if as_it_is:
            # If a row is on a page twice, the second one is at its real position.
            last = {key: place for place, key in enumerate(keys)}
            again = [last[key] for key in keys]
            twice = {p for p, at in enumerate(again) if p != at and page[p] == page[at]}
            if self._seen == 0:
                self._seen, self._common = 1, set(keys)
                self.pinned = {keys[place] for place in twice}
            return [place for place in range(len(page)) if place not in twice]
        self._update_pinned(keys, known, previous)
        # A row that has changed meanwhile counts as new at any position.
        return [
            place for place, key in enumerate(keys) if not known[place] or key not in self.pinned
        ]

    def _update_pinned(
        self, keys: list[Hashable], known: Sequence[bool], previous: Sequence[Row]
    ) -> None:
        """Update the set of rows that are on all pages so far."""
        self._seen += 1
        if not self._common:
            return
        self._common &= {key for key, read in zip(keys, known, strict=True) if read}
        if self._seen == 2:
            overlap = self._overlap(keys, known, previous) - self.pinned
            self.pinned = self._strays = self._common = self._common - overlap
            return
        # Rows that are not on this page are not pinned, but violated the order.
        self.broken += len(self._strays - self._common)
        self._strays = self._strays & self._common
        self.pinned = set(self._common)

    def _overlap(
        self, keys: list[Hashable], known: Sequence[bool], previous: Sequence[Row]
    ) -> set[Hashable]:
        """Return the keys of rows at the start of a page that are the end of the previous one.

        A few may be missing in between, because they were moved or deleted.
        """
        head = known.index(False) if False in known else len(known)
        places = {key: place for place, key in enumerate(keys_of(previous, self._identity))}
        below, found = len(previous), set()
        for key in reversed(keys[:head]):
            place = places.get(key, -1)
            if not below - MOST_MISSING <= place < below:
                break
            below = place
            found.add(key)
        return found

    def check(self, page: Sequence[Row], known: Sequence[bool], *, near_top: bool) -> None:
        """Check the order of an overlapping page, and add the rows after the last one read.

        Args:
            page: the page without pinned rows.
            known: whether each of its rows was read before and is unchanged.
            near_top: whether rows added at the top of the list may have moved down to it.
        """
        keys = keys_of(page, self._identity)
        places = [place for place, read in enumerate(known) if read]
        join = places[-1] if places else -1
        last = [place for place, row in enumerate(page) if row == self._last]
        if last:
            join = last[-1]
            self.broken += sum(place > join for place in places)
        if -1 < join < len(page) - 1 or last:
            self.broken += self._differs([keys[p] for p in places if p <= join], keys)
        between = range(places[0] if places and near_top else 0, join)
        self.broken += sum(keys[place] not in self.keys for place in between)
        self.keys.update(keys)
        self._append(page[join + 1 :], keys[join + 1 :])
        if page and not known[-1]:
            self._last = page[-1]

    def _differs(self, known: list[Hashable], keys: list[Hashable]) -> bool:
        """Return whether the rows before the last one differ from those read before.

        One of them may be missing, and a few more if the overlap is long.
        """
        led = list(self.in_order.last)
        places = {key: place for place, key in enumerate(led)}
        found = [places.get(key, -1) for key in known]
        if not found or found[0] < 0 or found != sorted(found):
            return bool(found)
        return len(set(led[found[0] :]).difference(keys)) > 1 + len(known) // FEW

    def _append(self, rows: Sequence[Row], keys: list[Hashable]) -> None:
        # If the keys themselves are sorted, no other field has to be inspected.
        if self._boundaries is None and not (self.in_order or are_in_order(keys)):
            self._boundaries = PageBoundaries()
        if self._boundaries:
            self._boundaries.add(rows)
        self.in_order.extend(keys)
        if self._notes_contents:
            self.contents.update(hash(json.dumps(row, sort_keys=True)) for row in rows)
