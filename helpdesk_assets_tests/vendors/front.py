"""Front: the Core API, as dev.frontapp.com documents it and its OpenAPI description.

Special behavior:

- Pages are linked by tokens; the links are on the company's own host.
- Conversations are sorted by last change, newest first, unless ``sort_order=asc``: one that gets a
  message while the list is read moves to the front, before rows that were read.
- Conversations cannot be filtered by time of change; events and contacts can.
- Statuses are ``archived``, ``unassigned``, ``assigned`` and ``deleted``.
- Pages of events have at most 15 rows, all others 100; more than 100 is rejected.
- Teammates, teams and inboxes are a single page, without ``_pagination``.
- Times are seconds since 1970, with a fraction.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Person, Ticket

MOST, MOST_EVENTS = 100, 15
MESSAGES = ("inbound", "outbound", "out_reply")


def _seconds(at: datetime) -> float:
    return at.timestamp() + 0.333


def _status(ticket: Ticket) -> str:
    if ticket.is_deleted:
        return "deleted"
    if ticket.state in ("solved", "closed"):
        return "archived"
    return "assigned" if ticket.assignee else "unassigned"


class Front(StandIn):
    """A company in Front."""

    profile = "front"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "sk-planted-7Qx9"}

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        world = self.world
        whole: dict[str, Callable[[], list[Row]]] = {
            "teammates": lambda: [self._teammate(person) for person in world.agents],
            "teams": lambda: [self._named("tim", each.number, each.name) for each in world.groups],
            "inboxes": lambda: [
                {**self._named("inb", each.number, f"Inbox {each.number}"), "is_private": False}
                for each in world.groups
            ],
        }
        return [
            Route("/conversations", self._conversations),
            Route("/events", self._events),
            Route("/contacts", self._contacts),
            Route("/accounts", self._accounts),
            Route("/tags", self._tags),
            *(Route(f"/{name}", _whole(rows)) for name, rows in whole.items()),
        ]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the token is correct."""
        return request.headers.get("authorization") == f"Bearer {self.secrets['API_KEY']}"

    def refused(self) -> Response:
        """Return an error in Front's format."""
        return _error(401, "Authentication", "The JSON Web Token is invalid")

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables."""
        world = self.world
        agents = {person.number for person in world.agents}
        comments = [(ticket, each) for ticket, each in world.comments()]
        return {
            "help_desk_tickets": [
                {
                    "id": f"cnv_{ticket.number}",
                    "subject": ticket.subject,
                    "status": _status(ticket),
                    "assignee_id": f"tea_{ticket.assignee}" if ticket.assignee else None,
                }
                for ticket in world.listed()
            ],
            "messages": [
                {
                    "id": f"msg_{comment.number}",
                    "conversation_id": f"cnv_{ticket.number}",
                    "is_inbound": comment.author not in agents,
                    "ticket_id": f"cnv_{ticket.number}",
                    "author_role": "agent" if comment.author in agents else "customer",
                    "is_public": True,
                    "author_id": f"tea_{comment.author}" if comment.author in agents else None,
                    "body": comment.body,
                }
                for ticket, comment in comments
                if comment.is_public
            ],
            "comments": [
                {
                    "id": f"com_{comment.number}",
                    "conversation_id": f"cnv_{ticket.number}",
                    "author_id": f"tea_{comment.author}",
                    "ticket_id": f"cnv_{ticket.number}",
                    "author_role": "agent",
                    "is_public": False,
                    "body": comment.body,
                }
                for ticket, comment in comments
                if not comment.is_public
            ],
            "teammates": [
                {"id": f"tea_{each.number}", "email": each.email} for each in world.agents
            ],
            "contacts": [
                {"id": f"crd_{each.number}", "name": each.name} for each in world.customers
            ],
            "accounts": [
                {"id": f"acc_{each.number}", "name": each.name} for each in world.organizations
            ],
            "teams": [{"id": f"tim_{each.number}"} for each in world.groups],
            "inboxes": [{"id": f"inb_{each.number}"} for each in world.groups],
            "tags": [{"id": f"tag_{name}", "name": name} for name in self._tag_names()],
        }

    def _tickets(self) -> list[Ticket]:
        return [*self.world.listed(), *self.world.listed(deleted=True)]

    def _conversations(self, request: Request) -> Response:
        rows = [self._conversation(ticket) for ticket in self._tickets()]
        return self._page(request, rows, MOST, sorts={"date": "updated_at"})

    def _conversation(self, ticket: Ticket) -> dict[str, Any]:
        requester = self.world.person(ticket.requester)
        return {
            "_links": {"self": f"{self.base_url}/conversations/cnv_{ticket.number}"},
            "id": f"cnv_{ticket.number}",
            "type": "conversation",
            "subject": ticket.subject,
            "status": _status(ticket),
            "ticket_ids": [],
            "assignee": self._teammate(self.world.person(ticket.assignee))
            if ticket.assignee
            else None,
            "recipient": {
                "_links": {
                    "related": {"contact": f"{self.base_url}/contacts/crd_{requester.number}"}
                },
                "name": requester.name,
                "handle": requester.email,
                "role": "from",
            },
            "tags": [self._tag(name) for name in ticket.tags],
            "links": [],
            "custom_fields": {},
            "created_at": _seconds(ticket.created_at),
            "updated_at": _seconds(ticket.updated_at),
            "is_private": False,
            "scheduled_reminders": [],
            "metadata": {},
        }

    def _events(self, request: Request) -> Response:
        query = request.query_params
        types = query.getlist("q[types]")
        after = float(query.get("q[after]", 0))
        before = float(query.get("q[before]", "inf"))
        rows = [
            event
            for event in self._all_events()
            if (not types or event["type"] in types) and after < event["emitted_at"] < before
        ]
        return self._page(request, rows, MOST_EVENTS, sorts={"created_at": "emitted_at"})

    def _all_events(self) -> Iterator[dict[str, Any]]:
        for ticket, comment in self.world.comments():
            is_agent = self.world.person(comment.author).is_agent
            if not comment.is_public:
                kind, target = "comment", self._comment(comment)
            else:
                kind = "out_reply" if is_agent else "inbound"
                target = self._message(ticket, comment, is_inbound=not is_agent)
            yield {
                "_links": {"self": f"{self.base_url}/events/evt_c{comment.number}"},
                "id": f"evt_c{comment.number}",
                "type": kind,
                "emitted_at": _seconds(comment.created_at),
                "target": {"_meta": {"type": target.pop("_type")}, "data": target},
                "conversation": self._conversation(ticket),
            }
        for ticket in self.world.tickets.values():
            for change in ticket.history:
                yield {
                    "_links": {"self": f"{self.base_url}/events/evt_h{change.number}"},
                    "id": f"evt_h{change.number}",
                    "type": "archive" if change.after == "solved" else "reopen",
                    "emitted_at": _seconds(change.at),
                    "conversation": self._conversation(ticket),
                }

    def _message(self, ticket: Ticket, comment: Comment, *, is_inbound: bool) -> dict[str, Any]:
        author = None if is_inbound else self._teammate(self.world.person(comment.author))
        return {
            "_type": "message",
            "id": f"msg_{comment.number}",
            "type": "email",
            "is_inbound": is_inbound,
            "created_at": _seconds(comment.created_at),
            "subject": ticket.subject,
            "author": author,
            "recipients": [],
            "body": comment.body,
            "text": comment.body,
            "attachments": [],
        }

    def _comment(self, comment: Comment) -> dict[str, Any]:
        return {
            "_type": "comment",
            "id": f"com_{comment.number}",
            "author": self._teammate(self.world.person(comment.author)),
            "body": comment.body,
            "posted_at": _seconds(comment.created_at),
            "attachments": [],
            "is_pinned": False,
        }

    def _contacts(self, request: Request) -> Response:
        after = float(request.query_params.get("q[updated_after]", 0))
        rows = [
            {
                **self._named("crd", person.number, person.name),
                "handles": [{"handle": person.email, "source": "email"}],
                "is_private": False,
                "updated_at": _seconds(person.created_at),
            }
            for person in self.world.customers
        ]
        rows = [row for row in rows if row["updated_at"] > after]
        return self._page(
            request, rows, MOST, sorts={"created_at": "id", "updated_at": "updated_at"}
        )

    def _accounts(self, request: Request) -> Response:
        rows = [
            {
                **self._named("acc", each.number, each.name),
                "domains": [],
                "created_at": _seconds(each.created_at),
                "updated_at": _seconds(each.created_at),
            }
            for each in self.world.organizations
        ]
        sorts = {"created_at": "created_at", "updated_at": "updated_at"}
        return self._page(request, rows, MOST, sorts=sorts)

    def _tags(self, request: Request) -> Response:
        rows = [self._tag(name) for name in self._tag_names()]
        return self._page(request, rows, MOST, sorts={"id": "id"})

    def _tag_names(self) -> list[str]:
        return sorted({tag for ticket in self._tickets() for tag in ticket.tags})

    def _tag(self, name: str) -> dict[str, Any]:
        return {"id": f"tag_{name}", "name": name, "is_private": False}

    def _teammate(self, person: Person) -> dict[str, Any]:
        first, last = person.name.split(" ")
        return {
            "id": f"tea_{person.number}",
            "email": person.email,
            "username": f"agent{person.number}",
            "first_name": first,
            "last_name": last,
            "is_admin": False,
            "is_available": True,
            "is_blocked": False,
            "type": "user",
            "custom_fields": {},
        }

    def _named(self, prefix: str, number: int, name: str) -> dict[str, Any]:
        return {"_links": {}, "id": f"{prefix}_{number}", "name": name, "custom_fields": {}}

    def _page(
        self, request: Request, rows: list[dict[str, Any]], most: int, *, sorts: Mapping[str, str]
    ) -> Response:
        query = request.query_params
        limit = int(query.get("limit", 50))
        sort = query.get("sort_by", next(iter(sorts)))
        if limit > MOST or sort not in sorts:
            return _error(400, "Bad request", "Invalid query parameter")
        field, ascending = sorts[sort], query.get("sort_order", "desc") == "asc"
        rows = sorted(rows, key=lambda row: (row[field], row["id"]), reverse=not ascending)
        if token := query.get("page_token"):
            last = tuple(json.loads(base64.urlsafe_b64decode(token)))
            rows = [
                row
                for row in rows
                if (last < (row[field], row["id"])) == ascending and last != (row[field], row["id"])
            ]
        limit = min(limit, most)
        page, following = rows[:limit], None
        if len(rows) > limit:
            place = json.dumps([page[-1][field], page[-1]["id"]]).encode()
            url = request.url.include_query_params(
                page_token=base64.urlsafe_b64encode(place).decode()
            )
            following = str(url)
        return JSONResponse(
            {
                "_pagination": {"next": following},
                "_links": {"self": str(request.url)},
                "_results": page,
            }
        )


def _whole(rows: Callable[[], list[Row]]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return JSONResponse({"_links": {"self": str(request.url)}, "_results": rows()})

    return answer


def _error(status: int, title: str, message: str) -> Response:
    error = {"status": status, "title": title, "message": message}
    return JSONResponse({"_error": error}, status_code=status)
