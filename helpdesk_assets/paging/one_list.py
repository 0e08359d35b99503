"""Reads the list of one parent, with as few requests as its end allows."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from requests import HTTPError, PreparedRequest

from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.described import ListWalk
from helpdesk_assets.paging.lengths import Ending, FirstPage, Known, PageLengths
from helpdesk_assets.paging.portions import ParentRead
from helpdesk_assets.paging.positions import Position, Window
from helpdesk_assets.paging.requests import PageRequests
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page
from helpdesk_assets.transport.session import HelpDeskSession

GONE = (404, 410)
FORBIDDEN = 403


@dataclass(frozen=True)
class OneList:
    """One parent's list.

    Attributes:
        read: the result.
        walk: how it was read.
        pages: its rows by page, each with its offset.
        refusal: the status of the rejected request, if the list cannot be read.
    """

    read: ParentRead
    walk: ListWalk
    pages: list[tuple[int, list[Row]]] = field(default_factory=list)
    refusal: int | None = None


@dataclass(frozen=True)
class ListReader:
    """Reads the lists of parents, one at a time. It is thread-safe.

    Args:
        session: sends the requests.
        new_walk: creates the walk for a list.
        first_of: creates the request for the first page of a parent's list.
        past_the_end: statuses for pages after the last one, and for lists that do not exist.
    """

    session: HelpDeskSession
    new_walk: Callable[[], ListWalk]
    first_of: Callable[[Hashable], PreparedRequest]
    past_the_end: Sequence[int] = ()

    def read(self, parent: Any, lengths: PageLengths, *, stored: int = 0) -> OneList:
        """Read a list completely.

        If the API does not report whether more rows follow a short page, its length decides; see
        PageLengths.

        Args:
            parent: the id of the parent.
            lengths: the lengths of other lists' first pages.
            stored: the number of rows of the parent in the table.

        Raises:
            UnusableAnswerError: the list is incomplete.
        """
        walk, requests = self._begin(parent)
        page = self._fetch(requests, walk.position, is_first=True)
        if isinstance(page, int):
            return OneList(ParentRead(parent), walk, refusal=page)
        rows = len(page.rows)
        if not isinstance(walk, CompleteWalk):
            return self._walked(parent, walk, requests, page)
        if page.total is not None or rows >= walk.paging.limit or page.has_more:
            lengths.note(rows)
            return self._walked(parent, walk, requests, page)
        if page.has_more is False:
            lengths.note(rows)
            return self._ended(parent, walk, requests, page)
        ending = lengths.ending(parent, rows, stored=stored)
        if ending == Ending.CUT_OFF:
            return self._walked(parent, walk, requests, page)
        if ending == Ending.UNKNOWN:
            if self._goes_on(walk, requests, page):
                return self._read_again(parent, lengths, rows)
            lengths.confirm(rows)
            return self._ended(parent, walk, requests, page)
        found = self._ended(parent, walk, requests, page)
        read = replace(
            found.read,
            is_verified=found.read.is_verified and ending == Ending.SHORTER,
            first=FirstPage(parent, rows, Known.ASSUMED),
        )
        return replace(found, read=read)

    def _walked(self, parent: Any, walk: ListWalk, requests: PageRequests, page: Page) -> OneList:
        """Read a list from its first page on, until the walk has ended."""
        rows, read, pages = len(page.rows), 0, []
        position = walk.position
        while True:
            fresh = walk.take(page)
            if fresh:
                pages.append((position.offset if isinstance(position, Window) else read, fresh))
                read += len(fresh)
            if walk.has_ended:
                break
            position = walk.position
            following = self._fetch(requests, position, is_first=False)
            page = following if isinstance(following, Page) else Page([])
        known = Known.CUT_OFF if walk.rows_walked > rows else Known.CONFIRMED
        return OneList(
            ParentRead(
                parent,
                walk.rows_walked,
                walk.total,
                walk.unverified is None,
                FirstPage(parent, rows, known),
            ),
            walk,
            pages,
        )

    def _ended(self, parent: Any, walk: ListWalk, requests: PageRequests, page: Page) -> OneList:
        """Accept a short page as the whole list, as if the API had reported its total."""
        found = self._walked(parent, walk, requests, replace(page, total=len(page.rows)))
        return replace(found, read=replace(found.read, total=None))

    def _goes_on(self, walk: CompleteWalk, requests: PageRequests, page: Page) -> bool:
        """Request the rows after a short first page, and return whether there are any."""
        after = walk.paging.window_at(len(page.rows), walk.paging.limit)
        following = self._fetch(requests, after, is_first=False)
        rows = following.rows if isinstance(following, Page) else []
        # An API may send its last page for any position after it.
        return any(row not in page.rows for row in rows)

    def _read_again(self, parent: Any, lengths: PageLengths, rows: int) -> OneList:
        """Read a list that goes on after its short first page, which the API has cut off.

        If the list has just grown, its first page is longer now, and was not cut off.
        """
        walk, requests = self._begin(parent)
        page = self._fetch(requests, walk.position, is_first=False)
        again = page if isinstance(page, Page) else Page([])
        lengths.note(len(again.rows))
        if len(again.rows) == rows:
            lengths.note_more_rows(rows)
        return self._walked(parent, walk, requests, again)

    def _begin(self, parent: Any) -> tuple[ListWalk, PageRequests]:
        walk = self.new_walk()
        return walk, PageRequests(self.first_of(parent), walk)

    def _fetch(self, requests: PageRequests, position: Position, *, is_first: bool) -> Page | int:
        """Return a page, or the status if a parent's list does not exist or is not accessible."""
        try:
            return self.session.send(requests.at(position), requests.place(position))
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in self.past_the_end:
                return Page([])
            if is_first and status in (*GONE, FORBIDDEN):
                return status
            raise
