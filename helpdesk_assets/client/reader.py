"""Reads the whole list for dlt: many pages of the API to one answer of its client."""

import gc
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import PreparedRequest, Request, Response

from helpdesk_assets.client.flight import PagesInFlight
from helpdesk_assets.client.known import Row
from helpdesk_assets.client.session import HelpDeskSession
from helpdesk_assets.client.walk import CompleteWalk

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
        limit: rows to ask for in a page, where no walk is given.
        rows_at_once: rows to gather before they are handed on.

    Attributes:
        paginator: dlt's side of it; its ``limit`` is the rows asked for in a page.
    """

    def __init__(
        self,
        session: HelpDeskSession,
        walk: CompleteWalk | None = None,
        *,
        limit: int = 100,
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> None:
        self.session = session
        self.walk = walk or CompleteWalk(limit)
        self.paginator = ReaderPaginator(self.walk)
        self._rows_at_once = rows_at_once
        self._page_starts: list[tuple[int, int]] = []
        self._flight: PagesInFlight[Any] | None = None
        self._began: float | None = None
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

    @property
    def seconds(self) -> float:
        """How long it has been since the first page was asked for."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def offset_of(self, row: int) -> int:
        """Return the offset of the page that a row of the last answer was on."""
        return max((start, offset) for start, offset in self._page_starts if start <= row)[1]

    def _answer(self, request: PreparedRequest, **options: Any) -> Response:
        if not self._flight:
            self._began = time.monotonic()
            fetch = partial(self._fetch, request, options)
            self._flight = PagesInFlight(fetch, self.session.in_flight)
        rows: list[Row] = []
        self._page_starts = []
        while not self.walk.has_ended and len(rows) < self._rows_at_once:
            offset, following = self.walk.offset, self.walk.following(self.session.in_flight)
            if rows and self.walk.is_at_end:
                # They are written while the end is asked for.
                self._flight.ask(offset, following)
                break
            fresh = self.walk.take(self._flight.page(offset, following))
            if fresh:
                self._page_starts.append((len(rows), offset))
                rows += fresh
        response = Response()
        response.status_code = 200
        response.request = request
        vars(response)["json"] = lambda: {"data": rows}
        return response

    def _fetch(self, first: PreparedRequest, options: Mapping[str, Any], offset: int) -> Any:
        """Send dlt's first request for another page; return the answer's body, parsed."""
        request = first.copy()
        request.url = re.sub(r"(?<=[?&]offset=)\d+", str(offset), str(first.url))
        return self.session.send(request, **options).json()


class ReaderPaginator(BasePaginator):
    """Pages by offset and limit, as dlt's own paginator does, until the walk has ended."""

    def __init__(self, walk: CompleteWalk) -> None:
        super().__init__()
        self._walk = walk

    def init_request(self, request: Request) -> None:
        """Begin."""
        self._has_next_page = True
        self.update_request(request)

    def update_request(self, request: Request) -> None:
        """Ask for what comes next."""
        request.params = {
            **(request.params or {}),
            "offset": self._walk.offset,
            "limit": self._walk.limit,
        }

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Go on, unless the list is known to have ended."""
        self._has_next_page = not self._walk.has_ended
