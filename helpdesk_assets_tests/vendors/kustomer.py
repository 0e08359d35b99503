"""Kustomer: the Core Resources API, according to developer.kustomer.com.

Special behavior:

- Conversations, messages, notes, customers and companies are found by a search, sent as POST.
- A search has at most 100 pages and 10,000 rows; further pages are rejected.
- A search does not find rows that were not updated for two years. The archive search does, except
  for notes, which it does not support.
- Rows follow JSON:API: values are in ``attributes``, ids of related rows in ``relationships``.
- Links are paths, without a host.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Person, Ticket, now

STATUSES = {
    "new": "open",
    "open": "open",
    "pending": "snoozed",
    "solved": "done",
    "closed": "done",
}
MOST_FOUND, MOST_PAGES, MOST_ROWS = 500, 100, 10_000
ARCHIVED_AFTER = timedelta(days=730)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.123Z")


def _id(kind: str, number: int) -> str:
    """Return an id in Kustomer's format: 24 hexadecimal digits."""
    return f"{kind.encode().hex()[:4]}{number:020x}"


class Kustomer(StandIn):
    """An organization in Kustomer."""

    profile = "kustomer"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "kustomer-planted-7Qx9"}

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        lists: dict[str, Callable[[], list[Row]]] = {
            "users": lambda: [self._person("user", each) for each in self.world.agents],
            "teams": lambda: [
                _object("team", each.number, each.created_at, name=each.name)
                for each in self.world.groups
            ],
            "tags": lambda: [
                _object("tag", number, self.world.began, name=name)
                for number, name in enumerate(self._tags(), start=1)
            ],
        }
        return [
            Route("/v1/customers/search", self._search, methods=["POST"]),
            Route("/v1/customers/archive/search", self._archive, methods=["POST"]),
            *(Route(f"/v1/{name}", _listed(rows)) for name, rows in lists.items()),
        ]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the key is correct."""
        return request.headers.get("authorization") == f"Bearer {self.secrets['API_KEY']}"

    def refused(self) -> Response:
        """Return an error in Kustomer's format."""
        return _error(401, "Unauthorized")

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables."""
        world = self.world
        return {
            "help_desk_tickets": [
                {
                    "id": _id("conversation", ticket.number),
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state],
                    "requester_id": _id("customer", ticket.requester),
                    "assignee_id": _id("user", ticket.assignee) if ticket.assignee else None,
                    "group_id": _id("team", ticket.group),
                    "channel": ticket.channel,
                }
                for ticket in world.listed()
            ],
            "messages": [
                {
                    "id": _id("message", comment.number),
                    "conversation_id": _id("conversation", ticket.number),
                    "direction": "out" if world.person(comment.author).is_agent else "in",
                    "ticket_id": _id("conversation", ticket.number),
                    "author_role": "agent" if world.person(comment.author).is_agent else "customer",
                    "is_public": True,
                    "body": comment.body,
                }
                for ticket, comment in self._comments()
                if comment.is_public
            ],
            "notes": [
                {
                    "id": _id("note", comment.number),
                    "conversation_id": _id("conversation", ticket.number),
                    "author_id": _id("user", comment.author),
                    "ticket_id": _id("conversation", ticket.number),
                    "author_role": "agent",
                    "is_public": False,
                    "body": comment.body,
                }
                for ticket, comment in self._comments()
                if not comment.is_public
            ],
            "customers": [
                {"id": _id("customer", each.number), "name": each.name} for each in world.customers
            ],
            "companies": [
                {"id": _id("company", each.number), "name": each.name}
                for each in world.organizations
            ],
            "users": [
                {"id": _id("user", each.number), "email": each.email} for each in world.agents
            ],
            "teams": [{"id": _id("team", each.number), "name": each.name} for each in world.groups],
            "tags": [{"name": name} for name in self._tags()],
        }

    def _comments(self) -> list[tuple[Ticket, Comment]]:
        return [(ticket, each) for ticket in self.world.listed() for each in ticket.comments]

    def _found_at(self, kind: str) -> list[tuple[str, int, Callable[[], dict[str, Any]]]]:
        """Return the time of the last change, the number and a function that builds it, by row."""
        world = self.world
        if kind == "conversation":
            return [
                (_iso(each.updated_at), each.number, partial(self._conversation, each))
                for each in world.listed()
            ]
        if kind in ("message", "note"):
            return [
                (_iso(each.created_at), each.number, partial(self._comment, kind, ticket, each))
                for ticket, each in self._comments()
                if each.is_public == (kind == "message")
            ]
        if kind == "customer":
            return [
                (_iso(each.created_at), each.number, partial(self._person, kind, each))
                for each in world.customers
            ]
        return [
            (
                _iso(each.created_at),
                each.number,
                partial(_object, kind, each.number, each.created_at, name=each.name),
            )
            for each in world.organizations
        ]

    async def _search(self, request: Request) -> Response:
        return self._found(request, json.loads(await request.body()), is_archive=False)

    async def _archive(self, request: Request) -> Response:
        return self._found(request, json.loads(await request.body()), is_archive=True)

    def _found(self, request: Request, asked: Mapping[str, Any], *, is_archive: bool) -> Response:
        kind = asked.get("queryContext", "customer")
        kinds = [
            "conversation",
            "message",
            "customer",
            "company",
            *([] if is_archive else ["note"]),
        ]
        if kind not in kinds:
            return _error(400, "Invalid queryContext")
        updated = f"{kind}_updated_at"
        border = _iso(now() - ARCHIVED_AFTER)
        rows = [each for each in self._found_at(kind) if (each[0] < border) == is_archive]
        for criterion in asked.get("and", []):
            ((attribute, operation),) = criterion.items()
            ((operator, value),) = operation.items()
            if attribute != updated or operator not in ("gte", "gt", "lt"):
                return _error(400, f"Invalid criterion {attribute}")
            rows = [each for each in rows if _holds(each[0], operator, value)]
        sort = {name: way for each in asked.get("sort", []) for name, way in each.items()}
        if set(sort) - {updated}:
            return _error(400, "Invalid sort")
        rows.sort(key=itemgetter(0, 1), reverse=sort.get(updated, "desc") == "desc")
        return _page(request, [make for _, _, make in rows], has_limit=True)

    def _conversation(self, ticket: Ticket) -> dict[str, Any]:
        solved = _iso(ticket.solved_at) if ticket.solved_at else None
        answers = [
            comment
            for comment in ticket.comments
            if comment.is_public and self.world.person(comment.author).is_agent
        ]
        row = _object(
            "conversation",
            ticket.number,
            ticket.created_at,
            updatedAt=_iso(ticket.updated_at),
            name=ticket.subject,
            channels=[ticket.channel],
            status=STATUSES[ticket.state],
            priority=3,
            messageCount=len(ticket.comments),
            satisfaction=None,
            satisfactionLevel={"score": {"good": 5, "bad": 1}.get(ticket.score or "")},
            tags=[_id("tag", place) for place, _ in enumerate(ticket.tags, start=1)],
            assignedUsers=[_id("user", ticket.assignee)] if ticket.assignee else [],
            assignedTeams=[_id("team", ticket.group)],
            firstResponse={"createdAt": _iso(answers[0].created_at)} if answers else {},
            lastDone={"createdAt": solved} if solved else {},
        )
        row["relationships"] = {
            "customer": {"data": {"type": "customer", "id": _id("customer", ticket.requester)}}
        }
        return row

    def _comment(self, kind: str, ticket: Ticket, comment: Comment) -> dict[str, Any]:
        author = self.world.person(comment.author)
        if kind == "message":
            values = {
                "direction": "out" if author.is_agent else "in",
                "channel": ticket.channel,
                "preview": comment.body,
            }
        else:
            values = {"body": comment.body}
        row = _object(kind, comment.number, comment.created_at, **values)
        row["relationships"] = {
            "conversation": {
                "data": {"type": "conversation", "id": _id("conversation", ticket.number)}
            }
        }
        if author.is_agent:
            by = {"type": "user", "id": _id("user", author.number)}
            row["relationships"]["createdBy"] = {"data": by}
        return row

    def _person(self, kind: str, person: Person) -> dict[str, Any]:
        values: dict[str, Any] = {"name": person.name, "displayName": person.name}
        if kind == "user":
            values["email"] = person.email
        else:
            values["emails"] = [{"email": person.email, "type": "home"}]
        return _object(kind, person.number, person.created_at, **values)

    def _tags(self) -> list[str]:
        return sorted({tag for ticket in self.world.listed() for tag in ticket.tags})


def _object(kind: str, number: int, created_at: datetime, **values: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "id": _id(kind, number),
        "attributes": {"createdAt": _iso(created_at), "updatedAt": _iso(created_at), **values},
        "links": {"self": f"/v1/{kind}s/{_id(kind, number)}"},
    }


def _holds(at: str, operator: str, value: str) -> bool:
    if operator == "lt":
        return at < value
    return at >= value if operator == "gte" else at > value


def _listed(rows: Callable[[], list[Row]]) -> Callable[[Request], Response]:
    return lambda request: _page(request, [partial(dict, row) for row in rows()], has_limit=False)


def _page(request: Request, rows: Sequence[Callable[[], Row]], *, has_limit: bool) -> Response:
    size = int(request.query_params.get("pageSize", 100))
    number = int(request.query_params.get("page", 1))
    if not 1 <= size <= MOST_FOUND:
        return _error(400, "Invalid pageSize")
    if has_limit and (number > MOST_PAGES or number * size > MOST_ROWS):
        return _error(400, "Page limit exceeded")
    start = (number - 1) * size
    following = None
    if start + size < len(rows):
        following = f"{request.url.path}?page={number + 1}&pageSize={size}"
    return JSONResponse(
        {
            "meta": {"page": number, "pageSize": size, "total": min(len(rows), MOST_ROWS)},
            "links": {"self": str(request.url.path), "next": following},
            "data": [make() for make in rows[start : start + size]],
        },
        headers={"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "999"},
    )


def _error(status: int, detail: str) -> Response:
    error = {"status": status, "code": "error", "title": detail}
    return JSONResponse({"errors": [error]}, status_code=status)
