"""Reads the whole list for dlt: many pages of the API to one answer of its client."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import HTTPError, PreparedRequest, Request, Response

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.described import ListWalk
from helpdesk_assets.paging.flight import PagesInFlight
from helpdesk_assets.paging.positions import Addresses, Position, Window
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page
from helpdesk_assets.transport.session import HelpDeskSession

# How APIs refuse to be asked for what lies far beyond the end of a list.
BEYOND = (400, 404, 410, 416, 422)
# As many as dlt itself gathers before it writes. What dlt's client does for an answer, and what an
# Arrow table costs, is then paid once for all of them.
ROWS_AT_ONCE = 5000


class CompleteReader:
    """Stands between dlt's client and the session, and answers with the rows of many pages.

    dlt asks for the first page, is answered with all that is read until there are
    ``rows_at_once``, and asks again until the walk has ended.

    Args:
        session: sends the requests.
        walk: decides what to ask for, and shows that no row was left out.
        rows_at_once: rows to gather before they are handed on.

    Attributes:
        paginator: dlt's side of it.
    """

    def __init__(
        self,
        session: HelpDeskSession,
        walk: ListWalk | None = None,
        *,
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> None:
        self.session = session
        self.walk = walk or CompleteWalk()
        self.paginator = ReaderPaginator(self.walk)
        self._rows_at_once = rows_at_once
        self._page_starts: list[tuple[int, int]] = []
        self._read = 0
        self._flight: PagesInFlight[Page] | None = None
        vars(session.requests_session)["send"] = self._answer

    @contextmanager
    def open(self) -> Iterator["CompleteReader"]:
        """Read while inside; what is under way at the end is given up."""
        # Half a million objects of imported modules are there to stay. Rows come and go, which
        # sets the garbage collector off, and looking through all of those took it 0.2 s a time.
        gc.freeze()
        try:
            yield self
        finally:
            gc.unfreeze()
            self.session.stop()
            if self._flight:
                self._flight.close()

    def look(self, first: PreparedRequest, pages: int) -> Iterator[Page]:
        """Yield the first pages as they come, each taken in by the walk."""
        addresses = Addresses(str(first.url), self.walk)
        for _ in range(pages):
            if self.walk.has_ended:
                return
            page = self._fetch(first, addresses, self.walk.position)
            self.walk.take(page)
            yield page

    def ask(self, first: PreparedRequest, window: Window) -> Page:
        """Return a page of a counted list, which the walk does not take in.

        Raises:
            HTTPError, UnusableAnswerError: as a session does; and where nothing is, as it is said.
        """
        return self._fetch(first, Addresses(str(first.url), self.walk), window)

    @property
    def rows_read(self) -> int:
        """How many rows have been read, each as often as it had changed."""
        return self._read

    def offset_of(self, row: int) -> int:
        """Return the offset of the page that a row of the last answer was on."""
        return max((start, offset) for start, offset in self._page_starts if start <= row)[1]

    def _answer(self, request: PreparedRequest, **_: Any) -> Response:
        if not self._flight:
            fetch = partial(self._fetch, request, Addresses(str(request.url), self.walk))
            self._flight = PagesInFlight(
                fetch, self.session.in_flight, self.session.refuse_to_wait_for_ever
            )
        rows: list[Row] = []
        self._page_starts = []
        while not self.walk.has_ended and len(rows) < self._rows_at_once:
            position, following = self.walk.position, self.walk.following(self.session.in_flight)
            if rows and self.walk.is_at_end:
                # They are written while the end is asked for.
                self._flight.ask(position, following)
                break
            fresh = self.walk.take(self._flight.page(position, following))
            if fresh:
                offset = position.offset if isinstance(position, Window) else self._read
                self._page_starts.append((len(rows), offset))
                self._read += len(fresh)
                rows += fresh
        response = Response()
        response.status_code = 200
        response.request = request
        vars(response)["json"] = lambda: {"data": rows}
        return response

    def _fetch(self, first: PreparedRequest, addresses: Addresses, position: Position) -> Page:
        """Send dlt's first request for another page; return that page."""
        request = first.copy()
        request.url = addresses.of(position)
        place = addresses.place(position)
        try:
            return self.session.send(request, place)
        except IgnoreResponseException:
            if position is None or (isinstance(position, Window) and not position.offset):
                raise UnusableAnswerError(
                    f"has nothing where its first page should be, {place}: check that "
                    "SOURCES__HELP_DESK__BASE_URL is its API's, and path is of the profile"
                ) from None
            return Page([], self.walk.total)
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if self.walk.is_probing and status in BEYOND:
                return Page([], self.walk.total)
            raise


class ReaderPaginator(BasePaginator):
    """Asks for the first page, and again until the walk has ended."""

    def __init__(self, walk: ListWalk) -> None:
        super().__init__()
        self._walk = walk

    def update_request(self, request: Request) -> None:
        """Ask once more; what for is the reader's to say."""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Go on, unless the list is known to have ended."""
        self._has_next_page = not self._walk.has_ended
