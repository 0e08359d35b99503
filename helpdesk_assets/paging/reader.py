"""Reads a complete list for dlt: returns many pages of the API as one response to its client."""

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
from helpdesk_assets.paging.pauses import Pauses
from helpdesk_assets.paging.positions import Placed, Position, Window
from helpdesk_assets.paging.requests import PageRequests
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page
from helpdesk_assets.transport.session import HelpDeskSession

# Statuses of APIs for pages far beyond the end of a list.
BEYOND = (400, 404, 410, 416, 422)
# As many rows as dlt buffers before it writes, so that the overhead of dlt's client and of an Arrow
# table occurs once for all of them.
ROWS_AT_ONCE = 5000


class CompleteReader:
    """Intercepts the requests of dlt's client, and returns the rows of many pages.

    dlt requests the first page, receives up to about ``rows_at_once`` rows, and repeats this until
    the walk has ended or is paused.

    Args:
        session: sends the requests.
        walk: decides which page to request, and proves that no row was skipped.
        rows_at_once: the number of rows to collect before they are returned.
        pauses: decides when to pause; None: the list is loaded at once.

    Attributes:
        paginator: the paginator for dlt's client.
        pauses: as above.
        is_paused: whether what was read is to be loaded before the walk goes on.
    """

    def __init__(
        self,
        session: HelpDeskSession,
        walk: ListWalk | None = None,
        *,
        rows_at_once: int = ROWS_AT_ONCE,
        pauses: Pauses | None = None,
    ) -> None:
        self.session = session
        self.walk = walk or CompleteWalk()
        self.paginator = ReaderPaginator(self)
        self.pauses = pauses
        self.is_paused = False
        self._rows_at_once = rows_at_once
        self._page_starts: list[tuple[int, int]] = []
        self._read = 0
        self._flight: PagesInFlight[Page] | None = None
        self._ahead: Response | None = None
        vars(session.requests_session)["send"] = self._answer

    @contextmanager
    def open(self) -> Iterator["CompleteReader"]:
        """Allow reading inside a ``with`` block; requests in progress at its end are cancelled."""
        try:
            yield self
        finally:
            self.session.stop()
            if self._flight:
                self._flight.close()

    def look(self, first: PreparedRequest, pages: int) -> Iterator[Page]:
        """Yield the first pages, each after the walk has processed it."""
        requests = PageRequests(first, self.walk)
        for _ in range(pages):
            if self.walk.has_ended:
                return
            page = self._fetch(requests, self.walk.position)
            self.walk.take(page)
            yield page

    def ask(self, first: PreparedRequest, window: Window) -> Page:
        """Return a page of a counted list, without processing it in the walk.

        Raises:
            HTTPError, UnusableAnswerError: as raised by the session.
        """
        return self._fetch(PageRequests(first, self.walk), window)

    def is_empty(self, first: PreparedRequest) -> bool:
        """Read the first rows, and return whether the list has ended without any.

        If not, dlt receives these rows as the response to its first request.
        """
        self._ahead = self._answer(first)
        return self.walk.has_ended and not self._read

    @property
    def rows_read(self) -> int:
        """The number of rows read, including repeated reads of changed rows."""
        return self._read

    def offset_of(self, row: int) -> int:
        """Return the page offset of a row in the last response."""
        return max((start, offset) for start, offset in self._page_starts if start <= row)[1]

    def _answer(self, request: PreparedRequest, **_: Any) -> Response:
        if self._ahead:
            response, self._ahead = self._ahead, None
            return response
        if not self._flight:
            fetch = partial(self._fetch, PageRequests(request, self.walk))
            self._flight = PagesInFlight(
                fetch, self.session.in_flight, self.session.raise_if_stalled
            )
        if self.pauses and self.is_paused:
            self.pauses.resume()
        rows: list[Row] = []
        self._page_starts, self.is_paused = [], False
        while not (self.walk.has_ended or self.is_paused) and len(rows) < self._rows_at_once:
            position, following = self.walk.position, self.walk.following(self.session.in_flight)
            if rows and self.walk.is_at_end:
                # Rows are written while the end is requested.
                self._flight.ask(position, following)
                break
            fresh = self.walk.take(self._flight.page(position, following))
            if fresh:
                offset = _offset(position, self._read)
                self._page_starts.append((len(rows), offset))
                self._read += len(fresh)
                rows += fresh
            if self.pauses and not self.walk.has_ended:
                self.is_paused = self.pauses.is_due(self.walk)
        response = Response()
        response.status_code = 200
        response.request = request
        vars(response)["json"] = lambda: {"data": rows}
        return response

    def _fetch(self, requests: PageRequests, position: Position) -> Page:
        """Send dlt's first request, modified for another page; return that page."""
        place = requests.place(position)
        try:
            return self.session.send(requests.at(position), place)
        except IgnoreResponseException:
            if _is_first(position) or not self.walk.pages:
                raise UnusableAnswerError(
                    f"has no first page ({place}): check that SOURCES__HELP_DESK__BASE_URL is the "
                    "base URL of its API, and that path in its profile is correct"
                ) from None
            return Page([], self.walk.total)
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if self.walk.is_probing and status in BEYOND:
                return Page([], self.walk.total)
            raise


def _is_first(position: Position) -> bool:
    """Return whether a position is the first page of a list; of several lists, the first one."""
    while isinstance(position, Placed):
        if position.part:
            return False
        position = position.position
    return position is None or (isinstance(position, Window) and not position.offset)


def _offset(position: Position, read: int) -> int:
    """Return the offset of a page in its list, or the number of rows read before it."""
    while isinstance(position, Placed):
        position = position.position
    return position.offset if isinstance(position, Window) else read


class ReaderPaginator(BasePaginator):
    """Repeats the first request until the walk has ended or is paused."""

    def __init__(self, reader: CompleteReader) -> None:
        super().__init__()
        self._reader = reader

    def __deepcopy__(self, memo: object) -> "ReaderPaginator":
        """Return the same paginator to dlt, which copies those of lists that it pages itself."""
        return self

    def update_request(self, request: Request) -> None:
        """Leave the request unchanged; the reader decides which page to request."""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Continue unless the walk has ended or is paused."""
        self._has_next_page = not (self._reader.walk.has_ended or self._reader.is_paused)
