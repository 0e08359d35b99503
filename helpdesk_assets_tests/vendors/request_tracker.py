"""Request Tracker 5.0, according to its documentation and to responses of a real one.

Special behavior, which ``make test-real`` verifies with a real one:

- A page has at most 100 rows, by default 20.
- Times in a query are in the time zone of the token's user, here eleven hours behind UTC.
- Dates that are not set are in 1970, and other values that are not set are empty texts.
- The total of transactions is null, except for superusers. Without the right ShowTicketComments,
  comments are removed from a page after it was selected.
- Deleted tickets are not in any list. Ids in rows are texts, unless the field is requested.
- References to users contain names; ids have to be requested.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import State, Ticket

KEY = "1-14-planted7f3c2a9e4b5d6081c2a9e4b5d60"
STATUSES: Mapping[State, str] = {
    "new": "new",
    "open": "open",
    "pending": "stalled",
    "solved": "resolved",
    "closed": "rejected",
}
NUMBERS = {"low": 20, "normal": 50, "high": 80, "urgent": 100}
NOT_SET = "1970-01-01T00:00:00Z"
# The number of RT's own users, before those of the world.
SYSTEM, NOBODY, PEOPLE = 1, 6, 10
# The time zone of the token's user.
ZONE = ZoneInfo("Pacific/Pago_Pago")
SINCE = re.compile(r"(\w+) >= '(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)'")
Values = dict[str, Any]


def spelled(at: datetime | None) -> str:
    """Return a time in RT's REST API's format."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if at else NOT_SET


@dataclass
class RequestTracker(StandIn):
    """See the module.

    Attributes:
        sees_comments: whether the user has the right ShowTicketComments.
    """

    profile: ClassVar[str] = "request_tracker"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": KEY}

    sees_comments: bool = True

    def routes(self) -> Sequence[Route]:
        """Return the lists of REST 2.0."""
        return [
            Route("/REST/2.0/tickets", self._tickets, methods=["GET", "POST"]),
            Route("/REST/2.0/transactions", self._transactions),
            Route("/REST/2.0/users", self._users),
            Route("/REST/2.0/queues/all", self._queues),
        ]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the token is correct."""
        return request.headers.get("authorization") == f"token {KEY}"

    def refused(self) -> Response:
        """Return RT's response without a token."""
        return JSONResponse({"message": "Unauthorized"}, status_code=401)

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params.get("query", "")
        rows = [self._ticket(ticket) for ticket in self.world.listed()]
        if query != "id > 0":
            found = SINCE.fullmatch(query)
            if not found or found[1] != "LastUpdated":
                return JSONResponse({"message": f"Unknown field in {query}"}, status_code=400)
            rows = [row for row in rows if row["LastUpdated"] >= _read(found[2])]
        return _page("ticket", rows, request)

    async def _transactions(self, request: Request) -> Response:
        terms = request.query_params.get("query", "").split(" AND ")
        rows = self._history()
        for term in terms:
            if found := SINCE.fullmatch(term):
                since = _read(found[2])
                rows = [row for row in rows if row["Created"] >= since]
            elif found := re.fullmatch(r"(ObjectType|Type) (=|!=) '([\w:]+)'", term):
                name, is_wanted, value = found[1], found[2] == "=", found[3]
                rows = [row for row in rows if (row[name] == value) == is_wanted]
            else:
                return JSONResponse({"message": f"Unknown field in {term}"}, status_code=400)
        return _page(
            "transaction",
            rows,
            request,
            has_total=False,
            sees=lambda row: self.sees_comments or row["Type"] != "Comment",
        )

    async def _users(self, request: Request) -> Response:
        return _page("user", self._people(), request)

    async def _queues(self, request: Request) -> Response:
        rows = [
            {
                "id": group.number,
                "Name": group.name,
                "Description": "",
                "Lifecycle": "default",
                "Disabled": "0",
            }
            for group in self.world.groups
        ]
        return _page("queue", rows, request)

    def _people(self) -> list[Values]:
        own = [(SYSTEM, "RT_System", ""), (NOBODY, "Nobody", "")]
        others = [
            (PEOPLE + person.number, f"person{person.number}", person.email)
            for person in self.world.people
        ]
        return [
            {
                "id": number,
                "Name": name,
                "RealName": "",
                "EmailAddress": email,
                "Organization": "",
                "Created": NOT_SET,
                "LastUpdated": NOT_SET,
            }
            for number, name, email in [*own, *others]
        ]

    def _ticket(self, ticket: Ticket) -> Values:
        owner = NOBODY if ticket.assignee is None else PEOPLE + ticket.assignee
        return {
            "id": ticket.number,
            "Subject": ticket.subject,
            "Status": STATUSES[ticket.state],
            "Created": spelled(ticket.created_at),
            "LastUpdated": spelled(ticket.updated_at),
            "Started": NOT_SET,
            "Told": NOT_SET,
            "Due": NOT_SET,
            "Resolved": spelled(ticket.solved_at),
            "Priority": str(NUMBERS[ticket.priority]),
            "TimeWorked": "0",
            "Owner": _user(owner),
            "Queue": {"type": "queue", "id": ticket.group, "Name": f"Group {ticket.group}"},
            "Requestor": [_user(PEOPLE + ticket.requester)],
            "CustomFields": "",
        }

    def _history(self) -> list[Values]:
        """Return all transactions: the first comment of a ticket is its creation."""
        rows = []
        for ticket in self.world.listed():
            for place, comment in enumerate(ticket.comments):
                reply = "Correspond" if comment.is_public else "Comment"
                kind = "Create" if place == 0 else reply
                author = PEOPLE + comment.author
                rows.append(_change(3 * comment.number, ticket, kind, author, comment.created_at))
                # RT records the mail that it sent about it.
                mail = 3 * comment.number + 1
                rows.append(_change(mail, ticket, "EmailRecord", SYSTEM, comment.created_at))
            for change in ticket.history:
                row = _change(
                    3 * change.number + 2, ticket, "Status", PEOPLE + change.author, change.at
                )
                row |= {
                    "Field": "Status",
                    "OldValue": STATUSES[change.before],
                    "NewValue": STATUSES[change.after],
                }
                rows.append(row)
        return sorted(rows, key=lambda row: int(row["id"]))

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the tables, for a user who has access to everything."""
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state],
                    "created_at": ticket.created_at,
                    "updated_at": ticket.updated_at,
                    "solved_at": ticket.solved_at,
                    "due_at": None,
                    "priority": NUMBERS[ticket.priority],
                    "assignee_id": NOBODY if ticket.assignee is None else PEOPLE + ticket.assignee,
                    "requester_id": PEOPLE + ticket.requester,
                    "group_id": ticket.group,
                }
                for ticket in self.world.listed()
            ],
            "history": [
                {
                    "id": row["id"],
                    "ticket_id": int(row["ObjectId"]),
                    "type": row["Type"],
                    "new_value": row["NewValue"] or None,
                    "is_public": row["Type"] in ("Create", "Correspond"),
                }
                for row in self._history()
                if row["Type"] != "EmailRecord" and (self.sees_comments or row["Type"] != "Comment")
            ],
            "status_changes": [
                {
                    "id": row["id"],
                    "ticket_id": int(row["ObjectId"]),
                    "old_status": row["OldValue"],
                    "new_status": row["NewValue"],
                }
                for row in self._history()
                if row["Type"] == "Status"
            ],
            "users": [
                {"id": row["id"], "name": row["Name"], "email": row["EmailAddress"] or None}
                for row in self._people()
            ],
            "queues": [
                {"id": group.number, "name": group.name, "description": None}
                for group in self.world.groups
            ],
        }


def _change(number: int, ticket: Ticket, kind: str, author: int, at: datetime) -> Values:
    return {
        "id": number,
        "ObjectType": "RT::Ticket",
        "ObjectId": str(ticket.number),
        "Type": kind,
        "Field": "",
        "OldValue": "",
        "NewValue": "",
        "Creator": _user(author),
        "Created": spelled(at),
        "TimeTaken": "0",
    }


def _user(number: int) -> Values:
    name = {SYSTEM: "RT_System", NOBODY: "Nobody"}.get(number, f"person{number - PEOPLE}")
    return {"type": "user", "id": number, "Name": name}


def _read(local: str) -> str:
    """Return a time of a query, which is in the user's time zone, as RT spells it."""
    return spelled(datetime.fromisoformat(local).replace(tzinfo=ZONE))


def _page(
    kind: str,
    rows: list[Values],
    request: Request,
    *,
    has_total: bool = True,
    sees: Callable[[Values], bool] = lambda row: True,
) -> Response:
    """Return a page without the rows that the user has no access to, which is then shorter."""
    query = request.query_params
    size = min(int(query.get("per_page", 20)) or 20, 100)
    number = int(query.get("page", 1)) or 1
    fields = query["fields"].split(",") if "fields" in query else []
    items = [
        {
            "type": kind,
            "id": str(row["id"]),
            **{name: _named(row[name], name, query) for name in fields if name in row},
        }
        for row in rows[(number - 1) * size : number * size]
        if sees(row)
    ]
    return JSONResponse(
        {
            "count": len(items),
            "page": number,
            "per_page": size,
            "pages": -(-len(rows) // size) if has_total else None,
            "total": len(rows) if has_total else None,
            "items": items,
        }
    )


def _named(value: Any, name: str, query: Mapping[str, str]) -> Any:
    """Return a value; an object has only the requested fields."""
    if isinstance(value, list):
        return [_named(each, name, query) for each in value]
    if not isinstance(value, dict):
        return value
    wanted = query.get(f"fields[{name}]", "").split(",")
    shown = {"type": value["type"], "id": value["Name"]}
    return shown | {field: value[field] for field in wanted if field in value}
