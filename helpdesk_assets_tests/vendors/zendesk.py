"""Zendesk Support, with an API token and with OAuth, according to its API documentation.

Special behavior:

- ``/api/v2/tickets`` omits deleted tickets, and those archived 120 days after closing.
- Exports contain all tickets, deleted ones with the status ``deleted``, sorted by the time of the
  last update of any kind, which may be later than ``updated_at``. A changed ticket moves to the
  end. They omit the last minute, reject a start within it, and allow 10 requests per minute.
- An empty page of an export has no cursor. Each page of a time-based export starts with the rows of
  the last second of the page before, and even its last page has a link to a next one.
- Exports require an administrator. Events contain comments only with ``include=comment_events``.
- Lists have pages of at most 100, with the parameters ``page[size]`` and ``page[after]``.
- OAuth: a token has a scope, is issued for the client's credentials, and may be revoked.
"""

import itertools
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Change, Comment, Person, Ticket, now

ARCHIVED = timedelta(days=120)
MOST_EXPORTED, MOST_LISTED = 1000, 100
EXPORTS = "/api/v2/incremental/"
# Offsets of ids: audits of comments and of changes, and their events.
OF_COMMENTS, OF_CHANGES, COMMENTS, CHANGES = 5_000_000, 6_000_000, 7_000_000, 8_000_000
RATINGS = 700_000

# An entry of an export: the time and the number that it is sorted by, and the row.
Exported = tuple[int, int, dict[str, Any]]
Rows = Callable[[Request], Iterable[Exported]]
Endpoint = Callable[[Request], Any]


@dataclass
class Zendesk(StandIn):
    """Zendesk Support with an API token.

    Attributes:
        ahead: how far the server's clock is ahead of the world's. By default, a change that was
            just made is more than a minute old.
        is_admin: whether the key belongs to an administrator.
        exports, minute: the maximum number of requests for exports per number of seconds.
        page_limit: the maximum number of rows per page of an export. Default: as documented.
        touched: times when the system changed a ticket, by number; ``updated_at`` stays the same.
    """

    profile: ClassVar[str] = "zendesk"
    secrets: ClassVar[Mapping[str, str]] = {
        "ZENDESK_EMAIL": "agent@planted.example",
        "API_KEY": "token-planted-Zd1",
    }

    ahead: timedelta = timedelta(seconds=62)
    is_admin: bool = True
    exports: int = 1000
    minute: float = 60
    page_limit: int = MOST_EXPORTED
    touched: dict[int, datetime] = field(default_factory=dict)
    _exported: list[float] = field(default_factory=list)

    def routes(self) -> Sequence[Route]:
        paths = {
            "/api/v2/tickets": self._listed("tickets", self._living),
            "/api/v2/groups": self._listed("groups", self._groups),
            "/api/v2/satisfaction_ratings": self._listed("satisfaction_ratings", self._ratings),
            "/api/v2/ticket_fields": self._listed("ticket_fields", self._fields),
            "/api/v2/custom_statuses": self._custom_statuses,
            f"{EXPORTS}tickets/cursor.json": self._by_cursor("tickets", self._tickets),
            f"{EXPORTS}users/cursor.json": self._by_cursor("users", self._users),
            f"{EXPORTS}organizations.json": self._by_time("organizations", self._organizations),
            f"{EXPORTS}ticket_events.json": self._by_time("ticket_events", self._events),
        }
        return [Route(path, endpoint) for path, endpoint in paths.items()]

    def is_allowed(self, request: Request) -> bool:
        login = f"{self.secrets['ZENDESK_EMAIL']}/token:{self.secrets['API_KEY']}"
        basic = f"Basic {b64encode(login.encode()).decode()}"
        return request.headers.get("authorization") == basic

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": ticket.state,
                    "priority": ticket.priority,
                    "type": ticket.type,
                    "channel": ticket.channel,
                    "requester_id": ticket.requester,
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                    "organization_id": ticket.organization,
                    "satisfaction": ticket.score or "unoffered",
                    "solved_at": ticket.solved_at,
                    "is_deleted": False,
                    "tags": json.dumps(ticket.tags, separators=(",", ":")),
                }
                for ticket in world.listed()
            ],
            "comments": [
                {
                    "id": COMMENTS + comment.number,
                    "ticket_id": ticket.number,
                    "author_id": comment.author,
                    "is_public": comment.is_public,
                    "body": comment.body,
                }
                for ticket, comment in world.comments()
            ],
            "status_changes": [
                {
                    "id": CHANGES + change.number,
                    "ticket_id": ticket.number,
                    "old_status": change.before,
                    "new_status": change.after,
                    "changed_at": change.at,
                }
                for ticket in world.tickets.values()
                for change in ticket.history
            ],
            "users": [
                {
                    "id": each.number,
                    "name": each.name,
                    "email": each.email,
                    "role": _role(each),
                    "author_role": "agent" if each.is_agent else "customer",
                }
                for each in world.people
            ],
            "organizations": [_named(each) for each in world.organizations],
            "groups": [_named(each) for each in world.groups],
            "satisfaction_ratings": [
                {"id": RATINGS + each.number, "ticket_id": each.number, "score": each.score}
                for each in world.listed()
                if each.score
            ],
            "field_definitions": [{"id": 41, "title": "Subject"}, {"id": 42, "title": "Building"}],
            "custom_statuses": [
                {"id": 71, "status_category": "new", "agent_label": "New"},
                {"id": 72, "status_category": "pending", "agent_label": "With a supplier"},
            ],
        }

    def _by_cursor(self, name: str, rows: Rows) -> Endpoint:
        """Return the endpoint of an export with a cursor, which is a position in it."""

        async def export(request: Request) -> Response:
            asked = request.query_params
            if refused := self._refused_export(request):
                return refused
            at, number = int(asked.get("start_time", 0)), -1
            if "cursor" in asked:
                at, number = map(int, b64decode(asked["cursor"]).decode().split("||"))
            elif "start_time" not in asked:
                return _error("InvalidValue", "start_time or cursor is required", 400)
            size = min(int(asked.get("per_page", MOST_EXPORTED)), self.page_limit)
            found = [each for each in self._complete(rows(request)) if each[:2] > (at, number)]
            page = found[:size]
            cursor = url = None
            if page:
                cursor = b64encode(f"{page[-1][0]}||{page[-1][1]}".encode()).decode()
                url = f"{self.base_url}{request.url.path}?{urlencode({'cursor': cursor})}"
            answer = {
                name: [row for _, _, row in page],
                "after_cursor": cursor,
                "after_url": url,
                "before_cursor": None,
                "before_url": None,
                "end_of_stream": len(found) <= size,
            }
            return self._limited(answer)

        return export

    def _by_time(self, name: str, rows: Rows) -> Endpoint:
        """Return the endpoint of an export without a cursor: each page names the next start."""

        async def export(request: Request) -> Response:
            asked = request.query_params
            if refused := self._refused_export(request):
                return refused
            if "start_time" not in asked:
                return _error("InvalidValue", "start_time is required", 400)
            start = int(asked["start_time"])
            size = min(int(asked.get("per_page", MOST_EXPORTED)), self.page_limit)
            found = [each for each in self._complete(rows(request)) if each[0] >= start]
            page = found[:size]
            # A page ends with the last row of a second, later than the second that it starts with.
            while len(page) < len(found) and (page[-1][0] in (start, found[len(page)][0])):
                page.append(found[len(page)])
            end = page[-1][0] if page else start
            query = {**asked, "start_time": str(end)}
            answer = {
                name: [row for _, _, row in page],
                "count": len(page),
                "end_time": end,
                "end_of_stream": len(page) == len(found),
                "next_page": f"{self.base_url}{request.url.path}?{urlencode(query)}",
            }
            return self._limited(answer)

        return export

    def _complete(self, rows: Iterable[Exported]) -> list[Exported]:
        """Return the rows of an export: all except those of the last minute, sorted."""
        until = int((now() + self.ahead - timedelta(minutes=1)).timestamp())
        return sorted((each for each in rows if each[0] <= until), key=lambda each: each[:2])

    def _refused_export(self, request: Request) -> Response | None:
        if not self.is_admin:
            return _error("Forbidden", "You do not have access to this page.", 403)
        start = int(request.query_params.get("start_time", 0))
        if start > (now() + self.ahead - timedelta(minutes=1)).timestamp():
            text = "Too recent start_time. Use a start_time older than 1 minute"
            return _error("StartTimeTooRecent", text, 422)
        self._exported = [at for at in self._exported if at > time.monotonic() - self.minute]
        if len(self._exported) < self.exports:
            self._exported.append(time.monotonic())
            return None
        wait = int(self._exported[0] + self.minute - time.monotonic()) + 1
        refused = _error("APIRateLimitExceeded", "Number of allowed API requests exceeded", 429)
        refused.headers["retry-after"] = str(wait)
        return refused

    def _limited(self, answer: dict[str, Any]) -> Response:
        left = self.exports - len(self._exported)
        return JSONResponse(
            answer,
            headers={
                "ratelimit-limit": str(self.exports),
                "ratelimit-remaining": str(left),
                "ratelimit-reset": "60",
            },
        )

    def _listed(self, name: str, rows: Callable[[Request], Iterable[dict[str, Any]]]) -> Endpoint:
        """Return the endpoint of a list, whose cursor is the id of its last row."""

        async def listed(request: Request) -> Response:
            asked = request.query_params
            size = min(int(asked.get("page[size]", MOST_LISTED)), MOST_LISTED)
            if size < 1:
                return _error("InvalidPaginationParameter", "page[size] is too small", 400)
            after = int(b64decode(asked["page[after]"])) if "page[after]" in asked else -1
            found = [row for row in rows(request) if row["id"] > after]
            page, has_more = found[:size], len(found) > size
            if "page[size]" not in asked:
                # The old paging: numbered pages.
                following = f"{self.base_url}{request.url.path}?page=2" if has_more else None
                body = {name: page, "next_page": following, "previous_page": None}
                return JSONResponse({**body, "count": len(found)})
            cursor = b64encode(str(page[-1]["id"]).encode()).decode() if page else None
            meta = {"has_more": has_more, "after_cursor": cursor, "before_cursor": None}
            return JSONResponse({name: page, "meta": meta, "links": {"prev": None, "next": None}})

        return listed

    def _living(self, request: Request) -> Iterator[dict[str, Any]]:
        archived = now() - ARCHIVED
        for ticket in self.world.listed():
            if ticket.state != "closed" or ticket.updated_at > archived:
                yield self._ticket(ticket, [])

    def _tickets(self, request: Request) -> Iterator[Exported]:
        included = request.query_params.get("include", "").split(",")
        for ticket in self.world.tickets.values():
            if ticket.is_deleted and request.query_params.get("exclude_deleted") == "true":
                continue
            yield self._generated(ticket), ticket.number, self._ticket(ticket, included)

    def _generated(self, ticket: Ticket) -> int:
        touched = self.touched.get(ticket.number, ticket.updated_at)
        return int(max(touched, ticket.updated_at).timestamp())

    def _ticket(self, ticket: Ticket, included: Sequence[str]) -> dict[str, Any]:
        row = {
            "id": ticket.number,
            "url": f"{self.base_url}/api/v2/tickets/{ticket.number}.json",
            "external_id": None,
            "via": {"channel": ticket.channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": iso(ticket.created_at),
            "updated_at": iso(ticket.updated_at),
            "generated_timestamp": self._generated(ticket),
            "type": ticket.type,
            "subject": ticket.subject,
            "raw_subject": ticket.subject,
            "description": ticket.comments[0].body,
            "priority": ticket.priority,
            "status": "deleted" if ticket.is_deleted else ticket.state,
            "custom_status_id": 71,
            "requester_id": ticket.requester,
            "submitter_id": ticket.requester,
            "assignee_id": ticket.assignee,
            "organization_id": ticket.organization,
            "group_id": ticket.group,
            "collaborator_ids": [],
            "problem_id": None,
            "due_at": None,
            "tags": ticket.tags,
            "custom_fields": [{"id": 42, "value": "North"}],
            "satisfaction_rating": {"score": ticket.score or "unoffered"},
            "is_public": True,
        }
        if "metric_sets" in included:
            row["metric_set"] = {
                "id": 900_000 + ticket.number,
                "ticket_id": ticket.number,
                "replies": len(ticket.comments) - 1,
                "solved_at": iso(ticket.solved_at),
                "reply_time_in_minutes": {"calendar": 5, "business": None},
            }
        if "comment_count" in included:
            row["comment_count"] = len(ticket.comments)
        return row

    def _users(self, request: Request) -> Iterator[Exported]:
        for person in self.world.people:
            row = {
                "id": person.number,
                "url": f"{self.base_url}/api/v2/users/{person.number}.json",
                "name": person.name,
                "email": person.email,
                "role": _role(person),
                "active": True,
                "suspended": False,
                "organization_id": None,
                "time_zone": "Berlin",
                "tags": [],
                "user_fields": {},
                "created_at": iso(person.created_at),
                "updated_at": iso(person.created_at),
            }
            yield int(person.created_at.timestamp()), person.number, row

    def _organizations(self, request: Request) -> Iterator[Exported]:
        for each in self.world.organizations:
            row = {
                **_named(each),
                "domain_names": [],
                "tags": [],
                "organization_fields": {},
                "created_at": iso(each.created_at),
                "updated_at": iso(each.created_at),
            }
            yield int(each.created_at.timestamp()), each.number, row

    def _events(self, request: Request) -> Iterator[Exported]:
        with_comments = request.query_params.get("include") == "comment_events"
        for ticket in self.world.tickets.values():
            for comment in ticket.comments:
                child = _comment(comment) if with_comments else _mention(comment)
                children = [child]
                if comment is ticket.comments[0]:
                    made = {"id": OF_COMMENTS * 2 + comment.number, "event_type": "Create"}
                    children.insert(0, {**made, "subject": ticket.subject, "priority": "low"})
                event = _audit(OF_COMMENTS + comment.number, ticket, comment.author, children)
                yield _at(event, comment.created_at)
            for change in ticket.history:
                event = _audit(OF_CHANGES + change.number, ticket, change.author, [_change(change)])
                yield _at(event, change.at)

    def _groups(self, request: Request) -> list[dict[str, Any]]:
        return [
            {
                **_named(each),
                "is_public": True,
                "deleted": False,
                "created_at": iso(each.created_at),
            }
            for each in self.world.groups
        ]

    def _ratings(self, request: Request) -> Iterator[dict[str, Any]]:
        start = int(request.query_params.get("start_time", 0))
        for ticket in self.world.listed():
            if ticket.score and ticket.updated_at.timestamp() >= start:
                yield {
                    "id": RATINGS + ticket.number,
                    "ticket_id": ticket.number,
                    "score": ticket.score,
                    "comment": "Thank you",
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                    "requester_id": ticket.requester,
                    "created_at": iso(ticket.updated_at),
                    "updated_at": iso(ticket.updated_at),
                }

    def _fields(self, request: Request) -> list[dict[str, Any]]:
        return [
            {"id": 41, "type": "subject", "title": "Subject", "active": True},
            {"id": 42, "type": "tagger", "title": "Building", "active": True},
        ]

    async def _custom_statuses(self, request: Request) -> Response:
        rows = self.expected()["custom_statuses"]
        return JSONResponse({"custom_statuses": [{**row, "active": True} for row in rows]})


@dataclass
class ZendeskOAuth(Zendesk):
    """Zendesk Support with an OAuth client; only the last token that was issued is valid."""

    profile: ClassVar[str] = "zendesk_oauth"
    secrets: ClassVar[Mapping[str, str]] = {
        "ZENDESK_CLIENT_ID": "client-planted-Zd2",
        "ZENDESK_CLIENT_SECRET": "secret-planted-Zd3",
    }

    issued: Iterator[int] = field(default_factory=itertools.count)
    token: str = ""

    def routes(self) -> Sequence[Route]:
        return [Route("/oauth/tokens", self._issue_token, methods=["POST"]), *super().routes()]

    def open_paths(self) -> Sequence[str]:
        return ("/oauth/tokens",)

    def is_allowed(self, request: Request) -> bool:
        return bool(self.token) and request.headers.get("authorization") == f"Bearer {self.token}"

    async def _issue_token(self, request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("application/json"):
            form = await request.json()
        else:
            form = {
                name: value[0] for name, value in parse_qs((await request.body()).decode()).items()
            }
        wanted = (*self.secrets.values(), "client_credentials")
        if (form.get("client_id"), form.get("client_secret"), form.get("grant_type")) != wanted:
            return _error("invalid_client", "Client authentication failed", 401)
        if form.get("scope") != "read":
            return _error("invalid_scope", "The requested scope is invalid", 400)
        self.token = f"access-planted-{next(self.issued)}"
        body = {"access_token": self.token, "token_type": "bearer", "scope": "read"}
        return JSONResponse({**body, "expires_in": 1800})


def iso(at: datetime | None) -> str | None:
    """Return a time in Zendesk's format."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _error(error: str, description: str, status: int) -> Response:
    return JSONResponse({"error": error, "description": description}, status_code=status)


def _role(person: Person) -> str:
    return "agent" if person.is_agent else "end-user"


def _named(each: Any) -> dict[str, Any]:
    return {"id": each.number, "name": each.name}


def _audit(number: int, ticket: Ticket, author: int, children: list[Any]) -> dict[str, Any]:
    return {
        "id": number,
        "ticket_id": ticket.number,
        "updater_id": author,
        "via": "Web form",
        "system": {"client": "Browser"},
        "event_type": "Audit",
        "child_events": children,
    }


def _at(event: dict[str, Any], at: datetime) -> Exported:
    seconds = int(at.timestamp())
    return seconds, event["id"], {**event, "timestamp": seconds, "created_at": iso(at)}


def _comment(comment: Comment) -> dict[str, Any]:
    return {
        "id": COMMENTS + comment.number,
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        "via_reference_id": None,
        "type": "Comment",
        "author_id": comment.author,
        "body": comment.body,
        "html_body": f"<div class='zd-comment'>{comment.body}</div>",
        "public": comment.is_public,
        "attachments": [],
        "audit_id": OF_COMMENTS + comment.number,
        "created_at": iso(comment.created_at),
        "event_type": "Comment",
    }


def _mention(comment: Comment) -> dict[str, Any]:
    return {
        "id": COMMENTS + comment.number,
        "comment_present": True,
        "comment_public": comment.is_public,
        "event_type": "Comment",
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": CHANGES + change.number,
        "status": change.after,
        "previous_value": change.before,
        "via": "Web form",
        "event_type": "Change",
    }
