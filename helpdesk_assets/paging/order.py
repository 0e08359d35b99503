"""Whether the rows of a list keep their order from page to page.

Places in a list are counted, and rows are what is wanted. Where rows that are equal in a list's
order change places between two pages, one of them comes twice and another not at all; and what the
API counts agrees with what was walked over. So the rows themselves are counted, too.
"""

import json
from collections.abc import Callable, Hashable, Sequence
from operator import gt, lt
from typing import Any

from helpdesk_assets.paging.borders import Borders
from helpdesk_assets.tables.keys import Identity, keys_of
from helpdesk_assets.tables.rows import Row

# Rows that may be gone or have moved from the end of a page before the next one is read.
MOST_MISSING = 10

# How far back a page is compared with what led to the row read last, and of how many of such rows
# one more may be missing.
LOOKED_BACK = 500
FEW = 16


class Order:
    """What the pages of one walk show of the order of their list.

    Args:
        identity: where in a row the parts of its key are.

    Attributes:
        keys: of all rows that the walk has taken in.
        in_order: the key in each place that its pages covered, each place once.
        contents: hashes of all that was in them, where it was asked to note them.
        broken: how many rows came again, unchanged, where no row read before can be; or for the
            first time, before one that was read before.
        pinned: the keys of rows that have come with every page, whatever was asked for.
    """

    def __init__(self, identity: Identity, *, notes_contents: bool = False) -> None:
        self._identity = identity
        self.keys: set[Hashable] = set()
        self.in_order: list[Hashable] = []
        self.contents: set[int] = set()
        self._notes_contents = notes_contents
        self.broken = 0
        self.pinned: set[Hashable] = set()
        self._common: set[Hashable] = set()
        self._strays: set[Hashable] = set()
        self._seen = 0
        self._last: Row | None = None
        self._borders: Borders | None = None

    @property
    def is_unique(self) -> bool:
        """Whether no two rows that are equal in the list's order stand where two pages meet.

        A list in order of its keys has none.
        """
        if self._borders:
            return self._borders.are_sharp
        return _are_in_order(self.in_order)

    def add(self, rows: Sequence[Row]) -> bool:
        """Take in rows that come next, if none of them was before; tell whether none was.

        Where one was, ``judge`` is to look at their page.
        """
        keys = keys_of(rows, self._identity)
        before = len(self.keys)
        self.keys.update(keys)
        if len(self.keys) < before + len(keys):
            return False
        self.pinned, self._common = set(), set()
        self._seen += 1
        self._last = rows[-1]
        self._cover(rows, keys)
        return True

    def own(
        self, page: Sequence[Row], known: Sequence[bool], previous: Sequence[Row], *, as_it_is: bool
    ) -> list[int]:
        """Return the places in a page of the rows that do not come with every page.

        Args:
            page: as it came.
            known: of each of its rows, whether it was read before, as it is now.
            previous: the page before it.
            as_it_is: whether it is the top of the list, or one that shows nothing of this.
        """
        keys = keys_of(page, self._identity)
        if as_it_is:
            # Of one that comes twice in a page, the second is where it belongs.
            last = {key: place for place, key in enumerate(keys)}
            again = [last[key] for key in keys]
            twice = {p for p, at in enumerate(again) if p != at and page[p] == page[at]}
            if self._seen == 0:
                self._seen, self._common = 1, set(keys)
                self.pinned = {keys[place] for place in twice}
            return [place for place in range(len(page)) if place not in twice]
        self._see(keys, known, previous)
        # One that has changed meanwhile is news, wherever it comes.
        return [
            place for place, key in enumerate(keys) if not known[place] or key not in self.pinned
        ]

    def _see(self, keys: list[Hashable], known: Sequence[bool], previous: Sequence[Row]) -> None:
        """Look which rows this page has in common with all before it."""
        self._seen += 1
        if not self._common:
            return
        self._common &= {key for key, read in zip(keys, known, strict=True) if read}
        if self._seen == 2:
            overlap = self._overlap(keys, known, previous) - self.pinned
            self.pinned = self._strays = self._common = self._common - overlap
            return
        # Those that do not come any more were no such rows, but came where they do not belong.
        self.broken += len(self._strays - self._common)
        self._strays = self._strays & self._common
        self.pinned = set(self._common)

    def _overlap(
        self, keys: list[Hashable], known: Sequence[bool], previous: Sequence[Row]
    ) -> set[Hashable]:
        """Return the keys of rows at the head of a page that are the end of the one before.

        A few may be missing between, as they have moved or are gone.
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

    def judge(self, page: Sequence[Row], known: Sequence[bool], *, near_top: bool) -> None:
        """Look at the order of a page that joins, and take in what comes after the row read last.

        Args:
            page: without pinned rows.
            known: of each of its rows, whether it was read before, as it is now.
            near_top: whether what has been put on top of the list may have come down to it.
        """
        keys = keys_of(page, self._identity)
        places = [place for place, read in enumerate(known) if read]
        join = places[-1] if places else -1
        last = [place for place, row in enumerate(page) if row == self._last]
        if last:
            join = last[-1]
            self.broken += sum(place > join for place in places)
        if -1 < join < len(page) - 1 or last:
            self.broken += self._leads_elsewhere([keys[p] for p in places if p <= join], keys)
        between = range(places[0] if places and near_top else 0, join)
        self.broken += sum(keys[place] not in self.keys for place in between)
        self.keys.update(keys)
        self._cover(page[join + 1 :], keys[join + 1 :])
        if page and not known[-1]:
            self._last = page[-1]

    def _leads_elsewhere(self, known: list[Hashable], keys: list[Hashable]) -> bool:
        """Tell whether a page comes to what follows by other rows than those that led there.

        One of them may be gone, and the more of them a page begins with, some more.
        """
        led = self.in_order[-LOOKED_BACK:]
        places = {key: place for place, key in enumerate(led)}
        found = [places.get(key, -1) for key in known]
        if not found or found[0] < 0 or found != sorted(found):
            return bool(found)
        return len(set(led[found[0] :]).difference(keys)) > 1 + len(known) // FEW

    def _cover(self, rows: Sequence[Row], keys: list[Hashable]) -> None:
        # Where the keys themselves go up or down, nothing else has to be looked at.
        if self._borders is None and not (self.in_order or _are_in_order(keys)):
            self._borders = Borders()
        if self._borders:
            self._borders.add(rows)
        self.in_order += keys
        if self._notes_contents:
            self.contents.update(hash(json.dumps(row, sort_keys=True)) for row in rows)


def _are_in_order(keys: Sequence[Any]) -> bool:
    """Tell whether keys go up or down, each of them."""
    return any(_all(way, keys) for way in (lt, gt))


def _all(way: Callable[[Any, Any], Any], keys: Sequence[Any]) -> bool:
    try:
        return all(map(way, keys, keys[1:]))
    except TypeError:
        return False
