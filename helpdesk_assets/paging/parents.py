"""Reads the lists that belong to rows of another list, such as the comments of each ticket."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from requests import PreparedRequest

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.described import ListWalk
from helpdesk_assets.paging.flight import PagesInFlight
from helpdesk_assets.paging.lengths import FirstPage, PageLengths
from helpdesk_assets.paging.one_list import FORBIDDEN, ListReader, OneList
from helpdesk_assets.paging.portions import Portion, WalkOfWalks
from helpdesk_assets.paging.reader import ROWS_AT_ONCE
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.session import HelpDeskSession

# A few parents may have been deleted since they were listed, or be inaccessible; more than these
# mean that the path is wrong, or that the API key lacks access.
MOST_GONE = 10


class ParentsReader:
    """Reads the lists of all parents, several of them in parallel.

    Each list has its own walk, which verifies completeness as far as its paging allows.

    Args:
        session: sends the requests.
        new_walk: creates the walk for a list.
        first_of: creates the request for the first page of a parent's list.
        past_the_end: statuses for pages after the last one, and for lists that do not exist.
        gone_share: the maximum share of parents, 0 to 1, that may have no list.

    Attributes:
        walk: the result.
        portion: the parents whose lists are read next.
        rows_read: the number of rows read.
    """

    def __init__(
        self,
        session: HelpDeskSession,
        new_walk: Callable[[], ListWalk],
        first_of: Callable[[Hashable], PreparedRequest],
        *,
        past_the_end: Sequence[int] = (),
        gone_share: float = 0,
    ) -> None:
        self.session = session
        self.walk = WalkOfWalks()
        self.portion = Portion([])
        self.rows_read = 0
        self._list_reader = ListReader(session, new_walk, first_of, past_the_end)
        self._gone_share = gone_share
        self._flight: PagesInFlight[OneList] = PagesInFlight(
            self._read, session.in_flight, session.raise_if_stalled
        )
        self._page_starts: list[tuple[int, int]] = []

    @contextmanager
    def open(self) -> Iterator["ParentsReader"]:
        """Allow reading inside a ``with`` block; requests in progress at its end are cancelled."""
        try:
            yield self
        finally:
            self.session.stop()
            self._flight.close()

    def resume(self, before: Iterable[FirstPage]) -> None:
        """Use what an interrupted run has learned about the lengths of pages."""
        self.walk.lengths = PageLengths(before)

    def offset_of(self, row: int) -> int:
        """Return the page offset of a row in its list; see CompleteReader."""
        return max((start, offset) for start, offset in self._page_starts if start <= row)[1]

    def rows(self, marked: str) -> Iterator[list[Row]]:
        """Yield the rows of a portion, several thousand at a time; the last batch may be empty.

        Args:
            marked: the field that is added to each row, for the id of its parent.

        Raises:
            UnusableAnswerError: a list is incomplete, or many lists do not exist.
        """
        rows: list[Row] = []
        self._page_starts = []
        self.walk.has_ended, self.walk.portion = False, []
        parents = self.portion.parents
        ahead = 2 * self.session.in_flight
        for place, parent in enumerate(parents):
            found = self._flight.page(parent, parents[place + 1 : place + 1 + ahead])
            self._take(found)
            for offset, page in found.pages:
                self._page_starts.append((len(rows), offset))
                for row in page:
                    row[marked] = parent
                rows += page
                self.rows_read += len(page)
            if len(rows) >= ROWS_AT_ONCE and place + 1 < len(parents):
                yield rows
                rows, self._page_starts = [], []
        self.walk.has_ended = True
        yield rows

    def _read(self, parent: Any) -> OneList:
        stored = self.portion.stored.get(parent, 0)
        return self._list_reader.read(parent, self.walk.lengths, stored=stored)

    def _take(self, found: OneList) -> None:
        walk = self.walk
        walk.portion.append(found.read)
        if found.refusal is None:
            walk.lists += 1
            walk.pages += found.walk.pages
            walk.overlap_retries += found.walk.overlap_retries
            walk.rows_walked += found.read.rows
            walk.unverified_list = walk.unverified_list or found.walk.unverified
            if found.read.total is not None:
                walk.total = (walk.total or 0) + found.read.total
            return
        if found.refusal == FORBIDDEN:
            walk.parents_refused += 1
        else:
            walk.parents_gone += 1
        without = walk.parents_gone + walk.parents_refused
        if without > max(MOST_GONE, self._gone_share * walk.of):
            raise UnusableAnswerError(
                f"returned no list for {without} of the first {walk.asked} parent rows (most "
                f"recently HTTP {found.refusal}): check the path in its profile, and the "
                "permissions of the API key"
            )
