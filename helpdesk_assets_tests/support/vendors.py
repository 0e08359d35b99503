"""Help desks of other makes: each answers as its maker's public documentation says it does.

They serve the sandbox's tickets, in the shape, the order, the paging and the limits of the vendor.
"""

import itertools
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.desk import Desk, Ticket

KEY = "sk-planted-7Qx9"
SECRETS = {
    "API_KEY": KEY,
    "ZENDESK_EMAIL": "agent@planted.example",
}

Answer = Callable[[Request, Desk], Response]


@dataclass(frozen=True)
class Vendor:
    """A make of help desk.

    Attributes:
        path: where its tickets are.
        authorization: what the header has to be.
        answer: answers a request that was let in.
        row: what it makes of a ticket.
        is_verified: whether its paging lets a walk show that nothing is missing.
    """

    path: str
    authorization: str
    answer: Answer
    row: Callable[[Ticket], dict[str, Any]] = dict
    is_verified: bool = True


def _basic(name: str, password: str) -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


def _listed(desk: Desk, offset: int, limit: int, since: str = "") -> tuple[list[Ticket], int]:
    return desk.page(offset, limit, updated_since=since)


def _after(desk: Desk, last: int, limit: int) -> list[Ticket]:
    """Return the tickets after an id: a cursor that stands for a place among them."""
    everything, _ = desk.page(0, len(desk.tickets))
    return [ticket for ticket in everything if ticket["id"] > last][:limit]


def _numbered(request: Request, size_param: str, most: int) -> tuple[int, int]:
    page = int(request.query_params.get("page", 1))
    size = min(int(request.query_params.get(size_param, 30)), most)
    return (page - 1) * size, size


def _zendesk(request: Request, desk: Desk) -> Response:
    size = min(int(request.query_params["page[size]"]), 100)
    after = request.query_params.get("page[after]", "after-0")
    rows = _after(desk, int(after.removeprefix("after-")), size + 1)
    page = rows[:size]
    last = page[-1]["id"] if page else 0
    return JSONResponse(
        {
            "tickets": page,
            # There is a cursor on the last page, too.
            "meta": {"has_more": len(rows) > size, "after_cursor": f"after-{last}"},
        }
    )


STATUSES = {"open": 2, "pending": 3, "solved": 4, "closed": 5}


def _freshdesk(request: Request, desk: Desk) -> Response:
    if int(request.query_params.get("page", 1)) > 300:
        return JSONResponse({"description": "Validation failed"}, status_code=400)
    offset, size = _numbered(request, "per_page", 100)
    since = request.query_params.get("updated_since", "2026-10-01T00:00:00Z")
    rows, total = _listed(desk, offset, size, since)
    more = {"link": '<https://x.example/next>; rel="next"'} if offset + size < total else {}
    shaped = [{**row, "status": STATUSES.get(row["status"] or "", 2)} for row in rows]
    return JSONResponse(shaped, headers=more)


def _linked(request: Request, desk: Desk) -> Response:
    """An API of nobody's, for the kind of paging that no shipped profile has: RFC 8288 links."""
    after = int(request.query_params.get("after", 0))
    rows = _after(desk, after, 51)
    headers = {}
    if len(rows) > 50:
        query = urlencode({**request.query_params, "after": rows[49]["id"]})
        headers["link"] = f'<?{query}>; rel="next", </v1/tickets>; rel="first"'
    return JSONResponse(rows[:50], headers=headers)


VENDORS: dict[str, Vendor] = {
    "zendesk": Vendor(
        "/api/v2/tickets",
        _basic(f"{SECRETS['ZENDESK_EMAIL']}/token", KEY),
        _zendesk,
        is_verified=False,
    ),
    "freshdesk": Vendor("/api/v2/tickets", _basic(KEY, "X"), _freshdesk),
}


class Served:
    """A vendor's help desk that is being served, and what it was asked.

    Args:
        vendor: its make.
        desk: its tickets.
        fault: answers in its place, or returns None.
    """

    def __init__(
        self,
        vendor: Vendor,
        desk: Desk,
        fault: Callable[[Request], Response | None] = lambda request: None,
    ) -> None:
        self.desk = desk
        self.base_url = ""
        self.queries: list[dict[str, str]] = []

        async def tickets(request: Request) -> Response:
            self.queries.append(dict(request.query_params))
            if request.headers.get("authorization") != vendor.authorization:
                return JSONResponse({"error": "Couldn't authenticate you"}, status_code=401)
            return fault(request) or vendor.answer(request, desk)

        self.app = Starlette(routes=[Route(vendor.path, tickets)])


def once(response: Callable[[], Response], at: int = 2) -> Callable[[Request], Response | None]:
    """Answer one request, the ``at``-th, with something else."""
    count = itertools.count(1)
    return lambda request: response() if next(count) == at else None
