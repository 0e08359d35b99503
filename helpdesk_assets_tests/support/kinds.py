"""A help desk with each kind of paging that a profile can configure, and its faults."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.desk import Desk, Ticket
from helpdesk_assets_tests.conftest import API_KEY
from helpdesk_assets_tests.support.odd import OddDesk

PROFILE = """\
client:
  auth:
    type: bearer
    token: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /v1/tickets
      method: METHOD
      data_selector: data
      paginator: PAGINATOR
    fields: {id: id, subject: subject, status: status, created_at: created_at}
"""
PAGINATORS = {
    "offset": "{type: offset, limit: 100}",
    "page number from 0": "{type: page_number, base_page: 0, limit: 100, limit_param: limit}",
    "page number from 1": "{type: page_number, base_page: 1, limit: 100, limit_param: limit}",
    "offset in a JSON body": (
        "{type: offset, limit: 100, offset_body_path: page.offset, limit_body_path: page.limit}"
    ),
    "pages of a fixed size": "{type: page_number, base_page: 1}",
    "cursor": (
        "{type: cursor, cursor_path: cursor, cursor_param: cursor, has_more_path: has_more,"
        " total_path: total}"
    ),
    "link in the body": "{type: json_link, next_url_path: next, total_path: total}",
    "Link header": "{type: header_link, total_path: total}",
}
COUNTED = list(PAGINATORS)[:4]
# Kinds whose pages are requested by offset or page number.
NUMBERED = [*COUNTED, "pages of a fixed size"]


def profile(kind: str) -> str:
    """Return the profile for a kind of paging."""
    method = "POST" if "body_path" in PAGINATORS[kind] else "GET"
    return PROFILE.replace("PAGINATOR", PAGINATORS[kind]).replace("METHOD", method)


@dataclass
class Page:
    """A page that the API is about to send.

    Attributes:
        place: the number of rows in the list before this page.
        number: the number of the request, from 1.
        rows, total, has_more: the fields of the response.
        following: the cursor of the next page; None at the end.
    """

    place: int
    number: int
    rows: list[Ticket]
    total: int | None
    has_more: bool
    following: int | None


Fault = Callable[[Page], Response | None]


def _instead(at: int, response: Callable[[], Response]) -> Fault:
    return lambda page: response() if page.number == at else None


def _null(page: Page) -> Response | None:
    return JSONResponse({"data": None, "total": page.total}) if page.number == 2 else None


def _ends_early(page: Page) -> None:
    if page.place + len(page.rows) > 150:
        page.rows = page.rows[: max(0, 150 - page.place)]
        page.following, page.has_more = None, False


def _ends_early_in_silence(page: Page) -> None:
    _ends_early(page)
    page.total = None


def _total_high(page: Page) -> None:
    page.total = 1_000_000


def _no_total(page: Page) -> None:
    page.total = None


def _says_more(page: Page) -> None:
    page.has_more, page.total = True, None


@dataclass
class Repeats:
    """Sends the rows of the first response for every request."""

    first: list[Ticket] = field(default_factory=list)

    def __call__(self, page: Page) -> None:
        self.first = self.first or page.rows
        page.rows = self.first[: len(page.rows) or 100]
        page.following = page.following or 1


@dataclass
class Pinned:
    """Adds the first three rows of the first response to every response."""

    pinned: list[Ticket] = field(default_factory=list)

    def __call__(self, page: Page) -> None:
        self.pinned = self.pinned or page.rows[:3]
        page.rows = self.pinned + page.rows


@dataclass(frozen=True)
class Trouble:
    """A fault, and the help desk that it occurs in."""

    fault: Callable[[], Fault]
    most: int = 100
    churn: float = 0
    tickets: int = 250
    tied: int = 0


TROUBLES = {
    "works as documented": Trouble(lambda: lambda page: None),
    "sends at most 50 tickets per page": Trouble(lambda: lambda page: None, most=50),
    "reports no total": Trouble(lambda: _no_total),
    "changes after each page: one ticket deleted, added or reopened": Trouble(
        lambda: lambda page: None, churn=1, tickets=1500
    ),
    "fails once with 503": Trouble(
        lambda: _instead(2, lambda: PlainTextResponse("no", status_code=503))
    ),
    "sends null for its second page": Trouble(lambda: _null),
    "sends HTML for its second page": Trouble(
        lambda: _instead(2, lambda: HTMLResponse("<h1>Maintenance</h1>"))
    ),
    "sends the same page again and again": Trouble(Repeats),
    "ends after 150 of 250 tickets": Trouble(lambda: _ends_early),
    "ends after 150, and reports no total": Trouble(lambda: _ends_early_in_silence),
    "reports 1,000,000 tickets": Trouble(lambda: _total_high),
    "reports after the end that more follow": Trouble(lambda: _says_more),
    "lists 150 tickets in another order for each page": Trouble(
        lambda: lambda page: None, tied=150
    ),
    "sends three tickets with each page, beside its own": Trouble(Pinned),
}


class Api:
    """The help desk.

    Args:
        kind: the kind of paging.
        trouble: the fault.
        seed: seed of the tickets.
    """

    def __init__(self, kind: str, trouble: Trouble, seed: int = 1) -> None:
        self.kind = kind
        self.trouble = trouble
        self.desk = Desk(trouble.tickets, seed, churn=trouble.churn)
        self.odd = OddDesk(self.desk, tied=trouble.tied)
        self.fault = trouble.fault()
        self.queries: list[dict[str, str]] = []
        self._numbers = itertools.count(1)
        self.app = Starlette(routes=[Route("/v1/tickets", self._tickets, methods=["GET", "POST"])])

    async def _tickets(self, request: Request) -> Response:
        query = dict(request.query_params)
        if request.method == "POST":
            query = {name: str(value) for name, value in (await request.json())["page"].items()}
        self.queries.append(query)
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return JSONResponse({"error": "no"}, status_code=401)
        page = self._page(query)
        return self.fault(page) or self._answer(page, request)

    def _page(self, query: dict[str, str]) -> Page:
        number = next(self._numbers)
        limit = min(int(query.get("limit", 100)), self.trouble.most)
        if self.kind in NUMBERED:
            base = 0 if self.kind.endswith("0") else 1
            offset = int(query.get("offset", (int(query.get("page", base)) - base) * limit))
            rows, total = self.odd.page(offset, limit)
            return Page(offset, number, rows, total, offset + len(rows) < total, None)
        # A cursor is the id of a ticket, not an offset.
        last = int(query.get("cursor", 0))
        listed, total = self.desk.page(0, len(self.desk.tickets))
        after = [ticket for ticket in listed if ticket["id"] > last]
        rows = after[:limit]
        following = rows[-1]["id"] if len(after) > limit else None
        place = len(listed) - len(after)
        return Page(place, number, rows, total, following is not None, following)

    def _answer(self, page: Page, request: Request) -> Response:
        body: dict[str, Any] = {"data": page.rows}
        if page.total is not None:
            body["total"] = page.total
        if self.kind in NUMBERED or self.kind == "cursor":
            body["has_more"] = page.has_more
        headers = {}
        link = f"{request.url.replace(query=f'cursor={page.following}')}"
        if page.following is not None:
            if self.kind == "cursor":
                body["cursor"] = f"{page.following}"
            elif self.kind == "link in the body":
                body["next"] = link
            elif self.kind == "Link header":
                headers["link"] = f'<{link}>; rel="next"'
        return JSONResponse(body, headers=headers)
