"""GLPI 11, according to the documentation of its high-level API and its schemas.

Special behavior:

- Tokens are issued by ``/api.php/token`` for a user's name and password together with the client's
  id and secret, and expire after an hour. The client's credentials alone are not sufficient.
- The number of rows is only in ``Content-Range: 0-99/1234``; all pages except the last have the
  status 206.
- Tickets in the trash are in the list, with ``is_deleted``.
- The fields in ``sort`` and ``filter`` must exist; otherwise, the response is 400.
- Filters compare times in the time zone of the server, without an offset in the value; times in
  responses have an offset.
- The timeline of a ticket has items of several types, whose ids are unique within their type only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import PRIORITIES, Comment, Ticket

# What GLPI calls the priorities of the world.
NAMES = ("low", "medium", "high", "very high")

SECRETS = {
    "CLIENT_ID": "client-planted-3Fz",
    "CLIENT_SECRET": "secret-planted-6Lw",
    "GLPI_USER": "loader-planted",
    "GLPI_PASSWORD": "password-planted-2Xk",
}
STATUSES = {"new": 1, "open": 2, "pending": 4, "solved": 5, "closed": 6}
STATUS_NAMES = {
    1: "New",
    2: "Processing (assigned)",
    3: "Processing (planned)",
    4: "Pending",
    5: "Solved",
    6: "Closed",
}
# The time zone of the server.
ZONE = timezone(timedelta(hours=-5))


def spelled(at: datetime) -> str:
    """Return a time in GLPI's format: with the server's offset."""
    return at.astimezone(ZONE).isoformat(timespec="seconds")


def error(status: str, title: str, code: int) -> Response:
    """Return an error in GLPI's format."""
    return JSONResponse({"status": status, "title": title, "detail": None}, status_code=code)


@dataclass
class Glpi(StandIn):
    """See the module.

    Attributes:
        tokens: the access tokens that are valid.
        given: the number of access tokens given so far.
    """

    profile: ClassVar[str] = "glpi"
    secrets: ClassVar[Mapping[str, str]] = SECRETS

    tokens: list[str] = field(default_factory=list)
    given: int = 0

    def routes(self) -> Sequence[Route]:
        root = "/api.php/v2"
        return [
            Route("/api.php/token", self._token, methods=["POST"]),
            Route(f"{root}/Assistance/Ticket", self._tickets),
            Route(f"{root}/Assistance/Ticket/{{ticket}}/Timeline", self._timeline),
            Route(f"{root}/Administration/User", self._users),
            Route(f"{root}/Administration/Group", self._groups),
            Route(f"{root}/Administration/Entity", self._entities),
        ]

    def open_paths(self) -> Sequence[str]:
        return ("/api.php/token",)

    def is_allowed(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.tokens

    def refused(self) -> Response:
        return error("ERROR_UNAUTHENTICATED", "You are not authenticated", 401)

    async def _token(self, request: Request) -> Response:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        client = (form.get("client_id"), form.get("client_secret"))
        if client != (SECRETS["CLIENT_ID"], SECRETS["CLIENT_SECRET"]):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if form.get("grant_type") != "password" or form.get("scope") != "api":
            return JSONResponse({"error": "unauthorized_client"}, status_code=400)
        user = (form.get("username"), form.get("password"))
        if user != (SECRETS["GLPI_USER"], SECRETS["GLPI_PASSWORD"]):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.given += 1
        self.tokens.append(f"access-planted-{self.given}")
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": 3600, "access_token": self.tokens[-1]}
        )

    async def _tickets(self, request: Request) -> Response:
        every = [ticket for _, ticket in sorted(self.world.tickets.items())]
        return listed([self._ticket(ticket) for ticket in every], request)

    def _ticket(self, ticket: Ticket) -> dict[str, Any]:
        status = STATUSES[ticket.state]
        member = {"type": "User", "role": "requester"}
        team = [{**member, "id": ticket.requester, "name": f"person{ticket.requester}"}]
        if ticket.assignee:
            assigned = {"type": "User", "role": "assigned"}
            team.append({**assigned, "id": ticket.assignee, "name": f"person{ticket.assignee}"})
        return {
            "id": ticket.number,
            "name": ticket.subject,
            "content": ticket.comments[0].body,
            "is_deleted": ticket.is_deleted,
            "category": None,
            "location": None,
            "urgency": 3,
            "impact": 3,
            "priority": PRIORITIES.index(ticket.priority) + 2,
            "actiontime": 0,
            "type": 1 if ticket.type == "incident" else 2,
            "request_type": {"id": 1, "name": ticket.channel},
            "status": {"id": status, "name": STATUS_NAMES[status]},
            "entity": {"id": ticket.organization, "name": f"Organization {ticket.organization}"},
            "date_creation": spelled(ticket.created_at),
            "date_mod": spelled(ticket.updated_at),
            "date": spelled(ticket.created_at),
            "team": team,
        }

    async def _timeline(self, request: Request) -> Response:
        ticket = self.world.tickets.get(int(request.path_params["ticket"]))
        if ticket is None:
            return error("ERROR_ITEM_NOT_FOUND", "Item not found", 404)
        return JSONResponse([self._item(ticket, each) for each in ticket.comments[1:]])

    def _item(self, ticket: Ticket, comment: Comment) -> dict[str, Any]:
        kind = kind_of(comment)
        return {
            "type": kind,
            "item": {
                "id": item_id(comment),
                "content": comment.body,
                "is_private": not comment.is_public,
                "user": {"id": comment.author, "name": f"person{comment.author}"},
                "date_creation": spelled(comment.created_at),
                "date_mod": spelled(comment.created_at),
            }
            | ({"itemtype": "Ticket", "items_id": ticket.number} if kind == "Followup" else {}),
        }

    async def _users(self, request: Request) -> Response:
        rows = [
            {
                "id": person.number,
                "username": f"person{person.number}",
                "realname": person.name.split()[1],
                "firstname": person.name.split()[0],
                "emails": [{"id": person.number, "email": person.email, "is_default": True}],
                "is_active": True,
                "is_deleted": False,
                "date_creation": spelled(person.created_at),
                "date_mod": spelled(person.created_at),
            }
            for person in self.world.people
        ]
        return listed(rows, request)

    async def _groups(self, request: Request) -> Response:
        return listed(
            [{"id": each.number, "name": each.name} for each in self.world.groups], request
        )

    async def _entities(self, request: Request) -> Response:
        rows = [{"id": each.number, "name": each.name} for each in self.world.organizations]
        return listed(rows, request)

    def expected(self) -> Mapping[str, Sequence[Row]]:
        tickets = self.world.listed()
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": str(STATUSES[ticket.state]),
                    "priority": NAMES[PRIORITIES.index(ticket.priority)],
                    "priority_number": PRIORITIES.index(ticket.priority) + 2,
                    "channel": ticket.channel,
                    "organization_id": ticket.organization,
                    "is_deleted": False,
                }
                for ticket in tickets
            ],
            "timeline": [
                {
                    "_help_desk_tickets_id": ticket.number,
                    "type": kind_of(comment),
                    "id": item_id(comment),
                    "author_id": comment.author,
                    "body": comment.body,
                    "is_private": not comment.is_public,
                    "ticket_id": ticket.number,
                    "is_public": comment.is_public,
                }
                for ticket in tickets
                for comment in ticket.comments[1:]
            ],
            "users": [
                {"id": person.number, "login": f"person{person.number}"}
                for person in self.world.people
            ],
            "groups": [{"id": each.number, "name": each.name} for each in self.world.groups],
            "entities": [
                {"id": each.number, "name": each.name} for each in self.world.organizations
            ],
        }


def kind_of(comment: Comment) -> str:
    """Return the type of a comment in the timeline: every fifth is a task."""
    return "Task" if comment.number % 5 == 0 else "Followup"


def item_id(comment: Comment) -> int:
    """Return the id of a comment in the timeline, which is not unique among types."""
    return comment.number // 5 if comment.number % 5 == 0 else comment.number


def listed(rows: list[dict[str, Any]], request: Request) -> Response:
    """Return the requested part of a list, filtered and sorted."""
    query = request.query_params
    for asked in filter(None, query.get("filter", "").split(";")):
        found = re.fullmatch(r"(\w+)(=ge=|==)(.+)", asked)
        if not found or (rows and found.group(1) not in rows[0]):
            return error("ERROR_INVALID_PARAMETER", "RSQL query has invalid filters", 400)
        name, operator, value = found.groups()
        if operator == "==":
            rows = [row for row in rows if str(row[name]) == value]
        else:
            # The database compares local times, and rejects text that is not a time.
            try:
                start = datetime.fromisoformat(value)
            except ValueError:
                start = datetime.max
            if start.tzinfo:
                return error("ERROR_GENERIC", "An internal error occurred", 500)
            rows = [row for row in rows if local(row[name]) >= start]
    for place in reversed(query.get("sort", "").split(",") if query.get("sort") else []):
        name, _, direction = place.partition(":")
        if rows and name not in rows[0]:
            return error("ERROR_GENERIC", f"Invalid property for sorting: {name}", 400)
        rows = sorted(rows, key=lambda row: row[name], reverse=direction.lower() == "desc")
    start_at, limit = int(query.get("start", 0)), int(query.get("limit", 100))
    end, total = start_at + limit - 1, len(rows)
    end = total - 1 if end > total else end
    return JSONResponse(
        rows[start_at : start_at + limit],
        status_code=206 if start_at + limit < total else 200,
        headers={"Content-Range": f"{start_at}-{end}/{total}"},
    )


def local(text: str) -> datetime:
    """Return a time in a response as it is in the database."""
    return datetime.fromisoformat(text).astimezone(ZONE).replace(tzinfo=None)
