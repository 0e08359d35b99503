"""Freshservice, according to its API documentation.

Special behavior:

- Rows are in an object, under the name of the list. Lists have pages of at most 100 rows, and
  reject undocumented parameters: tickets can be sorted only by their time of creation.
- Tickets have a workspace. Without ``workspace_id``, the list contains those of the primary one,
  with 0 those of all. Without ``updated_since``, it contains the last 30 days.
- Tickets in spam or trash are only in the lists with ``filter=spam`` and with
  ``filter=deleted``.
- A status, a priority and a source are numbers. The list of tickets has no tags.
- The conversation of a ticket is a separate list, without the first message.
- Agents are not among the requesters, unless requested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.freshdesk import (
    FILTERS,
    MONTH,
    PRIORITIES,
    SOURCES,
    STATUSES,
    Endpoint,
    Freshdesk,
    Listed,
    bounds,
    conversation,
    instant,
    invalid,
    iso,
    stats,
)
from helpdesk_assets_tests.vendors.standin import Row
from helpdesk_assets_tests.vendors.world import Person, Ticket, now

INCLUDED = ("stats", "requester", "requested_for", "onboarding_context", "offboarding_context")


@dataclass
class Freshservice(Freshdesk):
    """Freshservice, whose API has much in common with that of Freshdesk."""

    profile: ClassVar[str] = "freshservice"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "key-planted-Fs1"}
    sources: ClassVar[Mapping[str, int]] = {**SOURCES, "chat": 4}

    def routes(self) -> Sequence[Route]:
        tickets, conversations = "/api/v2/tickets", "/api/v2/tickets/{number:int}/conversations"
        state = ("state", "active", "email", "query")
        paths = {
            tickets: self._tickets,
            conversations: self._conversation,
            "/api/v2/requesters": self._named("requesters", self._requesters, state),
            "/api/v2/agents": self._named("agents", self._agents, state),
            "/api/v2/groups": self._named("groups", self._groups, ("workspace_id",)),
            "/api/v2/departments": self._named("departments", self._companies),
            "/api/v2/ticket_form_fields": self._ticket_fields,
        }
        return [Route(path, endpoint) for path, endpoint in paths.items()]

    def expected(self) -> Mapping[str, Sequence[Row]]:
        usual = super().expected()
        people = {"requesters": self.world.customers, "agents": self.world.agents}
        return {
            **{name: usual[name] for name in ("help_desk_tickets", "conversations", "groups")},
            **{
                name: [
                    {"id": each.number, "email": each.email, "last_name": each.name.split()[1]}
                    for each in found
                ]
                for name, found in people.items()
            },
            "departments": usual["companies"],
            "field_definitions": [{"id": 11, "name": "subject"}, {"id": 12, "name": "building"}],
        }

    def workspace_of(self, ticket: Ticket) -> int:
        """Return the workspace of a ticket: the primary one is 2."""
        return 3 if ticket.number % 5 == 0 else 2

    async def _tickets(self, request: Request) -> Response:
        asked = request.query_params
        known = {"filter": FILTERS, "order_type": ("asc", "desc")}
        for name, values in known.items():
            if asked.get(name, values[0]) not in values:
                return invalid(name, f"It should be one of these values: '{','.join(values)}'")
        included = [name for name in asked.get("include", "").split(",") if name]
        if set(included) - set(INCLUDED):
            return invalid("include", f"It should be one of these values: '{','.join(INCLUDED)}'")
        more = ("include", "updated_since", "requester_id", "email", "type", "workspace_id")
        first, last = bounds(request)
        found = self._found(request)
        rows = [self._ticket(ticket, included) for ticket in found[first:last]]
        spent = 1 + 2 * len(included)
        page = self.answer(request, (*known, *more), rows, last < len(found), credits_used=spent)
        return _under("tickets", page, rows)

    def _found(self, request: Request) -> list[Ticket]:
        asked = request.query_params
        workspace = int(asked.get("workspace_id", 2))
        which = asked.get("filter", "")
        since = instant(asked["updated_since"]) if "updated_since" in asked else None
        tickets = [
            ticket
            for ticket in self.world.listed(spam=which == "spam", deleted=which == "deleted")
            if workspace in (0, self.workspace_of(ticket))
            and (ticket.updated_at >= since if since else ticket.created_at >= now() - MONTH)
        ]
        is_descending = asked.get("order_type", "desc") == "desc"
        return sorted(tickets, key=lambda ticket: ticket.created_at, reverse=is_descending)

    def _ticket(self, ticket: Ticket, included: Sequence[str]) -> dict[str, Any]:
        row = {
            "id": ticket.number,
            "workspace_id": self.workspace_of(ticket),
            "subject": ticket.subject,
            "description": f"<div>{ticket.comments[0].body}</div>",
            "description_text": ticket.comments[0].body,
            "type": ticket.type,
            "status": STATUSES[ticket.state],
            "priority": PRIORITIES[ticket.priority],
            "source": self.sources[ticket.channel],
            "requester_id": ticket.requester,
            "requested_for_id": ticket.requester,
            "responder_id": ticket.assignee,
            "group_id": ticket.group,
            "department_id": ticket.organization,
            "category": "Hardware",
            "impact": 1,
            "urgency": 1,
            "due_by": iso(ticket.created_at + MONTH),
            "fr_due_by": iso(ticket.created_at),
            "is_escalated": False,
            "fr_escalated": False,
            "spam": ticket.is_spam,
            "deleted": ticket.is_deleted,
            "cc_emails": [],
            "custom_fields": {},
            "created_at": iso(ticket.created_at),
            "updated_at": iso(ticket.updated_at),
        }
        if "stats" in included:
            row["stats"] = stats(ticket, self.world.person)
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
        page = self.answer(request, (), rows[first:last], last < len(rows))
        return _under("conversations", page, rows[first:last])

    def _named(self, name: str, rows: Listed, params: Sequence[str] = ()) -> Endpoint:
        """Return the endpoint of a list in numbered pages, under its name."""

        async def listed(request: Request) -> Response:
            first, last = bounds(request)
            found = list(rows(request))
            page = self.answer(request, params, found[first:last], last < len(found))
            return _under(name, page, found[first:last])

        return listed

    def _requesters(self, request: Request) -> list[dict[str, Any]]:
        return [_person(each, "primary_email") for each in self.world.customers]

    def _agents(self, request: Request) -> list[dict[str, Any]]:
        return [_person(each, "email") for each in self.world.agents]

    async def _ticket_fields(self, request: Request) -> Response:
        return JSONResponse({"ticket_fields": self.expected()["field_definitions"]})


def _under(name: str, page: Response, rows: list[dict[str, Any]]) -> Response:
    """Return a page with its rows under the name of the list; an error is unchanged."""
    if page.status_code != 200:
        return page
    headers = {key: value for key, value in page.headers.items() if not key.startswith("content")}
    return JSONResponse({name: rows}, headers=headers)


def _person(person: Person, email: str) -> dict[str, Any]:
    created: datetime = person.created_at
    return {
        "id": person.number,
        "first_name": person.name.split()[0],
        "last_name": person.name.split()[1],
        email: person.email,
        "active": True,
        "department_ids": [],
        "custom_fields": {},
        "created_at": iso(created),
        "updated_at": iso(created),
    }
