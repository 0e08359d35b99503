"""A help desk whose comments are listed per ticket, paged in each way that a profile can name."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.conftest import API_KEY

Json = dict[str, Any]

PROFILE = """\
client:
  auth:
    type: bearer
    token: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /v1/tickets
      data_selector: data
      paginator: {type: offset, limit: 1000}INCREMENTAL
    fields: {id: id, subject: subject, status: status, created_at: created_at}
  - name: comments
    endpoint:
      path: /v1/tickets/{resources.help_desk_tickets.id}/comments
      data_selector: comments
      paginator: PAGINATORACTIONS
    fields: {id: id, text: body}
"""
INCREMENTAL = """
      incremental: {start_param: updated_since}"""
IGNORING = """
      response_actions: [{status_code: 404, action: ignore}]"""
# By name: the paginator of the comments, and the fields that an answer has.
KINDS = {
    "offset, total": ("{type: offset}", ("total",)),
    "offset, flag": ("{type: offset, total_path: null}", ("has_more",)),
    "offset": ("{type: offset}", ()),
    "page number, total": ("{type: page_number, limit_param: limit}", ("total",)),
    "page number": ("{type: page_number, limit_param: limit, base_page: 1}", ()),
    "cursor": ("{type: cursor, cursor_path: next, cursor_param: after}", ("next",)),
    "cursor, left out": ("{type: cursor, cursor_path: next, cursor_param: after}", ("next?",)),
    "link": ("{type: json_link, next_url_path: link}", ("link",)),
    "Link header": ("{type: header_link}", ("Link",)),
}


def profile(kind: str = "offset", *, incremental: bool = True, ignoring: bool = False) -> str:
    """Return a profile of tickets and their comments.

    Args:
        kind: how comments are paged; one of KINDS.
        incremental: whether changed tickets can be requested.
        ignoring: whether 404 means that there is no list.
    """
    text = PROFILE.replace("PAGINATOR", KINDS[kind][0])
    text = text.replace("INCREMENTAL", INCREMENTAL if incremental else "")
    return text.replace("ACTIONS", IGNORING if ignoring else "")


@dataclass
class CommentsDesk:
    """A help desk with tickets and their comments.

    Attributes:
        tickets: the ids of the tickets.
        kind: how comments are paged; one of KINDS.
        each: how many comments a ticket has, unless ``sizes`` says otherwise.
        sizes: the number of comments of some tickets.
        words: what the comments of a ticket say, if it is not the same for all.
        cap: the largest page of comments; None: as large as requested.
        seconds: how long a request for comments takes.
        changed: the tickets that are listed if changes are requested; None: all.
        statuses: the status of the answer for the comments of some tickets.
        once: the tickets whose comments are answered with 503, once each.
        asked: how often the comments of a ticket were requested.
        requests: how many requests for comments there were.
    """

    tickets: list[int]
    kind: str = "offset"
    each: int = 10
    sizes: dict[int, int] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    cap: int | None = None
    seconds: float = 0.0
    changed: set[int] | None = None
    statuses: dict[int, int] = field(default_factory=dict)
    once: set[int] = field(default_factory=set)
    asked: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """How many requests for comments there were."""
        return self.asked.total()

    @property
    def app(self) -> Starlette:
        """The web application."""
        return Starlette(
            routes=[
                Route("/v1/tickets", self._tickets),
                Route("/v1/tickets/{ticket:int}/comments", self._comments),
            ]
        )

    def comments(self, ticket: int) -> list[Json]:
        """Return the comments of a ticket; their ids are unique among all tickets."""
        size = self.sizes.get(ticket, self.each)
        body = self.words.get(ticket, "private")
        return [{"id": ticket * 1000 + number, "body": body} for number in range(size)]

    def rows(self) -> list[tuple[int, int, str]]:
        """Return id, ticket and text of each comment that is listed, by id."""
        return [
            (comment["id"], ticket, comment["body"])
            for ticket in sorted(self.tickets)
            if self.statuses.get(ticket, 200) == 200
            for comment in self.comments(ticket)
        ]

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params
        since, first = query.get("updated_since"), int(query["offset"])
        listed = [t for t in self.tickets if not since or self.changed is None or t in self.changed]
        rows = [
            {
                "id": ticket,
                "subject": self.words.get(ticket, "private"),
                "status": "open",
                "created_at": "2026-01-01T00:00:00Z",
            }
            for ticket in listed[first : first + int(query["limit"])]
        ]
        return JSONResponse({"data": rows, "total": len(listed)})

    async def _comments(self, request: Request) -> Response:
        ticket, query = request.path_params["ticket"], request.query_params
        self.asked[ticket] += 1
        if self.seconds:
            await asyncio.sleep(self.seconds)
        status = self.statuses.get(ticket, 200)
        if ticket in self.once and self.asked[ticket] == 1:
            status = 503
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            status = 401
        if status != 200:
            return PlainTextResponse("no", status_code=status)
        fields, asked = KINDS[self.kind][1], int(query.get("limit", 25))
        size, found = min(asked, self.cap or asked), self.comments(ticket)
        first = int(query.get("offset", query.get("after", 0)))
        if "page" in query:
            first = (int(query["page"]) - ("total" not in fields)) * size
        body: Json = {"comments": found[first : first + size]}
        following = first + size if first + size < len(found) else None
        link = f"{request.url.path}?after={following}"
        if "total" in fields:
            body["total"] = len(found)
        if "has_more" in fields:
            body["has_more"] = following is not None
        if "next" in fields or ("next?" in fields and following is not None):
            body["next"] = following
        if "link" in fields:
            body["link"] = link if following is not None else None
        headers = {"Link": f'<{link}>; rel="next"'} if "Link" in fields and following else {}
        return JSONResponse(body, headers=headers)
