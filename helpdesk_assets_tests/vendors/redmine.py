"""Redmine, according to the pages on its REST API and its views.

Special behavior:

- By default, ``issues.json`` has only open issues (all with ``status_id=*``), newest first, and at
  most 100 per page, even if more are requested.
- The operator of a filter is in its value (``updated_on=>=2026-01-01T00:00:00Z``); times with
  fractions of a second are invalid (422), and a time without an operator matches only that second.
- Journals (notes and changes) are in the response for a single issue, if ``include`` requests them;
  the list of issues ignores that ``include``.
- Users and custom fields are only for administrators (403). Locked users are not in the list, and
  custom fields include those of users and projects.
- Unless authentication is required, a wrong key is not an error: the client is an anonymous user,
  who has access to public projects.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import PRIORITIES, TYPES, Change, Comment, Ticket

KEY = "planted9f3c7be1a04d5cc2"
STATUSES = {"new": 1, "open": 2, "solved": 3, "pending": 4, "closed": 5}
STATUS_NAMES = {
    1: "New",
    2: "In Progress",
    3: "Resolved",
    4: "Feedback",
    5: "Closed",
    6: "Rejected",
}
CLOSED = (5, 6)
# The format of times in a filter.
TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}(:?\d{2}){0,2}(Z|\d{2}:?\d{2})?)?")
# The group of the world whose project is public.
PUBLIC = 1


def spelled(at: datetime | None) -> str | None:
    """Return a time in Redmine's format."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


@dataclass
class Redmine(StandIn):
    """See the module.

    Attributes:
        requires_login: whether anonymous users have no access.
        is_admin: whether the key belongs to an administrator.
    """

    profile: ClassVar[str] = "redmine"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": KEY}

    requires_login: bool = True
    is_admin: bool = True

    def routes(self) -> Sequence[Route]:
        return [
            Route("/issues.json", self._issues),
            Route("/issues/{issue}.json", self._issue),
            Route("/projects.json", self._projects),
            Route("/users.json", self._users),
            Route("/custom_fields.json", self._custom_fields),
            Route("/issue_statuses.json", self._statuses),
            Route("/trackers.json", self._trackers),
            Route("/enumerations/issue_priorities.json", self._priorities),
        ]

    def is_allowed(self, request: Request) -> bool:
        return self._is_known(request) or not self.requires_login

    def refused(self) -> Response:
        return Response(status_code=401)

    def _is_known(self, request: Request) -> bool:
        return request.headers.get("x-redmine-api-key") == KEY

    def _visible(self, request: Request) -> list[Ticket]:
        known = self._is_known(request)
        return [each for each in self.world.listed() if known or each.group == PUBLIC]

    async def _issues(self, request: Request) -> Response:
        query = request.query_params
        found = self._visible(request)
        status = query.get("status_id", "open")
        if status in ("open", "closed"):
            found = [each for each in found if is_closed(each) == (status == "closed")]
        for name, value_of in (("updated_on", _updated), ("created_on", _created)):
            if name in query:
                passes = filter_of(query[name])
                if passes is None:
                    return JSONResponse({"errors": [f"{name} is invalid"]}, status_code=422)
                found = [each for each in found if passes(value_of(each))]
        column, _, direction = query.get("sort", "id:desc").partition(":")
        if column == "updated_on":
            found.sort(key=lambda each: (each.updated_at, -each.number))
        if direction == "desc":
            found.reverse()
        return self._page("issues", [self._shown(each) for each in found], request)

    async def _issue(self, request: Request) -> Response:
        number = request.path_params["issue"]
        found = [each for each in self._visible(request) if str(each.number) == number]
        if not found:
            return Response(status_code=404)
        shown = self._shown(found[0])
        if "journals" in request.query_params.get("include", "").split(","):
            shown["journals"] = self._journals(found[0])
        return JSONResponse({"issue": shown})

    async def _projects(self, request: Request) -> Response:
        rows = [
            {
                "id": group.number,
                "name": group.name,
                "identifier": f"group-{group.number}",
                "description": "",
                "status": 1,
                "is_public": group.number == PUBLIC,
                "inherit_members": False,
                "created_on": spelled(group.created_at),
                "updated_on": spelled(group.created_at),
            }
            for group in self.world.groups
            if self._is_known(request) or group.number == PUBLIC
        ]
        return self._page("projects", rows, request)

    async def _users(self, request: Request) -> Response:
        if not self._is_known(request):
            return self.refused()
        if not self.is_admin:
            return Response(status_code=403)
        rows = [
            {
                "id": person.number,
                "login": f"person{person.number}",
                "admin": False,
                "firstname": person.name.split()[0],
                "lastname": person.name.split()[1],
                "mail": person.email,
                "created_on": spelled(person.created_at),
                "updated_on": spelled(person.created_at),
                "last_login_on": None,
                "passwd_changed_on": None,
                "twofa_scheme": None,
                "status": 1,
            }
            for person in sorted(self.world.people, key=lambda each: f"person{each.number}")
        ]
        return self._page("users", rows, request)

    async def _custom_fields(self, request: Request) -> Response:
        if not self._is_known(request):
            return self.refused()
        if not self.is_admin:
            return Response(status_code=403)
        rows = [
            {"id": 1, "name": "Customer", "customized_type": "issue", "field_format": "string"},
            {"id": 2, "name": "Phone", "customized_type": "user", "field_format": "string"},
        ]
        return JSONResponse({"custom_fields": rows})

    async def _statuses(self, request: Request) -> Response:
        rows = [
            {"id": number, "name": name, "is_closed": number in CLOSED, "description": None}
            for number, name in STATUS_NAMES.items()
        ]
        return JSONResponse({"issue_statuses": rows})

    async def _trackers(self, request: Request) -> Response:
        rows = [
            {"id": number, "name": name, "default_status": {"id": 1, "name": "New"}}
            for number, name in enumerate(TYPES, 1)
        ]
        return JSONResponse({"trackers": rows})

    async def _priorities(self, request: Request) -> Response:
        rows = [
            {"id": number, "name": name, "is_default": name == "normal", "active": True}
            for number, name in enumerate(PRIORITIES, 1)
        ]
        return JSONResponse({"issue_priorities": rows})

    def _page(self, name: str, rows: Sequence[dict[str, Any]], request: Request) -> Response:
        query = request.query_params
        offset, limit = max(int(query.get("offset", 0)), 0), int(query.get("limit", 0))
        limit = 25 if limit < 1 else min(limit, 100)
        page = list(rows[offset : offset + limit])
        return JSONResponse(
            {name: page, "total_count": len(rows), "offset": offset, "limit": limit}
        )

    def _named(self, number: int) -> dict[str, Any]:
        return {"id": number, "name": self.world.person(number).name}

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        status = STATUSES[ticket.state]
        closings = [change.at for change in ticket.history if change.after == "closed"]
        row = {
            "id": ticket.number,
            "project": {"id": ticket.group, "name": f"Group {ticket.group}"},
            "tracker": {"id": TYPES.index(ticket.type) + 1, "name": ticket.type},
            "status": {
                "id": status,
                "name": STATUS_NAMES[status],
                "is_closed": status in CLOSED,
            },
            "priority": {"id": PRIORITIES.index(ticket.priority) + 1, "name": ticket.priority},
            "author": self._named(ticket.requester),
            "subject": ticket.subject,
            "description": ticket.comments[0].body,
            "start_date": ticket.created_at.date().isoformat(),
            "due_date": (ticket.created_at + timedelta(days=3)).date().isoformat(),
            "done_ratio": 0,
            "is_private": False,
            "estimated_hours": None,
            "total_estimated_hours": None,
            "spent_hours": 0.0,
            "total_spent_hours": 0.0,
            "custom_fields": [
                {"id": 1, "name": "Customer", "value": f"Organization {ticket.organization}"}
            ],
            "created_on": spelled(ticket.created_at),
            "updated_on": spelled(ticket.updated_at),
            "closed_on": spelled(max(closings)) if closings else None,
        }
        if ticket.assignee:
            row["assigned_to"] = self._named(ticket.assignee)
        return row

    def _journals(self, ticket: Ticket) -> list[dict[str, Any]]:
        notes = [(each.created_at, self._note(each)) for each in ticket.comments[1:]]
        changes = [(each.at, self._change(each)) for each in ticket.history]
        return [row for _, row in sorted([*notes, *changes], key=lambda each: each[0])]

    def _note(self, comment: Comment) -> dict[str, Any]:
        return {
            "id": note_id(comment),
            "user": self._named(comment.author),
            "notes": comment.body,
            "created_on": spelled(comment.created_at),
            "updated_on": spelled(comment.created_at),
            "private_notes": not comment.is_public,
            "details": [],
        }

    def _change(self, change: Change) -> dict[str, Any]:
        return {
            "id": change_id(change),
            "user": self._named(change.author),
            "notes": "",
            "created_on": spelled(change.at),
            "updated_on": spelled(change.at),
            "private_notes": False,
            "details": [
                {
                    "property": "attr",
                    "name": "status_id",
                    "old_value": str(STATUSES[change.before]),
                    "new_value": str(STATUSES[change.after]),
                }
            ],
        }

    def expected(self) -> Mapping[str, Sequence[Row]]:
        tickets = self.world.listed()
        notes: list[Row] = [
            {
                "_help_desk_tickets_id": ticket.number,
                "id": note_id(comment),
                "author_id": comment.author,
                "body": comment.body,
                "is_private": not comment.is_public,
                "ticket_id": ticket.number,
                "is_public": comment.is_public,
                "author_role": None,
            }
            for ticket in tickets
            for comment in ticket.comments[1:]
        ]
        changes: list[Row] = [
            {
                "_help_desk_tickets_id": ticket.number,
                "id": change_id(change),
                "author_id": change.author,
                "body": "",
                "is_private": False,
                "ticket_id": ticket.number,
                "is_public": True,
                "author_role": "system",
            }
            for ticket in tickets
            for change in ticket.history
        ]
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": STATUS_NAMES[STATUSES[ticket.state]],
                    "priority": ticket.priority,
                    "type": ticket.type,
                    "requester_id": ticket.requester,
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                    "is_closed": is_closed(ticket),
                    "created_at": ticket.created_at.replace(microsecond=0),
                    "updated_at": ticket.updated_at.replace(microsecond=0),
                }
                for ticket in tickets
            ],
            "journals": notes + changes,
            "status_changes": [
                {
                    "ticket_id": ticket.number,
                    "_journals_id": change_id(change),
                    "old_status": str(STATUSES[change.before]),
                    "new_status": str(STATUSES[change.after]),
                    "changed_at": change.at.replace(microsecond=0),
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "projects": [{"id": group.number, "name": group.name} for group in self.world.groups],
            "users": [{"id": person.number, "email": person.email} for person in self.world.people],
            "custom_fields": [{"id": 1, "name": "Customer"}],
            "statuses": [
                {"id": number, "name": name, "is_closed": number in CLOSED}
                for number, name in STATUS_NAMES.items()
            ],
            "trackers": [{"id": number, "name": name} for number, name in enumerate(TYPES, 1)],
            "priorities": [
                {"id": number, "name": name} for number, name in enumerate(PRIORITIES, 1)
            ],
        }


def is_closed(ticket: Ticket) -> bool:
    """Return whether the status of a ticket closes it."""
    return STATUSES[ticket.state] in CLOSED


def note_id(comment: Comment) -> int:
    """Return the id of the journal with a note."""
    return 2 * comment.number


def change_id(change: Change) -> int:
    """Return the id of the journal with a change."""
    return 2 * change.number + 1


def filter_of(value: str) -> Any:
    """Return the filter in a value with an operator; None if it is invalid."""
    found = re.fullmatch(r"(><|>=|<=|=)?(.*)", value)
    operator, text = (found.group(1) or "=", found.group(2)) if found else ("=", "")
    parts = text.split("|")
    if not all(TIME.fullmatch(part) for part in parts) or len(parts) != 1 + (operator == "><"):
        return None
    times = [datetime.fromisoformat(part.replace("Z", "+00:00")) for part in parts]
    limits = [at if at.tzinfo else at.replace(tzinfo=timezone.utc) for at in times]
    first = limits[0] if operator != "<=" else datetime.min.replace(tzinfo=timezone.utc)
    last = limits[-1] if operator != ">=" else datetime.max.replace(tzinfo=timezone.utc)
    return lambda at: first <= at <= last


def _updated(ticket: Ticket) -> datetime:
    return ticket.updated_at


def _created(ticket: Ticket) -> datetime:
    return ticket.created_at
