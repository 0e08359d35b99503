"""Whether a short page is the last one of its list, if the API does not report it.

An API may limit its pages to fewer rows than requested. A page of 10 rows may then be a whole list,
or the start of a longer one. The lists of many parents answer this together, because the limit is
the same for all of them: a page that is shorter than the longest one was not cut off.

The longest pages themselves may have been. Each is confirmed by a request for the rows after it,
until many such requests have returned nothing; after that, only some are confirmed. If a request
does return rows, the limit is found, and lists that were assumed to be complete are read again.
"""

import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

# After this many requests that returned nothing after the longest pages, only one list in SAMPLED
# is confirmed.
ENOUGH = 200
SAMPLED = 256


class Ending(Enum):
    """What is known about the end of a list after its first page."""

    # Its first page is shorter than those of others, so it was not cut off.
    SHORTER = auto()
    # Its first page is as long as the longest one, and enough of those were confirmed.
    LIKELY = auto()
    # The rows after the page are to be requested.
    UNKNOWN = auto()
    # The API cuts off pages of this length, so more rows may follow.
    CUT_OFF = auto()


class Known(str, Enum):
    """How it is known whether a list ends with its first page."""

    # The API reported it, or returned nothing after it.
    CONFIRMED = "confirmed"
    # From its length; see Ending.
    ASSUMED = "assumed"
    # The list does not end there.
    CUT_OFF = "cut off"


@dataclass(frozen=True)
class FirstPage:
    """The length of the first page of a parent's list.

    Attributes:
        parent: the id of the parent.
        rows: the number of rows.
        known: how it is known whether the list ends with it.
    """

    parent: Any
    rows: int
    known: Known


class PageLengths:
    """The lengths of the first pages of the lists of all parents. It is thread-safe.

    Args:
        before: the first pages that an interrupted run has read.

    Attributes:
        longest: the number of rows in the longest page.
        confirmed: how many requests returned nothing after a page of that length.
    """

    def __init__(self, before: Iterable[FirstPage] = ()) -> None:
        self._lock = threading.Lock()
        self.longest = 0
        self.confirmed = 0
        self._asked = 0
        self._taken = 0
        self._is_cut_off = False
        # Whether longer and shorter pages are cut off, so that their lengths prove nothing.
        self._varies = False
        self._unconfirmed: dict[int, set[Hashable]] = {}
        self._doubtful: set[Any] = set()
        for page in before:
            self._note_length(page.rows)
            if page.known == Known.ASSUMED:
                self._unconfirmed.setdefault(page.rows, set()).add(page.parent)
            elif page.rows == self.longest:
                self._asked += 1
                self.confirmed += page.known == Known.CONFIRMED
                self._is_cut_off |= page.known == Known.CUT_OFF

    @property
    def unverified(self) -> str | None:
        """Why the end of some lists is not verified; None if it is."""
        likely = len(self._unconfirmed.get(self.longest, ()))
        if not likely:
            return None
        return (
            f"{likely:,} lists end with a page of {self.longest} rows, and the API does not say "
            f"whether more follow; nothing followed {self.confirmed:,} others of them: set "
            "total_path or has_more_path in its profile if the API has such a field"
        )

    def note(self, rows: int) -> None:
        """Note a page whose end the API has stated."""
        with self._lock:
            self._note_length(rows)

    def ending(self, parent: Hashable, rows: int, *, stored: int = 0) -> Ending:
        """Return what is known about the end of a list of one short page.

        Args:
            parent: the id of the parent.
            rows: the number of rows in the page.
            stored: the number of rows of that parent in the table; if it has more than the page,
                its end is always confirmed, because otherwise they would count as deleted.
        """
        with self._lock:
            self._note_length(rows)
            if rows == self.longest and self._is_cut_off:
                return Ending.CUT_OFF
            if rows == 0:
                return Ending.SHORTER
            is_longest = rows == self.longest
            if self._varies or stored > rows or (is_longest and self._asked < ENOUGH):
                self._asked += is_longest
                return Ending.UNKNOWN
            self._taken += 1
            if self._taken % SAMPLED == 0:
                return Ending.UNKNOWN
            self._unconfirmed.setdefault(rows, set()).add(parent)
            return Ending.LIKELY if is_longest else Ending.SHORTER

    def confirm(self, rows: int) -> None:
        """Note that nothing follows a page."""
        with self._lock:
            self.confirmed += rows == self.longest

    def note_more_rows(self, rows: int) -> None:
        """Note that rows follow a short page, so that others of that length may be cut off, too."""
        with self._lock:
            if rows == self.longest:
                self._is_cut_off = True
                doubtful = [self._unconfirmed.pop(rows, set())]
            else:
                self._varies = True
                doubtful = list(self._unconfirmed.values())
                self._unconfirmed = {}
            self._doubtful.update(*doubtful)

    def take_doubtful(self) -> set[Any]:
        """Return the parents whose lists were assumed to be complete and may not be, once."""
        with self._lock:
            doubtful, self._doubtful = self._doubtful, set()
            return doubtful

    def _note_length(self, rows: int) -> None:
        if rows > self.longest:
            self.longest = rows
            self.confirmed = self._asked = 0
            self._is_cut_off = False
