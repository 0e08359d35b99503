"""Zammad: its REST API, according to docs.zammad.org.

Special behavior:

- Lists are plain arrays without a total or a link; pages are numbered, with at most ``per_page``
  rows.
- ``per_page`` above the maximum of an endpoint is reduced without notice.
- The list of tickets cannot be filtered by time of change. The search can, by ``condition``, with
  the database. A ``query`` needs an index that may be missing.
- By default, a search is sorted by last change, newest first.
- Articles are listed by ticket, all at once.
- The owner with id 1 means that there is no owner.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Ticket

# The names of its predefined states, by id, and their types.
STATES = {
    1: ("new", 1),
    2: ("open", 2),
    3: ("pending reminder", 3),
    4: ("closed", 5),
    5: ("merged", 6),
    6: ("removed", 7),
    7: ("pending close", 4),
}
STATE_IDS = {"new": 1, "open": 2, "pending": 3, "solved": 7, "closed": 4}
MOST, MOST_FOUND, MOST_OTHERS = 100, 200, 500
NOBODY = 1
AFTER = "after (absolute)"


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Zammad(StandIn):
    """An installation of Zammad, without Elasticsearch."""

    profile = "zammad"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "zammad-planted-7Qx9"}

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        world = self.world
        lists: dict[str, Callable[[], list[Row]]] = {
            "users": self._users,
            "groups": lambda: [_named(each.number, each.name) for each in world.groups],
            "organizations": lambda: [
                _named(each.number, each.name) for each in world.organizations
            ],
            "ticket_states": lambda: [
                {**_named(number, name), "state_type_id": kind}
                for number, (name, kind) in STATES.items()
            ],
            "ticket_priorities": lambda: [_named(1, "1 low"), _named(2, "2 normal")],
        }
        return [
            Route("/api/v1/tickets", self._tickets),
            Route("/api/v1/tickets/search", self._search, methods=["GET", "POST"]),
            Route("/api/v1/ticket_articles/by_ticket/{number:int}", self._articles),
            *(Route(f"/api/v1/{name}", _listed(rows)) for name, rows in lists.items()),
        ]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the token is correct."""
        wanted = f"Token token={self.secrets['API_KEY']}"
        return request.headers.get("authorization") == wanted

    def refused(self) -> Response:
        """Return an error in Zammad's format."""
        return JSONResponse({"error": "Invalid token!"}, status_code=401)

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables."""
        world = self.world
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": STATES[STATE_IDS[ticket.state]][0],
                    "requester_id": ticket.requester + 1,
                    "assignee_id": ticket.assignee + 1 if ticket.assignee else NOBODY,
                    "group_id": ticket.group,
                    "organization_id": ticket.organization,
                    "channel": ticket.channel,
                }
                for ticket in world.listed()
            ],
            "articles": [
                {
                    "id": comment.number,
                    "_help_desk_tickets_id": ticket.number,
                    "author_id": comment.author + 1,
                    "internal": not comment.is_public,
                    "ticket_id": ticket.number,
                    "is_public": comment.is_public,
                    "author_role": "agent" if world.person(comment.author).is_agent else "customer",
                    "body": comment.body,
                }
                for ticket in world.listed()
                for comment in ticket.comments
            ],
            "users": [
                {"id": NOBODY, "email": ""},
                *({"id": each.number + 1, "email": each.email} for each in world.people),
            ],
            "groups": [{"id": each.number, "name": each.name} for each in world.groups],
            "organizations": [
                {"id": each.number, "name": each.name} for each in world.organizations
            ],
            "states": [
                {"id": number, "name": name, "state_type_id": kind}
                for number, (name, kind) in STATES.items()
            ],
        }

    def _tickets(self, request: Request) -> Response:
        rows = [self._ticket(ticket, request) for ticket in self.world.listed()]
        return JSONResponse(_page(request, rows, MOST))

    async def _search(self, request: Request) -> Response:
        asked: dict[str, Any] = dict(request.query_params)
        if body := await request.body():
            asked |= json.loads(body)
        if "query" in asked:
            # Without an index, subjects are searched for the literal text.
            found = [ticket for ticket in self.world.listed() if asked["query"] in ticket.subject]
        else:
            found = self.world.listed()
        for name, condition in asked.get("condition", {}).items():
            if name != "ticket.updated_at" or condition["operator"] != AFTER:
                return JSONResponse({"error": "Invalid condition"}, status_code=422)
            since = datetime.fromisoformat(condition["value"].replace("Z", "+00:00"))
            found = [ticket for ticket in found if ticket.updated_at >= since]
        rows = [self._ticket(ticket, request) for ticket in found]
        sort, order = asked.get("sort_by", "updated_at"), asked.get("order_by", "desc")
        rows.sort(key=lambda row: row[sort], reverse=order == "desc")
        return JSONResponse(_page(request, rows, MOST_FOUND))

    def _ticket(self, ticket: Ticket, request: Request) -> dict[str, Any]:
        state_id = STATE_IDS[ticket.state]
        row: dict[str, Any] = {
            "id": ticket.number,
            "group_id": ticket.group,
            "priority_id": 2,
            "state_id": state_id,
            "organization_id": ticket.organization,
            "number": str(22000 + ticket.number),
            "title": ticket.subject,
            "owner_id": ticket.assignee + 1 if ticket.assignee else NOBODY,
            "customer_id": ticket.requester + 1,
            "first_response_at": None,
            "close_at": _iso(ticket.solved_at) if ticket.solved_at else None,
            "escalation_at": None,
            "type": None,
            "article_count": len(ticket.comments),
            "preferences": {},
            "created_at": _iso(ticket.created_at),
            "updated_at": _iso(ticket.updated_at),
        }
        if request.query_params.get("expand") == "true":
            row |= {
                "group": f"Group {ticket.group}",
                "state": STATES[state_id][0],
                "priority": "2 normal",
                "owner": "-",
                "customer": self.world.person(ticket.requester).email,
                "create_article_type": ticket.channel,
                "create_article_sender": "Customer",
            }
        return row

    def _articles(self, request: Request) -> Response:
        ticket = self.world.tickets.get(request.path_params["number"])
        if ticket is None:
            error = {"error": "No such object"}
            return JSONResponse(error, status_code=404)
        return JSONResponse([self._article(ticket, each) for each in ticket.comments])

    def _article(self, ticket: Ticket, comment: Comment) -> dict[str, Any]:
        person = self.world.person(comment.author)
        return {
            "id": comment.number,
            "ticket_id": ticket.number,
            "type_id": 1,
            "sender_id": 1 if person.is_agent else 2,
            "subject": None,
            "content_type": "text/html",
            "body": comment.body,
            "internal": not comment.is_public,
            "preferences": {},
            "created_by_id": person.number + 1,
            "origin_by_id": None,
            "created_at": _iso(comment.created_at),
            "updated_at": _iso(comment.created_at),
            "attachments": [],
            "type": "email",
            "sender": "Agent" if person.is_agent else "Customer",
        }

    def _users(self) -> list[Row]:
        nobody = {"id": NOBODY, "login": "-", "firstname": "-", "lastname": "", "email": ""}
        return [
            nobody,
            *(
                {
                    "id": each.number + 1,
                    "login": each.email,
                    "firstname": each.name.split(" ")[0],
                    "lastname": each.name.split(" ")[1],
                    "email": each.email,
                    "organization_id": None,
                    "role_ids": [2] if each.is_agent else [3],
                    "preferences": {"locale": "de-de"},
                    "created_at": _iso(each.created_at),
                    "updated_at": _iso(each.created_at),
                }
                for each in self.world.people
            ),
        ]


def _named(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "active": True, "note": None}


def _listed(rows: Callable[[], list[Row]]) -> Callable[[Request], Response]:
    return lambda request: JSONResponse(_page(request, rows(), MOST_OTHERS))


def _page(request: Request, rows: Sequence[Row], most: int) -> Sequence[Row]:
    size = min(int(request.query_params.get("per_page", most)), most)
    start = (int(request.query_params.get("page", 1)) - 1) * size
    return rows[start : start + size]
