"""Reads the lists that belong to rows of another list, such as the comments of each ticket."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from requests import HTTPError, PreparedRequest

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.described import ListWalk
from helpdesk_assets.paging.flight import PagesInFlight
from helpdesk_assets.paging.positions import Position, Window
from helpdesk_assets.paging.reader import ROWS_AT_ONCE
from helpdesk_assets.paging.requests import PageRequests
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page
from helpdesk_assets.transport.session import HelpDeskSession

GONE = (404, 410)
FORBIDDEN = 403
# A few parents may have been deleted since they were listed, or be inaccessible; more than these
# mean that the path is wrong, or that the API key lacks access.
MOST_GONE = 10


@dataclass
class WalkOfWalks:
    """The result of reading the lists of many parents, with the attributes of one walk.

    Attributes:
        unverified: why completeness cannot be verified for all lists.
        has_ended: whether all lists have been read.
        pages, steps_back: the sums over all lists.
        total: the total number of rows reported by the API; None if it reports none.
        rows_walked: the number of distinct rows read.
        of: the number of parents.
        parents: the parents whose lists were read.
        parents_gone: the number of parents that no longer exist.
        parents_refused: the number of parents whose list is not accessible with the API key; their
            rows from earlier loads are kept.
    """

    unverified: str | None = None
    has_ended: bool = False
    pages: int = 0
    steps_back: int = 0
    total: int | None = None
    rows_walked: int = 0
    of: int = 0
    parents: list[Any] = field(default_factory=list)
    parents_gone: int = 0
    parents_refused: int = 0


@dataclass
class _List:
    """One parent's list: its pages with their offsets, or the status of the rejected request."""

    pages: list[tuple[int, list[Row]]]
    walk: ListWalk
    refusal: int | None = None


class ParentsReader:
    """Reads the lists of all parents, several of them in parallel.

    Each list has its own walk, which verifies completeness as far as its paging allows.

    Args:
        session: sends the requests.
        new_walk: creates the walk for a list.
        first_of: creates the request for the first page of a parent's list.
        past_the_end: statuses that mean that there are no pages after the last one.
        gone_share: the maximum share of parents, 0 to 1, that may have no list.

    Attributes:
        walk: the result.
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
        self._new_walk = new_walk
        self._first_of = first_of
        self._past_the_end = past_the_end
        self._gone_share = gone_share
        self._flight: PagesInFlight[_List] = PagesInFlight(
            self._list_of, session.in_flight, session.refuse_to_wait_for_ever
        )
        self._page_starts: list[tuple[int, int]] = []
        self.rows_read = 0

    @contextmanager
    def open(self) -> Iterator["ParentsReader"]:
        """Allow reading inside a ``with`` block; requests in progress at its end are cancelled."""
        try:
            yield self
        finally:
            self.session.stop()
            self._flight.close()

    def offset_of(self, row: int) -> int:
        """Return the page offset of a row in its list; see CompleteReader."""
        return max((start, offset) for start, offset in self._page_starts if start <= row)[1]

    def rows(self, parents: Sequence[Any], marked: str) -> Iterator[list[Row]]:
        """Yield the rows of all lists, several thousand at a time; the last batch may be empty.

        Args:
            parents: the ids of the parents.
            marked: the field that is added to each row, for the id of its parent.

        Raises:
            UnusableAnswerError: a list is incomplete, or many lists do not exist.
        """
        rows: list[Row] = []
        self._page_starts = []
        self.walk.of = len(parents)
        ahead = 2 * self.session.in_flight
        for place, parent in enumerate(parents):
            found = self._flight.page(parent, parents[place + 1 : place + 1 + ahead])
            self._take(found, parent)
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

    def _take(self, found: _List, parent: Any) -> None:
        if found.refusal is not None:
            if found.refusal == FORBIDDEN:
                self.walk.parents_refused += 1
                self.walk.unverified = "the API key has no access to some of the lists"
            else:
                self.walk.parents_gone += 1
            without = self.walk.parents_gone + self.walk.parents_refused
            if without > max(MOST_GONE, self._gone_share * self.walk.of):
                raise UnusableAnswerError(
                    f"returned no list for {without} of the first "
                    f"{len(self.walk.parents) + without} parent rows (most recently HTTP "
                    f"{found.refusal}): check the path in its profile, and the permissions of the "
                    "API key"
                )
            return
        self.walk.parents.append(parent)
        self.walk.pages += found.walk.pages
        self.walk.steps_back += found.walk.steps_back
        self.walk.rows_walked += found.walk.rows_walked
        self.walk.unverified = self.walk.unverified or found.walk.unverified
        if found.walk.total is not None:
            self.walk.total = (self.walk.total or 0) + found.walk.total

    def _list_of(self, parent: Any) -> _List:
        """Read one parent's list completely."""
        walk, first, pages = self._new_walk(), self._first_of(parent), []
        requests, read = PageRequests(first, walk), 0
        while not walk.has_ended:
            position = walk.position
            page = self._fetch(requests, position, is_first=not walk.pages)
            if isinstance(page, int):
                return _List([], walk, refusal=page)
            fresh = walk.take(page)
            if fresh:
                pages.append((position.offset if isinstance(position, Window) else read, fresh))
                read += len(fresh)
        return _List(pages, walk)

    def _fetch(self, requests: PageRequests, position: Position, *, is_first: bool) -> Page | int:
        """Return a page, or the status if a parent's list does not exist or is not accessible."""
        try:
            return self.session.send(requests.at(position), requests.place(position))
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if is_first and status in (*GONE, FORBIDDEN):
                return status
            if not is_first and status in self._past_the_end:
                return Page([])
            raise
