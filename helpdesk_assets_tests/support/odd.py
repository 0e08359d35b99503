"""Lists whose positions do not match their rows: ties, pinned and hidden rows, next links."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.desk import Desk, Ticket
from helpdesk_assets.sandbox.server import serve


class OddDesk:
    """A help desk that lists its tickets in an unusual way.

    Args:
        desk: the tickets, and how they change.
        tied: how many tickets, from the eleventh on, have equal sort keys. Their order is random
            on each page.
        pinned: how many tickets are added to each page.
        at_the_end: whether these are added at the end of the page.
        hidden: which tickets are omitted from a page after its rows were counted.
        counts_hidden: whether the total includes hidden tickets.
        seed: seed of the random order.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        tied: int = 0,
        pinned: int = 0,
        at_the_end: bool = False,
        hidden: Callable[[Ticket], bool] = lambda ticket: False,
        counts_hidden: bool = False,
        seed: int = 1,
    ) -> None:
        self.desk = desk
        self._chance = random.Random(seed)
        self._tied = {ticket["id"] for ticket in desk.tickets[10 : 10 + tied]}
        self._pinned = [dict(ticket) for ticket in desk.tickets[:pinned]]
        self._at_the_end = at_the_end
        self._hidden = hidden
        self._counts_hidden = counts_hidden

    def visible(self) -> set[int]:
        """Return the ids of the tickets that are not hidden."""
        return {ticket["id"] for ticket in self.desk.tickets if not self._hidden(ticket)}

    def page(self, offset: int, limit: int) -> tuple[list[Ticket], int]:
        """Return the rows of a page, and the total that the API reports."""
        listed, total = self.desk.page(0, 10**6)
        places = [place for place, ticket in enumerate(listed) if ticket["id"] in self._tied]
        shuffled = self._chance.sample(places, len(places))
        listed_now = list(listed)
        for place, other in zip(places, shuffled, strict=True):
            listed_now[place] = listed[other]
        rows = [row for row in listed_now[offset : offset + limit] if not self._hidden(row)]
        if not self._counts_hidden:
            total = len(self.visible())
        return (rows + self._pinned if self._at_the_end else self._pinned + rows), total


class OddApi:
    """The API of an OddDesk.

    Args:
        desk: the help desk.
        total: whether responses contain the total.
        link: returns the URL of the next page, given its offset and size; None: no link.
        beyond: returns the response to offsets past the end; None: an empty list.
    """

    def __init__(
        self,
        desk: OddDesk,
        *,
        total: bool = True,
        link: Callable[[int, int], str] | None = None,
        beyond: Callable[[], Response] | None = None,
    ) -> None:
        self.desk = desk
        self._total = total
        self._link = link
        self._beyond = beyond
        self.asked: list[dict[str, str]] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the help desk inside a ``with`` block."""
        with serve(Starlette(routes=[Route("/tickets", self._answer)])) as base_url:
            yield base_url

    async def _answer(self, request: Request) -> Response:
        query = request.query_params
        self.asked.append(dict(query))
        limit = int(query.get("limit", 100))
        offset = int(query.get("offset", (int(query.get("page", 1)) - 1) * limit))
        rows, total = self.desk.page(offset, limit)
        if not rows and self._beyond:
            return self._beyond()
        body: dict[str, Any] = {"data": rows}
        if self._total:
            body["total"] = total
        if self._link:
            more = offset + limit < len(self.desk.desk.tickets)
            body["next"] = self._link(offset + limit, limit) if more else None
        return JSONResponse(body)
