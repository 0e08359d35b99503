"""Intercom, according to its API documentation.

Special behavior:

- Tickets can only be searched for, by a POST request with the query in its body: at most 150 per
  page; the cursor of the next page is in the body. ``>`` means ``>=`` for whole seconds.
- Times are numbers of seconds. Ids are texts; those of contacts and companies are not numbers.
- The state of a ticket is an object since version 2.12; another version is rejected here.
- A ticket contains its parts, at most 500; the parts of a conversation are only in the response for
  that conversation.
- The search for contacts compares whole days: ``>`` starts at the next day.
- Companies are read with a scroll: it ends with an empty page, its parameter stays the same, and a
  second scroll is rejected until the first one has not been used for a minute.
- Deleted tickets and conversations are no longer found.
"""

import itertools
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Change, Comment, Person, Ticket

VERSION = "2.14"
MOST, USUAL, SCROLLED = 150, 20, 100
CATEGORIES = {
    "new": "submitted",
    "open": "in_progress",
    "pending": "waiting_on_customer",
    "solved": "resolved",
    "closed": "resolved",
}
LABELS = {
    "new": "Submitted",
    "open": "With the dev team",
    "pending": "Waiting on customer",
    "solved": "Resolved",
    "closed": "Archived for good",
}
CONVERSATIONS, CHANGES = 500_000, 900_000
OPERATORS = ("=", "!=", "IN", "NIN", ">", "<", "~", "!~", "^", "$")

Endpoint = Callable[[Request], Any]


@dataclass
class Intercom(StandIn):
    """Intercom.

    Attributes:
        page_limit: the maximum number of rows per page. Default: as documented.
        asked_for: the queries of searches for tickets, in order.
        minute: the seconds after which an unused scroll expires. Default: 0, as if syncs were more
            than a minute apart.
    """

    profile: ClassVar[str] = "intercom"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "token-planted-Ic1"}

    page_limit: int = MOST
    asked_for: list[Any] = field(default_factory=list)
    minute: float = 0
    _scrolls: Iterator[int] = field(default_factory=itertools.count)
    _scroll: tuple[str, int, float] | None = None

    def routes(self) -> Sequence[Route]:
        searches: Mapping[str, Endpoint] = {
            "/tickets/search": self._search_tickets,
            "/conversations/search": self._search_conversations,
        }
        lists: Mapping[str, Endpoint] = {
            "/conversations/{number:int}": self._conversation,
            "/contacts": self._contacts,
            "/companies/scroll": self._companies,
            "/admins": self._admins,
            "/teams": self._teams,
            "/ticket_types": self._ticket_types,
        }
        return [
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in searches.items()),
            *(Route(path, endpoint) for path, endpoint in lists.items()),
        ]

    def is_allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.secrets['API_KEY']}"

    def refused(self) -> Response:
        return _error("unauthorized", "Access Token Invalid", 401)

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        tickets = world.listed()
        return {
            "help_desk_tickets": [
                {
                    "id": str(ticket.number),
                    "subject": ticket.subject,
                    "status": CATEGORIES[ticket.state],
                    "status_label": LABELS[ticket.state],
                    "type": "Bug report",
                    "requester_id": contact_id(ticket.requester),
                    "assignee_id": str(ticket.assignee or 0),
                    "group_id": str(ticket.group),
                }
                for ticket in tickets
            ],
            "parts": [
                {
                    "id": str(comment.number),
                    "author_id": self._author(comment.author)["id"],
                    "part_type": "comment" if comment.is_public else "note",
                    "ticket_id": str(ticket.number),
                    "author_role": "agent" if world.person(comment.author).is_agent else "customer",
                    "is_public": comment.is_public,
                    "body": f"<p>{comment.body}</p>",
                }
                for ticket in tickets
                for comment in ticket.comments
            ]
            + [
                {
                    "id": str(CHANGES + change.number),
                    "author_id": str(change.author),
                    "part_type": "ticket_state_updated_by_admin",
                    "ticket_id": str(ticket.number),
                    "author_role": "agent",
                    "is_public": False,
                    "body": None,
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "status_changes": [
                {
                    "id": str(CHANGES + change.number),
                    "ticket_id": str(ticket.number),
                    "old_status": CATEGORIES[change.before],
                    "new_status": CATEGORIES[change.after],
                    "changed_at": change.at,
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "conversations": [
                {
                    "id": str(CONVERSATIONS + ticket.number),
                    "state": "open" if ticket.state != "closed" else "closed",
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                }
                for ticket in self._talks()
            ],
            "conversation_parts": [
                {
                    "id": str(CONVERSATIONS + comment.number),
                    "_conversations_id": str(CONVERSATIONS + ticket.number),
                    "author_id": self._author(comment.author)["id"],
                    "body": f"<p>{comment.body}</p>",
                }
                for ticket in self._talks()
                for comment in ticket.comments[1:]
            ],
            "contacts": [
                {"id": contact_id(each.number), "name": each.name, "email": each.email}
                for each in world.customers
            ],
            "companies": [
                {"id": f"c0mpany{each.number:04x}", "name": each.name}
                for each in world.organizations
            ],
            "admins": [
                {"id": str(each.number), "name": each.name, "email": each.email}
                for each in world.agents
            ],
            "teams": [{"id": str(each.number), "name": each.name} for each in world.groups],
            "types": [{"id": "7", "name": "Bug report", "category": "Customer"}],
        }

    def _talks(self) -> list[Ticket]:
        """Return the tickets that are conversations, too: those from a chat."""
        return [ticket for ticket in self.world.listed() if ticket.channel == "chat"]

    async def _search_tickets(self, request: Request) -> Response:
        self.asked_for.append(json.loads(await request.body()))
        rows = [self._ticket(ticket) for ticket in self.world.listed()]
        return await self._search(request, "tickets", rows)

    async def _search_conversations(self, request: Request) -> Response:
        rows = [self._talk(ticket) for ticket in self._talks()]
        return await self._search(request, "conversations", rows)

    async def _search(self, request: Request, name: str, rows: list[dict[str, Any]]) -> Response:
        """Return the results of a search, by default sorted by the time of the last change."""
        if refused := _other_version(request):
            return refused
        body = json.loads(await request.body())
        if set(body) - {"query", "pagination", "sort"} or "query" not in body:
            return _error("parameter_invalid", "Unknown or missing parameter", 400)
        try:
            rows = [row for row in rows if _fits(row, body["query"])]
        except (KeyError, ValueError, TypeError):
            return _error("invalid_field", "A field of the query is invalid", 400)
        paging = body.get("pagination") or {}
        if int(paging.get("per_page", USUAL)) > MOST:
            return _error("parameter_invalid", "per_page cannot be greater than 150", 400)
        sort = body.get("sort") or {"field": "updated_at", "order": "descending"}
        is_descending = sort["order"] == "descending"

        def place(row: dict[str, Any]) -> tuple[Any, int]:
            sign = -1 if is_descending else 1
            return sign * row[sort["field"]], int(row["id"])

        rows.sort(key=place)
        total = len(rows)
        if after := paging.get("starting_after"):
            last = tuple(json.loads(b64decode(after)))
            rows = [row for row in rows if place(row) > last]
        size = min(int(paging.get("per_page", USUAL)), self.page_limit)
        page = rows[:size]
        pages: dict[str, Any] = {"type": "pages", "page": 1, "per_page": size}
        pages["total_pages"] = -(-total // size)
        if len(rows) > size:
            cursor = b64encode(json.dumps(place(page[-1])).encode()).decode()
            pages["next"] = {"per_page": size, "starting_after": cursor}
        body = {"type": f"{name}.list", name: page, "pages": pages, "total_count": total}
        return JSONResponse(body, headers=_limits())

    def _ticket(self, ticket: Ticket) -> dict[str, Any]:
        parts = [self._part(comment) for comment in ticket.comments]
        parts += [self._change(change) for change in ticket.history]
        parts.sort(key=lambda part: part["created_at"])
        return {
            "type": "ticket",
            "id": str(ticket.number),
            "ticket_id": str(ticket.number + 1000),
            "category": "Customer",
            "ticket_attributes": {
                "_default_title_": ticket.subject,
                "_default_description_": ticket.comments[0].body,
                "Severity": ticket.priority,
            },
            "ticket_state": {
                "type": "ticket_state",
                "id": "12",
                "category": CATEGORIES[ticket.state],
                "internal_label": LABELS[ticket.state],
                "external_label": LABELS[ticket.state],
            },
            "ticket_type": {"type": "ticket_type", "id": "7", "name": "Bug report"},
            "contacts": {
                "type": "contact.list",
                "contacts": [{"type": "contact", "id": contact_id(ticket.requester)}],
            },
            "admin_assignee_id": str(ticket.assignee or 0),
            "team_assignee_id": str(ticket.group),
            "created_at": _seconds(ticket.created_at),
            "updated_at": _seconds(ticket.updated_at),
            "open": ticket.state not in ("solved", "closed"),
            "snoozed_until": None,
            "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
            "ticket_parts": {
                "type": "ticket_part.list",
                "ticket_parts": parts[-500:],
                "total_count": len(parts),
            },
            "is_shared": True,
        }

    def _author(self, number: int) -> dict[str, Any]:
        person = self.world.person(number)
        number_of = str(number) if person.is_agent else contact_id(number)
        kind = "admin" if person.is_agent else "user"
        return {"type": kind, "id": number_of, "name": person.name, "email": person.email}

    def _part(self, comment: Comment) -> dict[str, Any]:
        return {
            "type": "ticket_part",
            "id": str(comment.number),
            "part_type": "comment" if comment.is_public else "note",
            "body": f"<p>{comment.body}</p>",
            "created_at": _seconds(comment.created_at),
            "updated_at": _seconds(comment.created_at),
            "author": self._author(comment.author),
            "attachments": [],
            "redacted": False,
        }

    def _change(self, change: Change) -> dict[str, Any]:
        return {
            "type": "ticket_part",
            "id": str(CHANGES + change.number),
            "part_type": "ticket_state_updated_by_admin",
            "ticket_state": CATEGORIES[change.after],
            "previous_ticket_state": CATEGORIES[change.before],
            "created_at": _seconds(change.at),
            "updated_at": _seconds(change.at),
            "author": self._author(change.author),
            "attachments": [],
            "redacted": False,
        }

    def _talk(self, ticket: Ticket) -> dict[str, Any]:
        rated = {"rating": 5 if ticket.score == "good" else 1, "remark": "Thanks"}
        return {
            "type": "conversation",
            "id": str(CONVERSATIONS + ticket.number),
            "title": None,
            "created_at": _seconds(ticket.created_at),
            "updated_at": _seconds(ticket.updated_at),
            "waiting_since": None,
            "snoozed_until": None,
            "open": ticket.state != "closed",
            "state": "open" if ticket.state != "closed" else "closed",
            "read": True,
            "priority": "not_priority",
            "admin_assignee_id": ticket.assignee,
            "team_assignee_id": ticket.group,
            "tags": {
                "type": "tag.list",
                "tags": [{"type": "tag", "name": tag} for tag in ticket.tags],
            },
            "conversation_rating": rated if ticket.score else None,
            "source": {
                "type": "conversation",
                "id": str(ticket.comments[0].number),
                "delivered_as": "customer_initiated",
                "subject": "",
                "body": f"<p>{ticket.comments[0].body}</p>",
                "author": self._author(ticket.requester),
            },
            "contacts": {
                "type": "contact.list",
                "contacts": [{"type": "contact", "id": contact_id(ticket.requester)}],
            },
            "statistics": {"type": "conversation_statistics", "count_reopens": 0},
            "sla_applied": None,
        }

    async def _conversation(self, request: Request) -> Response:
        number = request.path_params["number"] - CONVERSATIONS
        found = [ticket for ticket in self._talks() if ticket.number == number]
        if not found:
            return _error("not_found", "Resource Not Found", 404)
        parts = []
        for comment in found[0].comments[1:]:
            part = {**self._part(comment), "type": "conversation_part"}
            parts.append({**part, "id": str(CONVERSATIONS + comment.number)})
        row = self._talk(found[0])
        row["conversation_parts"] = {
            "type": "conversation_part.list",
            "conversation_parts": parts[-500:],
            "total_count": len(parts),
        }
        return JSONResponse(row, headers=_limits())

    async def _contacts(self, request: Request) -> Response:
        if refused := _other_version(request):
            return refused
        size = int(request.query_params.get("per_page", 50))
        if size > MOST:
            return _error("parameter_invalid", "per_page cannot be greater than 150", 400)
        size = min(size, self.page_limit)
        after = request.query_params.get("starting_after", "")
        found = [self._contact(each) for each in self.world.customers]
        rest = [row for row in found if row["id"] > after]
        pages: dict[str, Any] = {"type": "pages", "page": 1, "per_page": size, "total_pages": 1}
        if len(rest) > size:
            pages["next"] = {"page": 2, "starting_after": rest[size - 1]["id"]}
        body = {"type": "list", "data": rest[:size], "total_count": len(found), "pages": pages}
        return JSONResponse(body, headers=_limits())

    def _contact(self, person: Person) -> dict[str, Any]:
        return {
            "type": "contact",
            "id": contact_id(person.number),
            "workspace_id": "ecahpwf5",
            "external_id": None,
            "role": "user",
            "email": person.email,
            "name": person.name,
            "created_at": _seconds(person.created_at),
            "updated_at": _seconds(person.created_at),
            "custom_attributes": {},
        }

    async def _companies(self, request: Request) -> Response:
        """Return a page of the scroll; a second scroll is rejected while there is one."""
        asked = request.query_params.get("scroll_param")
        if asked is None:
            if self._scroll and time.monotonic() < self._scroll[2] + self.minute:
                return _error("scroll_exists", "scroll already exists for this workspace", 400)
            self._scroll = (f"scroll-{next(self._scrolls)}", 0, 0)
        elif not self._scroll or self._scroll[0] != asked:
            return _error("not_found", "scroll parameter not found", 404)
        name, first, _ = self._scroll
        rows = [
            {
                "type": "company",
                "id": f"c0mpany{each.number:04x}",
                "company_id": str(each.number),
                "name": each.name,
                "custom_attributes": {},
                "created_at": _seconds(each.created_at),
                "updated_at": _seconds(each.created_at),
            }
            for each in self.world.organizations[first : first + SCROLLED]
        ]
        # The scroll expires at its end.
        self._scroll = (name, first + SCROLLED, time.monotonic()) if rows else None
        body = {"type": "list", "data": rows, "scroll_param": name}
        return JSONResponse({**body, "pages": None, "total_count": None}, headers=_limits())

    async def _admins(self, request: Request) -> Response:
        rows = [
            {
                "type": "admin",
                "id": str(each.number),
                "name": each.name,
                "email": each.email,
                "has_inbox_seat": True,
                "team_ids": [],
            }
            for each in self.world.agents
        ]
        return JSONResponse({"type": "admin.list", "admins": rows})

    async def _teams(self, request: Request) -> Response:
        rows = [
            {"type": "team", "id": str(each.number), "name": each.name, "admin_ids": []}
            for each in self.world.groups
        ]
        return JSONResponse({"type": "team.list", "teams": rows})

    async def _ticket_types(self, request: Request) -> Response:
        row = {"type": "ticket_type", **self.expected()["types"][0], "archived": False}
        return JSONResponse({"type": "list", "data": [row]})


def contact_id(number: int) -> str:
    """Return the id of a contact, a hexadecimal number."""
    return f"6762f0{number:018x}"


def _seconds(at: Any) -> int:
    return int(at.timestamp())


def _limits() -> dict[str, str]:
    return {"x-ratelimit-limit": "1667", "x-ratelimit-remaining": "1600"}


def _error(code: str, message: str, status: int) -> Response:
    errors = [{"code": code, "message": message}]
    body = {"type": "error.list", "request_id": "b14d75ab", "errors": errors}
    return JSONResponse(body, status_code=status)


def _other_version(request: Request) -> Response | None:
    if request.headers.get("intercom-version") == VERSION:
        return None
    return _error("intercom_version_invalid", "The requested version could not be found", 400)


def _fits(row: dict[str, Any], query: Any) -> bool:
    """Return whether a row fits a query. Raises an error if the query is not allowed."""
    if query["operator"] in ("AND", "OR"):
        found = [_fits(row, each) for each in query["value"]]
        return all(found) if query["operator"] == "AND" else any(found)
    field_, operator, value = query["field"], query["operator"], query["value"]
    if operator not in OPERATORS:
        raise ValueError(operator)
    if field_ in ("created_at", "updated_at"):
        mine, value = row[field_], int(value)
        times = {">": mine >= value, "<": mine <= value, "=": mine == value, "!=": mine != value}
        return bool(times[operator])
    return bool({"=": row[field_] == value, "!=": row[field_] != value}[operator])
