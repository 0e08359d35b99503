"""Freshdesk, according to its API documentation.

Special behavior:

- The list of tickets has at most 300 pages of at most 100 tickets; it rejects undocumented
  parameters. Without ``updated_since``, it contains the last 30 days.
- Tickets in spam or trash are only in the lists with ``filter=spam`` and with
  ``filter=deleted``.
- ``include`` adds the statistics, the requester and the first message of a ticket; each costs two
  more credits, as the headers show.
- A status, a priority and a source are numbers.
- The conversation of a ticket is a separate list, without the first message.
- Contacts in the trash are only in the list with ``state=deleted``; lists are sorted by name.
- Satisfaction ratings are those of the last 30 days unless ``created_since`` goes further back.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Person, Ticket, now

MONTH = timedelta(days=30)
STATUSES = {"new": 2, "open": 2, "pending": 3, "solved": 4, "closed": 5}
PRIORITIES = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
SOURCES = {"email": 1, "web": 2, "phone": 3, "chat": 7}
# What Freshworks calls these numbers.
PRIORITY_NAMES = {"low": "low", "normal": "medium", "high": "high", "urgent": "urgent"}
SOURCE_NAMES = {"email": "email", "web": "portal", "phone": "phone", "chat": "chat"}
RATINGS = {"good": 103, "bad": -103}
ORDERS = ("created_at", "due_by", "updated_at", "status")
FILTERS = ("new_and_my_open", "watching", "spam", "deleted")
INCLUDED = ("stats", "requester", "description", "company")

Listed = Callable[[Request], Iterable[dict[str, Any]]]
Endpoint = Callable[[Request], Any]


@dataclass
class Freshdesk(StandIn):
    """Freshdesk.

    Attributes:
        sources: the numbers of channels.
        last_page: the number of the last page of tickets that is served.
    """

    profile: ClassVar[str] = "freshdesk"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "key-planted-Fd1"}
    sources: ClassVar[Mapping[str, int]] = SOURCES

    last_page: int = 300

    def routes(self) -> Sequence[Route]:
        since = ("_updated_since",)
        paths = {
            "/api/v2/tickets": self._tickets,
            "/api/v2/tickets/{number:int}/conversations": self._conversation,
            "/api/v2/contacts": self._listed(self._contacts, (*since, "state", "email")),
            "/api/v2/agents": self._listed(self._agents, ("email", "state")),
            "/api/v2/groups": self._listed(self._groups),
            "/api/v2/companies": self._listed(self._companies, since),
            "/api/v2/surveys/satisfaction_ratings": self._listed(
                self._ratings, ("created_since", "user_id")
            ),
            "/api/v2/ticket_fields": self._ticket_fields,
        }
        return [Route(path, endpoint) for path, endpoint in paths.items()]

    def is_allowed(self, request: Request) -> bool:
        login = b64encode(f"{self.secrets['API_KEY']}:X".encode()).decode()
        return request.headers.get("authorization") == f"Basic {login}"

    def refused(self) -> Response:
        body = {"code": "invalid_credentials", "message": "You have to be logged in"}
        return JSONResponse(body, status_code=401)

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": str(STATUSES[ticket.state]),
                    "priority": PRIORITY_NAMES[ticket.priority],
                    "priority_number": PRIORITIES[ticket.priority],
                    "channel": SOURCE_NAMES[ticket.channel],
                    "source": self.sources[ticket.channel],
                    "is_deleted": False,
                    "type": ticket.type,
                    "requester_id": ticket.requester,
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                    "organization_id": ticket.organization,
                    "description_text": ticket.comments[0].body,
                }
                for ticket in world.listed()
            ],
            "conversations": [
                {
                    "id": comment.number,
                    "_help_desk_tickets_id": ticket.number,
                    "author_id": comment.author,
                    "is_private": not comment.is_public,
                    "ticket_id": ticket.number,
                    "is_public": comment.is_public,
                    "author_role": "agent" if world.person(comment.author).is_agent else "customer",
                    "body": comment.body,
                }
                for ticket in world.listed()
                for comment in ticket.comments[1:]
            ],
            "contacts": [
                {"id": each.number, "name": each.name, "email": each.email}
                for each in world.customers
            ],
            "agents": [
                {"id": each.number, "name": each.name, "email": each.email} for each in world.agents
            ],
            "groups": [{"id": each.number, "name": each.name} for each in world.groups],
            "companies": [{"id": each.number, "name": each.name} for each in world.organizations],
            "satisfaction_ratings": [
                {"id": each.number, "ticket_id": each.number, "rating": RATINGS[each.score]}
                for each in world.listed()
                if each.score
            ],
            "field_definitions": [{"id": 11, "name": "subject"}, {"id": 12, "name": "cf_building"}],
        }

    async def _tickets(self, request: Request) -> Response:
        asked = request.query_params
        known = {"filter": FILTERS, "order_by": ORDERS, "order_type": ("asc", "desc")}
        for name, values in known.items():
            if asked.get(name, values[0]) not in values:
                return invalid(name, f"It should be one of these values: '{','.join(values)}'")
        included = [name for name in asked.get("include", "").split(",") if name]
        if set(included) - set(INCLUDED):
            return invalid("include", f"It should be one of these values: '{','.join(INCLUDED)}'")
        if int(asked.get("page", 1)) > self.last_page:
            text = f"You cannot access tickets beyond the {self.last_page}th page."
            return invalid("page", text)
        more = (*known, "include", "updated_since", "requester_id", "email", "company_id")
        first, last = bounds(request)
        found = self._found(request)
        rows = [self._ticket(ticket, included) for ticket in found[first:last]]
        has_more = last < len(found)
        return self.answer(request, more, rows, has_more, credits_used=1 + 2 * len(included))

    def _found(self, request: Request) -> list[Ticket]:
        """Return the tickets of a list, sorted."""
        asked = request.query_params
        which = asked.get("filter", "")
        tickets = self.world.listed(spam=which == "spam", deleted=which == "deleted")
        if "updated_since" in asked:
            since = instant(asked["updated_since"])
            tickets = [ticket for ticket in tickets if ticket.updated_at >= since]
        else:
            tickets = [ticket for ticket in tickets if ticket.created_at >= now() - MONTH]
        order = asked.get("order_by", "created_at")
        by: Mapping[str, Callable[[Ticket], Any]] = {
            "created_at": lambda ticket: ticket.created_at,
            "updated_at": lambda ticket: ticket.updated_at,
            "due_by": lambda ticket: ticket.created_at + MONTH,
            "status": lambda ticket: STATUSES[ticket.state],
        }
        return sorted(tickets, key=by[order], reverse=asked.get("order_type", "desc") == "desc")

    def _ticket(self, ticket: Ticket, included: Sequence[str]) -> dict[str, Any]:
        row = {
            "cc_emails": [],
            "fwd_emails": [],
            "reply_cc_emails": [],
            "fr_escalated": False,
            "spam": ticket.is_spam,
            "email_config_id": None,
            "group_id": ticket.group,
            "priority": PRIORITIES[ticket.priority],
            "requester_id": ticket.requester,
            "responder_id": ticket.assignee,
            "source": self.sources[ticket.channel],
            "company_id": ticket.organization,
            "status": STATUSES[ticket.state],
            "subject": ticket.subject,
            "to_emails": None,
            "product_id": None,
            "id": ticket.number,
            "type": ticket.type,
            "due_by": iso(ticket.created_at + MONTH),
            "fr_due_by": iso(ticket.created_at + timedelta(days=1)),
            "is_escalated": False,
            "custom_fields": {"cf_building": "North"},
            "created_at": iso(ticket.created_at),
            "updated_at": iso(ticket.updated_at),
            "tags": ticket.tags,
        }
        if ticket.is_deleted:
            row["deleted"] = True
        if "stats" in included:
            row["stats"] = stats(ticket, self.world.person)
        if "requester" in included:
            person = self.world.person(ticket.requester)
            row["requester"] = {"id": person.number, "name": person.name, "email": person.email}
        if "description" in included:
            row["description"] = f"<div>{ticket.comments[0].body}</div>"
            row["description_text"] = ticket.comments[0].body
        return row

    async def _conversation(self, request: Request) -> Response:
        ticket = self.world.tickets.get(request.path_params["number"])
        if ticket is None:
            return Response(status_code=404)
        rows = [
            conversation(ticket, comment, self.world.person(comment.author))
            for comment in ticket.comments[1:]
        ]
        first, last = bounds(request)
        return self.answer(request, (), rows[first:last], last < len(rows))

    def _listed(self, rows: Listed, params: Sequence[str] = ()) -> Endpoint:
        """Return the endpoint of a list in numbered pages."""

        async def listed(request: Request) -> Response:
            first, last = bounds(request)
            found = list(rows(request))
            return self.answer(request, params, found[first:last], last < len(found))

        return listed

    def answer(
        self,
        request: Request,
        params: Sequence[str],
        rows: list[dict[str, Any]],
        has_more: bool,
        *,
        credits_used: int = 1,
    ) -> Response:
        """Return a page, or an error for a request that the documentation does not allow."""
        for name, value in request.query_params.items():
            if name not in ("page", "per_page", *params):
                return invalid(name, "Unexpected/invalid field in request", "invalid_field")
            if name == "per_page" and not 1 <= int(value) <= 100:
                return invalid(name, "It should be a Positive Integer less than or equal to 100")
        headers = {
            "x-ratelimit-total": "400",
            "x-ratelimit-remaining": "390",
            "x-ratelimit-used-currentrequest": str(credits_used),
        }
        if has_more:
            page = int(request.query_params.get("page", 1)) + 1
            query = urlencode({**request.query_params, "page": page})
            headers["link"] = f'<{self.base_url}{request.url.path}?{query}>; rel="next"'
        return JSONResponse(rows, headers=headers)

    def _contacts(self, request: Request) -> list[dict[str, Any]]:
        return [
            {
                "active": True,
                "address": None,
                "email": person.email,
                "id": person.number,
                "language": "en",
                "name": person.name,
                "company_id": None,
                "custom_fields": {},
                "created_at": iso(person.created_at),
                "updated_at": iso(person.created_at),
            }
            for person in self._people(request, self.world.customers, "_updated_since")
            if request.query_params.get("state") != "deleted"
        ]

    def _agents(self, request: Request) -> list[dict[str, Any]]:
        return [
            {
                "available": True,
                "occasional": False,
                "id": person.number,
                "ticket_scope": 1,
                "type": "support_agent",
                "contact": {"active": True, "email": person.email, "name": person.name},
                "created_at": iso(person.created_at),
                "updated_at": iso(person.created_at),
            }
            for person in self.world.agents
        ]

    def _people(self, request: Request, people: list[Person], since: str) -> list[Person]:
        """Return people sorted by name as text, if requested only those changed since a time."""
        start = instant(request.query_params.get(since, "2000-01-01T00:00:00Z"))
        found = [person for person in people if person.created_at >= start]
        return sorted(found, key=lambda person: person.name)

    def _groups(self, request: Request) -> list[dict[str, Any]]:
        return [
            {"id": each.number, "name": each.name, "created_at": iso(each.created_at)}
            for each in self.world.groups
        ]

    def _companies(self, request: Request) -> list[dict[str, Any]]:
        return [
            {
                "id": each.number,
                "name": each.name,
                "domains": [],
                "custom_fields": {},
                "created_at": iso(each.created_at),
                "updated_at": iso(each.created_at),
            }
            for each in self.world.organizations
        ]

    def _ratings(self, request: Request) -> Iterable[dict[str, Any]]:
        start = request.query_params.get("created_since")
        since = instant(start) if start else now() - MONTH
        for ticket in self.world.listed():
            if ticket.score and ticket.updated_at >= since:
                yield {
                    "id": ticket.number,
                    "survey_id": 1,
                    "user_id": ticket.requester,
                    "agent_id": ticket.assignee,
                    "feedback": "Thank you",
                    "group_id": ticket.group,
                    "ticket_id": ticket.number,
                    "ratings": {"default_question": RATINGS[ticket.score]},
                    "created_at": iso(ticket.updated_at),
                    "updated_at": iso(ticket.updated_at),
                }

    async def _ticket_fields(self, request: Request) -> Response:
        if request.query_params:
            name = next(iter(request.query_params))
            return invalid(name, "Unexpected/invalid field in request", "invalid_field")
        rows = self.expected()["field_definitions"]
        return JSONResponse([{**row, "label": "A field", "type": "custom_text"} for row in rows])


def iso(at: datetime | None) -> str | None:
    """Return a time in Freshworks's format."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def instant(text: str) -> datetime:
    """Return the time in a parameter."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def bounds(request: Request) -> tuple[int, int]:
    """Return the positions of the first row of a page, and of the first row after it."""
    size = int(request.query_params.get("per_page", 30))
    page = int(request.query_params.get("page", 1))
    return (page - 1) * size, page * size


def invalid(field: str, message: str, code: str = "invalid_value") -> Response:
    """Return the response to a request with an invalid parameter."""
    error = {"field": field, "message": message, "code": code}
    return JSONResponse({"description": "Validation failed", "errors": [error]}, status_code=400)


def stats(ticket: Ticket, person: Callable[[int], Person]) -> dict[str, Any]:
    """Return the statistics of a ticket."""
    replies = [each for each in ticket.comments[1:] if person(each.author).is_agent]
    closed = [change.at for change in ticket.history if change.after == "closed"]
    return {
        "agent_responded_at": iso(replies[-1].created_at) if replies else None,
        "requester_responded_at": None,
        "first_responded_at": iso(replies[0].created_at) if replies else None,
        "status_updated_at": iso(ticket.history[-1].at if ticket.history else ticket.created_at),
        "reopened_at": None,
        "resolved_at": iso(ticket.solved_at),
        "closed_at": iso(closed[-1]) if closed else None,
        "pending_since": None,
    }


def conversation(ticket: Ticket, comment: Comment, author: Person) -> dict[str, Any]:
    """Return a message of a ticket, other than its first."""
    return {
        "body": f"<div>{comment.body}</div>",
        "body_text": comment.body,
        "id": comment.number,
        "incoming": not author.is_agent,
        "private": not comment.is_public,
        "user_id": comment.author,
        "support_email": None,
        "source": 2 if not comment.is_public else 0,
        "ticket_id": ticket.number,
        "to_emails": [],
        "attachments": [],
        "created_at": iso(comment.created_at),
        "updated_at": iso(comment.created_at),
    }
