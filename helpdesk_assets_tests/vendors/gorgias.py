"""Gorgias: the REST API, according to developers.gorgias.com.

Special behavior:

- Lists cannot be filtered by time of change. They can be sorted, and a cursor is a position in that
  order: the time and the id of a row. The last page has no cursor (null).
- By default, lists are sorted newest first; messages and surveys only by time of creation.
- More than 100 rows per page are rejected.
- Tickets in the trash are in the list, with ``trashed_datetime``.
- Times have microseconds and no time zone.
- A survey is scored long after its creation.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Person, Ticket

MOST = 100
SCORES = {"good": 5, "bad": 1}
CREATED = ("created_datetime",)
CREATED_OR_UPDATED = ("created_datetime", "updated_datetime")


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.250000")


class Gorgias(StandIn):
    """An account of Gorgias."""

    profile = "gorgias"
    secrets: ClassVar[Mapping[str, str]] = {
        "GORGIAS_EMAIL": "agent@planted.example",
        "API_KEY": "gorgias-planted-7Qx9",
    }

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        lists: dict[str, tuple[Callable[[], list[Row]], Sequence[str]]] = {
            "tickets": (
                lambda: [self._ticket(each) for each in self._tickets()],
                CREATED_OR_UPDATED,
            ),
            "messages": (self._messages, CREATED),
            "satisfaction-surveys": (self._surveys, CREATED),
            "customers": (
                lambda: [self._person(each) for each in self.world.customers],
                CREATED_OR_UPDATED,
            ),
            "users": (lambda: [self._person(each) for each in self.world.agents], CREATED),
            "teams": (
                lambda: [
                    {
                        "id": each.number,
                        "name": each.name,
                        "created_datetime": _iso(each.created_at),
                    }
                    for each in self.world.groups
                ],
                CREATED,
            ),
            "custom-fields": (
                lambda: [
                    {
                        "id": 9,
                        "label": "Product",
                        "object_type": "Ticket",
                        "created_datetime": _iso(self.world.began),
                    }
                ],
                CREATED,
            ),
            "tags": (
                lambda: [
                    {"id": number, "name": name, "created_datetime": _iso(self.world.began)}
                    for number, name in self._tags().items()
                ],
                CREATED,
            ),
        }
        return [
            Route(f"/api/{name}", _listed(rows, orders)) for name, (rows, orders) in lists.items()
        ]

    def is_allowed(self, request: Request) -> bool:
        """Return whether e-mail address and key are correct."""
        pair = f"{self.secrets['GORGIAS_EMAIL']}:{self.secrets['API_KEY']}"
        wanted = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return request.headers.get("authorization") == wanted

    def refused(self) -> Response:
        """Return an error in Gorgias's format."""
        return _error(401, "You are not authorized.")

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables."""
        world = self.world
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": self._status(ticket),
                    "priority": ticket.priority,
                    "channel": ticket.channel,
                    "requester_id": ticket.requester,
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                }
                for ticket in world.listed()
            ],
            "messages": [
                {
                    "id": comment.number,
                    "ticket_id": ticket.number,
                    "author_id": comment.author,
                    "is_public": comment.is_public,
                    "author_role": "agent" if world.person(comment.author).is_agent else "customer",
                    "body": comment.body,
                }
                for ticket, comment in world.comments()
            ],
            "satisfaction_surveys": [
                {"id": 500 + ticket.number, "score": SCORES[ticket.score]}
                for ticket in self._tickets()
                if ticket.score
            ],
            "customers": [{"id": each.number, "email": each.email} for each in world.customers],
            "users": [{"id": each.number, "email": each.email} for each in world.agents],
            "teams": [{"id": each.number, "name": each.name} for each in world.groups],
            "custom_fields": [{"id": 9, "label": "Product"}],
            "tags": [{"id": number, "name": name} for number, name in self._tags().items()],
        }

    def _tickets(self) -> list[Ticket]:
        return [*self.world.listed(), *self.world.listed(deleted=True)]

    def _status(self, ticket: Ticket) -> str:
        return "closed" if ticket.state in ("solved", "closed") else "open"

    def _ticket(self, ticket: Ticket) -> dict[str, Any]:
        world = self.world
        return {
            "id": ticket.number,
            "uri": f"/api/tickets/{ticket.number}/",
            "external_id": None,
            "status": self._status(ticket),
            "priority": ticket.priority,
            "channel": ticket.channel,
            "via": ticket.channel,
            "from_agent": False,
            "spam": ticket.is_spam,
            "customer": self._person(world.person(ticket.requester)),
            "assignee_user": self._person(world.person(ticket.assignee))
            if ticket.assignee
            else None,
            "assignee_team": {"id": ticket.group, "name": f"Group {ticket.group}"},
            "language": "en",
            "subject": ticket.subject,
            "meta": None,
            "tags": [{"id": 1, "name": tag} for tag in ticket.tags],
            "custom_fields": {"9": {"id": 9, "value": ticket.type}},
            "messages_count": len(ticket.comments),
            "created_datetime": _iso(ticket.created_at),
            "opened_datetime": _iso(ticket.created_at),
            "last_message_datetime": _iso(ticket.comments[-1].created_at),
            "updated_datetime": _iso(ticket.updated_at),
            "closed_datetime": _iso(ticket.solved_at)
            if ticket.solved_at and self._status(ticket) == "closed"
            else None,
            "trashed_datetime": _iso(ticket.updated_at) if ticket.is_deleted else None,
            "snooze_datetime": None,
        }

    def _messages(self) -> list[Row]:
        return [self._message(ticket, comment) for ticket, comment in self.world.comments()]

    def _message(self, ticket: Ticket, comment: Comment) -> Row:
        author = self.world.person(comment.author)
        return {
            "id": comment.number,
            "ticket_id": ticket.number,
            "public": comment.is_public,
            "channel": ticket.channel if comment.is_public else "internal-note",
            "via": ticket.channel,
            "source": {"type": ticket.channel},
            "sender": self._person(author),
            "from_agent": author.is_agent,
            "subject": ticket.subject,
            "body_text": comment.body,
            "body_html": f"<p>{comment.body}</p>",
            "created_datetime": _iso(comment.created_at),
            "sent_datetime": _iso(comment.created_at),
        }

    def _surveys(self) -> list[Row]:
        return [
            {
                "id": 500 + ticket.number,
                "ticket_id": ticket.number,
                "customer_id": ticket.requester,
                "score": SCORES[ticket.score],
                "body_text": None,
                "created_datetime": _iso(ticket.created_at),
                "scored_datetime": _iso(ticket.updated_at + timedelta(days=1)),
            }
            for ticket in self._tickets()
            if ticket.score
        ]

    def _person(self, person: Person) -> dict[str, Any]:
        first, last = person.name.split(" ")
        return {
            "id": person.number,
            "name": person.name,
            "firstname": first,
            "lastname": last,
            "email": person.email,
            "created_datetime": _iso(person.created_at),
            "updated_datetime": _iso(person.created_at),
        }

    def _tags(self) -> dict[int, str]:
        names = sorted({tag for ticket in self._tickets() for tag in ticket.tags})
        return dict(enumerate(names, start=1))


def _listed(rows: Callable[[], list[Row]], orders: Sequence[str]) -> Callable[[Request], Response]:
    return lambda request: _page(request, rows(), orders)


def _page(request: Request, rows: list[Row], orders: Sequence[str]) -> Response:
    query = request.query_params
    limit = int(query.get("limit", 30))
    field, _, direction = query.get("order_by", "created_datetime:desc").partition(":")
    if not 1 <= limit <= MOST or field not in orders or direction not in ("asc", "desc"):
        return _error(400, "Invalid query parameter.")
    ascending = direction == "asc"
    rows = sorted(rows, key=lambda row: (row[field], row["id"]), reverse=not ascending)
    if cursor := query.get("cursor"):
        _, at, number = json.loads(base64.b64decode(cursor))
        place = (at, number)
        rows = [
            row
            for row in rows
            if (row[field], row["id"]) != place and ((row[field], row["id"]) > place) == ascending
        ]
    page, following = rows[:limit], None
    if len(rows) > limit:
        last = ["next", page[-1][field], page[-1]["id"]]
        following = base64.b64encode(json.dumps(last).encode()).decode()
    return JSONResponse(
        {
            "object": "list",
            "uri": str(request.url.path),
            "data": page,
            "meta": {"prev_cursor": None, "next_cursor": following},
        },
        headers={"X-Gorgias-Account-Api-Call-Limit": "1/40"},
    )


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"msg": message}}, status_code=status)
