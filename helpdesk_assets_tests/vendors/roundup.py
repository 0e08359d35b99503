"""Roundup 2, according to its documentation and to responses of a real one.

Special behavior, which ``make test-real`` verifies with a real one:

- Lists have only ids and links, unless ``@fields`` or ``@verbose`` requests more.
- Past the end, the total is the position of the page instead of the number of issues.
- Times in a filter are in the time zone of the user, here eleven hours behind UTC.
- Retired issues are not in any list.
- After four failed logins, all logins are rejected (429).
"""

import itertools
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Ticket

USER, KEY = "reader", "planted-4Tz8-password"
STATUSES = {"new": "unread", "open": "chatting", "pending": "need-eg"}
STATUSES |= {"solved": "resolved", "closed": "done-cbb"}
NUMBERS = {name: str(number) for number, name in enumerate(STATUSES.values(), 1)}
# The time zone of the user.
ZONE = timezone(timedelta(hours=-11))
TIME = "%Y-%m-%d.%H:%M:%S"
Values = dict[str, Any]


def spelled(at: datetime) -> str:
    """Return a time in Roundup's format, in UTC."""
    return at.astimezone(timezone.utc).strftime(TIME)


@dataclass
class Roundup(StandIn):
    """See the module."""

    profile: ClassVar[str] = "roundup"
    secrets: ClassVar[Mapping[str, str]] = {"ROUNDUP_USER": USER, "API_KEY": KEY}

    failed: "itertools.count[int]" = field(default_factory=itertools.count)

    def routes(self) -> Sequence[Route]:
        """Return the classes of the classic tracker."""
        return [Route("/rest/data/{name}", self._listed)]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the password is correct."""
        wanted = b64encode(f"{USER}:{KEY}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {wanted}"

    def refused(self) -> Response:
        """Return Roundup's response to a failed login."""
        if next(self.failed) >= 4:
            return PlainTextResponse(
                "Logins occurring too fast.", status_code=429, headers={"Retry-After": "1"}
            )
        return PlainTextResponse("Invalid Login - Invalid login", status_code=401)

    async def _listed(self, request: Request) -> Response:
        name, query = request.path_params["name"], request.query_params
        classes: dict[str, Callable[[], list[Values]]] = {
            "issue": lambda: [self._issue(ticket) for ticket in self.world.listed()],
            "msg": lambda: [_message(each) for each in self._messages()],
            "user": self._users,
            "status": lambda: [
                {"id": number, "name": name, "order": float(number)}
                for name, number in NUMBERS.items()
            ],
        }
        if name not in classes:
            return _error(404, f"Class {name} not found")
        rows = classes[name]()
        for key, value in query.items():
            if key.startswith("@"):
                continue
            if key != "activity" or not value.endswith(";"):
                return _error(400, f"Field {key} is not valid for {name} class.")
            since = datetime.strptime(value, f"{TIME};").replace(tzinfo=ZONE)
            rows = [row for row in rows if row["activity"] >= spelled(since)]
        size, page = int(query["@page_size"]), int(query["@page_index"])
        start = (page - 1) * size
        fields = query.get("@fields", "").split(",")
        shown = [
            {"id": row["id"], "link": f"{request.base_url}rest/data/{name}/{row['id']}"}
            | {each: _linked(row[each], int(query.get("@verbose", 1))) for each in fields}
            for row in rows[start : start + size]
        ]
        # Roundup counts the rest of the list after the position.
        total = start + len(rows[start:])
        return JSONResponse({"data": {"collection": shown, "@total_size": total}})

    def _messages(self) -> list[Comment]:
        found = [comment for _, comment in self.world.comments()]
        return sorted(found, key=lambda comment: comment.number)

    def _users(self) -> list[Values]:
        return [
            {
                "id": str(person.number),
                "username": f"person{person.number}",
                "realname": person.name,
                "address": person.email,
                "organisation": None,
            }
            for person in self.world.people
        ]

    def _issue(self, ticket: Ticket) -> Values:
        return {
            "id": str(ticket.number),
            "title": ticket.subject,
            "status": {"id": NUMBERS[STATUSES[ticket.state]], "name": STATUSES[ticket.state]},
            "priority": {"id": "1", "name": ticket.priority},
            "assignedto": None if ticket.assignee is None else _user(ticket.assignee),
            "creator": _user(ticket.requester),
            "creation": spelled(ticket.created_at),
            "activity": spelled(ticket.updated_at),
            "keyword": [],
            "messages": [{"id": str(comment.number)} for comment in ticket.comments],
        }

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables."""
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state],
                    "created_at": ticket.created_at,
                    "updated_at": ticket.updated_at,
                    "priority": ticket.priority,
                    "assignee_id": ticket.assignee,
                    "requester_id": ticket.requester,
                }
                for ticket in self.world.listed()
            ],
            "messages": [
                {
                    "id": comment.number,
                    "author_id": comment.author,
                    "body": comment.body,
                    "created_at": comment.created_at,
                }
                for comment in self._messages()
            ],
            "issue_messages": [
                {"_collection_id": ticket.number, "id": comment.number}
                for ticket in self.world.listed()
                for comment in ticket.comments
            ],
            "users": [
                {"id": person.number, "real_name": person.name, "email": person.email}
                for person in self.world.people
            ],
            "statuses": [{"id": int(number), "name": name} for name, number in NUMBERS.items()],
        }


def _user(number: int) -> Values:
    return {"id": str(number), "username": f"person{number}"}


def _message(comment: Comment) -> Values:
    return {
        "id": str(comment.number),
        "author": _user(comment.author),
        "creation": spelled(comment.created_at),
        "activity": spelled(comment.created_at),
        "content": comment.body,
        "summary": None,
    }


def _linked(value: Any, verbose: int) -> Any:
    """Return a link with only its id, unless names are requested."""
    if isinstance(value, list):
        return [_linked(each, verbose) for each in value]
    if isinstance(value, dict) and verbose < 2:
        return {"id": value["id"]}
    return value


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"status": status, "msg": message}}, status_code=status)
