"""Lists whose places are not their rows: ties, pinned rows, rows left out, numbered links."""

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
    """A desk that lists its tickets in an odd way.

    Args:
        desk: the tickets there are, and how they change.
        tied: how many of them, from the tenth on, are equal in the order of the list, which breaks
            the tie anew for each page.
        pinned: how many come with each page beside its own.
        at_the_end: whether these come after the page's own.
        hidden: which tickets are left out of pages after these were counted.
        counts_hidden: whether the total counts them nevertheless.
        seed: of chance.
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
        """Return the ids of the tickets that can be seen now."""
        return {ticket["id"] for ticket in self.desk.tickets if not self._hidden(ticket)}

    def page(self, offset: int, limit: int) -> tuple[list[Ticket], int]:
        """Return the rows of a page, and how many the API says there are."""
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
    """An API for an odd desk.

    Args:
        desk: it.
        total: whether the API says how many tickets there are.
        link: makes the address of the next page, by its offset and size; None: it names none.
        beyond: answers where nothing comes any more; None: an empty list.
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
        """Serve it while inside."""
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
