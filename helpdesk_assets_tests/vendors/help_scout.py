"""Help Scout: the Inbox API 2.0, according to developer.helpscout.com/mailbox-api.

Special behavior:

- Pages are numbered, and have 25 conversations or 50 other rows; their size cannot be chosen.
- A list without rows has no ``_embedded`` at all.
- The default of ``status`` is ``active``.
- ``modifiedSince`` compares the time of the last change by a *user*: a customer's reply makes a
  conversation active, and does not change that time.
- Embedded threads of chats are truncated.
- After too many requests, the time to wait is in ``X-RateLimit-Retry-After`` only.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Person, Ticket

TOKEN = "token-planted-5Hz"
STATUSES = {
    "new": "active",
    "open": "active",
    "pending": "pending",
    "solved": "closed",
    "closed": "closed",
}
FILTERS = ("active", "all", "closed", "open", "pending", "spam")
SORTS = (
    "createdAt",
    "customerEmail",
    "mailboxid",
    "modifiedAt",
    "number",
    "status",
    "waitingSince",
)
# Conversations have ids in addition to numbers.
FIRST = 1_000_000
TRUNCATED = 9


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class HelpScout(StandIn):
    """An account of Help Scout."""

    profile = "help_scout"
    secrets: ClassVar[Mapping[str, str]] = {
        "APP_ID": "app-planted-3Kd",
        "APP_SECRET": "secret-planted-8Wm",
    }

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        lists: dict[str, Callable[[Request], list[Row]]] = {
            "customers": self._customers,
            "users": lambda request: [self._user(person) for person in self.world.agents],
            "teams": lambda request: [
                {"id": group.number, "name": group.name, "createdAt": _iso(group.created_at)}
                for group in self.world.groups
            ],
            "mailboxes": lambda request: [
                {
                    "id": group.number,
                    "name": f"Inbox {group.number}",
                    "createdAt": _iso(group.created_at),
                }
                for group in self.world.groups
            ],
            "tags": lambda request: [
                {"id": place, "name": name} for place, name in enumerate(self._tags(), start=1)
            ],
        }
        return [
            Route("/v2/oauth2/token", self._token, methods=["POST"]),
            Route("/v2/conversations", self._conversations),
            Route("/v2/mailboxes/{number:int}/fields", self._fields),
            *(Route(f"/v2/{name}", _listed(name, rows)) for name, rows in lists.items()),
        ]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the token is that of ``_token``."""
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    def open_paths(self) -> Sequence[str]:
        """Return the path of the token."""
        return ["/v2/oauth2/token"]

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables."""
        tickets = self._listed_tickets()
        return {
            "help_desk_tickets": [
                {
                    "id": FIRST + ticket.number,
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state],
                    "requester_id": ticket.requester,
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                }
                for ticket in tickets
            ],
            "threads": [
                {
                    "id": comment.number,
                    "_conversations_id": FIRST + ticket.number,
                    "author_id": comment.author,
                    "type": self._type(comment),
                    "ticket_id": FIRST + ticket.number,
                    "is_public": self._type(comment) != "note",
                    "author_role": "agent"
                    if self.world.person(comment.author).is_agent
                    else "customer",
                }
                for ticket in tickets
                for comment in ticket.comments
            ],
            "customers": [{"id": each.number} for each in self.world.customers],
            "users": [{"id": each.number, "email": each.email} for each in self.world.agents],
            "teams": [{"id": each.number, "name": each.name} for each in self.world.groups],
            "inboxes": [{"id": each.number} for each in self.world.groups],
            "inbox_fields": [{"id": 71, "name": "Urgency 1", "_inboxes_id": 1}],
            "tags": [{"name": name} for name in self._tags()],
        }

    async def _token(self, request: Request) -> Response:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        wanted = {
            "grant_type": "client_credentials",
            "client_id": self.secrets["APP_ID"],
            "client_secret": self.secrets["APP_SECRET"],
        }
        if any(form.get(name) != value for name, value in wanted.items()):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        return JSONResponse({"token_type": "bearer", "access_token": TOKEN, "expires_in": 172800})

    def _listed_tickets(self) -> list[Ticket]:
        return [*self.world.listed(), *self.world.listed(spam=True)]

    def _conversations(self, request: Request) -> Response:
        query = request.query_params
        status, sort = query.get("status", "active"), query.get("sortField", "createdAt")
        if status not in FILTERS or sort not in SORTS or query.get("embed", "threads") != "threads":
            return JSONResponse({"message": "Bad request"}, status_code=400)
        rows = [
            (ticket, self._conversation(ticket, with_threads="embed" in query))
            for ticket in self._listed_tickets()
        ]
        if status != "all":
            states = ("active", "pending") if status == "open" else (status,)
            rows = [(ticket, row) for ticket, row in rows if row["status"] in states]
        if since := query.get("modifiedSince"):
            rows = [(ticket, row) for ticket, row in rows if row["userUpdatedAt"] > since]
        keys = {"modifiedAt": "userUpdatedAt", "number": "number"}
        rows.sort(
            key=lambda each: (each[1][keys.get(sort, "createdAt")], each[1]["id"]),
            reverse=query.get("sortOrder", "desc") == "desc",
        )
        return _page(request, "conversations", [row for _, row in rows], 25)

    def _conversation(self, ticket: Ticket, *, with_threads: bool) -> dict[str, Any]:
        person = self.world.person
        status = "spam" if ticket.is_spam else STATUSES[ticket.state]
        row: dict[str, Any] = {
            "id": FIRST + ticket.number,
            "number": ticket.number,
            "threads": len(ticket.comments),
            "type": ticket.channel if ticket.channel in ("phone", "chat") else "email",
            "folderId": 7,
            "status": status,
            "state": "published",
            "subject": ticket.subject,
            "mailboxId": ticket.group,
            "createdAt": _iso(ticket.created_at),
            "userUpdatedAt": _iso(self.user_updated_at(ticket)),
            "customerWaitingSince": {"time": _iso(ticket.updated_at), "friendly": "some days ago"},
            "source": {"type": ticket.channel, "via": "customer"},
            "tags": [{"id": 1, "color": "none", "tag": tag} for tag in ticket.tags],
            "customFields": [{"id": 71, "name": "Urgency 1", "value": ticket.priority, "text": ""}]
            if ticket.group == 1
            else [],
            "primaryCustomer": self._person(person(ticket.requester)),
            "_links": {"self": {"href": f"{self.base_url}/v2/conversations/{ticket.number}"}},
        }
        if ticket.assignee:
            row["assignee"] = self._person(person(ticket.assignee))
        if status == "closed" and ticket.solved_at:
            row["closedAt"] = _iso(ticket.solved_at)
        if with_threads:
            row["_embedded"] = {
                "threads": [self._thread(ticket, comment) for comment in ticket.comments]
            }
        return row

    def user_updated_at(self, ticket: Ticket) -> datetime:
        """Return the time of the last change by a user, or of creation."""
        agents = {person.number for person in self.world.agents}
        changes = [comment.created_at for comment in ticket.comments if comment.author in agents]
        return max([ticket.created_at, *changes, *(change.at for change in ticket.history)])

    def _type(self, comment: Comment) -> str:
        if not self.world.person(comment.author).is_agent:
            return "customer"
        return "message" if comment.is_public else "note"

    def _thread(self, ticket: Ticket, comment: Comment) -> dict[str, Any]:
        is_chat = ticket.channel == "chat"
        return {
            "id": comment.number,
            "type": self._type(comment),
            "status": STATUSES[ticket.state],
            "state": "published",
            "body": comment.body[:TRUNCATED] if is_chat else comment.body,
            "customer": self._person(self.world.person(ticket.requester)),
            "createdBy": self._person(self.world.person(comment.author)),
            "createdAt": _iso(comment.created_at),
        }

    def _person(self, person: Person) -> dict[str, Any]:
        first, last = person.name.split(" ")
        kind = "user" if person.is_agent else "customer"
        return {
            "id": person.number,
            "type": kind,
            "first": first,
            "last": last,
            "email": person.email,
        }

    def _user(self, person: Person) -> dict[str, Any]:
        first, last = person.name.split(" ")
        return {
            "id": person.number,
            "firstName": first,
            "lastName": last,
            "email": person.email,
            "role": "user",
            "createdAt": _iso(person.created_at),
            "updatedAt": _iso(person.created_at),
        }

    def _customers(self, request: Request) -> list[Row]:
        since = request.query_params.get("modifiedSince", "")
        rows = [self._user(person) for person in self.world.customers]
        return [row for row in rows if row["updatedAt"] > since]

    def _fields(self, request: Request) -> Response:
        number = request.path_params["number"]
        fields: list[Row] = [{"id": 70 + number, "name": f"Urgency {number}", "type": "singleline"}]
        return _page(request, "fields", fields if number == 1 else [], 50)

    def _tags(self) -> list[str]:
        return sorted({tag for ticket in self._listed_tickets() for tag in ticket.tags})


def _listed(name: str, rows: Callable[[Request], list[Row]]) -> Callable[[Request], Response]:
    return lambda request: _page(request, name, rows(request), 50)


def _page(request: Request, name: str, rows: Sequence[Row], size: int) -> Response:
    number = int(request.query_params.get("page", 1))
    page = rows[(number - 1) * size : number * size]
    links = {}
    if number * size < len(rows):
        query = urlencode({**request.query_params, "page": number + 1})
        links["next"] = {"href": str(request.url.replace(query=query))}
    answer: dict[str, Any] = {
        "_links": links,
        "page": {
            "size": size,
            "totalElements": len(rows),
            "totalPages": -(-len(rows) // size),
            "number": number,
        },
    }
    if page:
        answer["_embedded"] = {name: page}
    return JSONResponse(answer)


def throttled(seconds: int) -> Response:
    """Return the response to too many requests."""
    headers = {"X-RateLimit-Limit-Minute": "200", "X-RateLimit-Retry-After": str(seconds)}
    return PlainTextResponse("Throttled", status_code=429, headers=headers)
