"""Reads the lists that belong to rows of another list, such as the comments of each ticket."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from requests import HTTPError, PreparedRequest

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.described import ListWalk
from helpdesk_assets.paging.flight import PagesInFlight
from helpdesk_assets.paging.positions import Addresses, Position, Window
from helpdesk_assets.paging.reader import ROWS_AT_ONCE
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page
from helpdesk_assets.transport.session import HelpDeskSession

GONE = (404, 410)
FORBIDDEN = 403
# A few parents may have been deleted since they were listed, or be kept from the key; more than
# these say that the path is wrong, or that the key may read none of them.
MOST_GONE = 10


@dataclass
class WalkOfWalks:
    """What came of reading the lists of many parents; its attributes are those of one walk.

    Attributes:
        unverified: why it cannot be said of each list that no row was left out.
        has_ended: whether all have been read.
        pages, steps_back: of all of them.
        total: how many rows they have by what the API says; None when it does not say.
        rows_walked: how many different rows have been read.
        of: how many parents there are.
        parents: whose lists were read.
        parents_gone: how many had none, for they are not there any more.
        parents_refused: how many had one that the key may not read; what was loaded of it stays.
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
    """One parent's list: its pages, each with its offset; or the status that says there is none."""

    pages: list[tuple[int, list[Row]]]
    walk: ListWalk
    refusal: int | None = None


class ParentsReader:
    """Walks through the list of one parent after the other, several of them at a time.

    Each list is read by a walk of its own, which shows that it is complete as far as the paging
    lets it.

    Args:
        session: sends the requests.
        new_walk: makes the walk for a list.
        first_of: makes the request for the first page of a parent's list.
        past_the_end: statuses that say that nothing comes after the last page.
        gone_share: the most of the parents, 0 to 1, that may have no list any more.

    Attributes:
        walk: what came of it.
        rows_read: how many rows have been read.
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
        """Read while inside; what is under way at the end is given up."""
        try:
            yield self
        finally:
            self.session.stop()
            self._flight.close()

    def offset_of(self, row: int) -> int:
        """Return the offset, in its list, of the page that a row was on; as of CompleteReader."""
        return max((start, offset) for start, offset in self._page_starts if start <= row)[1]

    def rows(self, parents: Sequence[Any], marked: str) -> Iterator[list[Row]]:
        """Yield the rows of all lists, some thousand at a time; the last time perhaps none.

        Args:
            parents: the ids of the rows that the lists belong to.
            marked: the field that each row gets, for the id of its parent.

        Raises:
            UnusableAnswerError: a list is not whole, or many are not there.
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
                self.walk.unverified = "the key may not read some of the lists"
            else:
                self.walk.parents_gone += 1
            without = self.walk.parents_gone + self.walk.parents_refused
            if without > max(MOST_GONE, self._gone_share * self.walk.of):
                raise UnusableAnswerError(
                    f"has no list of that kind for {without} of the first "
                    f"{len(self.walk.parents) + without} rows that should have one (the last with "
                    f"HTTP {found.refusal}): check the path in its profile, and what the key may "
                    "read"
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
        """Walk through one parent's list, to its end."""
        walk, first, pages = self._new_walk(), self._first_of(parent), []
        addresses, read = Addresses(str(first.url), walk), 0
        while not walk.has_ended:
            position = walk.position
            page = self._fetch(first, addresses, position, is_first=not walk.pages)
            if isinstance(page, int):
                return _List([], walk, refusal=page)
            fresh = walk.take(page)
            if fresh:
                pages.append((position.offset if isinstance(position, Window) else read, fresh))
                read += len(fresh)
        return _List(pages, walk)

    def _fetch(
        self, first: PreparedRequest, addresses: Addresses, position: Position, *, is_first: bool
    ) -> Page | int:
        """Return a page; or the status that says that a parent has no list, or none to be read."""
        request = first.copy()
        request.url = addresses.of(position)
        try:
            return self.session.send(request, addresses.place(position))
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if is_first and status in (*GONE, FORBIDDEN):
                return status
            if not is_first and status in self._past_the_end:
                return Page([])
            raise
