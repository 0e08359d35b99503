"""Salesforce Service Cloud, according to the documentation of its REST API.

Special behavior:

- Tokens are issued by the same host for client credentials, without a time of expiry.
- ``nextRecordsUrl`` is relative to the host. After ``queryAll``, it contains ``query``, but deleted
  rows are still included. A page may have fewer rows than requested, for no visible reason.
- Errors are a list. An expired session is a 401, too many requests per day a 403.
- A time in a query is not quoted. ``FIELDS(ALL)`` needs a limit of 200; ``FIELDS(STANDARD)`` does
  not, and omits custom fields.
- Deleted rows are only in ``queryAll``, as long as they are in the recycle bin.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, ClassVar
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import State, Ticket

CLIENT, SECRET, TOKEN = "3MVG9-planted-3Kd", "sf-planted-8Wm", "00D!planted-5Hz"
STATUSES: Mapping[State, tuple[str, bool]] = {
    "new": ("New", False),
    "open": ("Working", False),
    "pending": ("Escalated", False),
    "solved": ("Resolved by us", True),
    "closed": ("Closed", True),
}
PREFIXES = {
    "Case": "500",
    "CaseComment": "00a",
    "EmailMessage": "02s",
    "CaseHistory": "017",
    "User": "005",
    "Contact": "003",
    "Account": "001",
    "Group": "00G",
    "CaseStatus": "01J",
}
QUERY = re.compile(
    r"SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<name>\w+)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+ORDER\s+BY\s+(?P<order>.+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?",
    re.I | re.S,
)
CONDITION = re.compile(r"(\w+)\s*(>=|<=|!=|<|>|=)\s*(\S+)")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


class SoqlError(Exception):
    """A query that Salesforce rejects: the code and the message."""


@dataclass
class Salesforce(StandIn):
    """The server of a Salesforce organization.

    Attributes:
        batch: the number of rows per page: at most 2,000 in the documentation.
        sessions: whether the token is still valid.
        cursors: the remaining rows of each query with more rows than a page.
    """

    profile: ClassVar[str] = "salesforce"
    secrets: ClassVar[Mapping[str, str]] = {
        "SALESFORCE_CLIENT_ID": CLIENT,
        "SALESFORCE_CLIENT_SECRET": SECRET,
    }

    batch: int = 50
    sessions: set[str] = field(default_factory=set)
    cursors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def open_paths(self) -> Sequence[str]:
        return ["/services/oauth2/token"]

    def is_allowed(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.sessions

    def refused(self) -> Response:
        return _errors("INVALID_SESSION_ID", "Session expired or invalid", 401)

    def routes(self) -> Sequence[Route]:
        return [
            Route("/services/oauth2/token", self._token, methods=["POST"]),
            Route("/services/data/{version}/query", self._query),
            Route("/services/data/{version}/queryAll", self._query_all),
            Route("/services/data/{version}/query/{cursor}", self._more),
        ]

    async def _token(self, request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        wanted = ("client_credentials", CLIENT, SECRET)
        if (form.get("grant_type"), form.get("client_id"), form.get("client_secret")) != wanted:
            error = {"error": "invalid_client", "error_description": "invalid client credentials"}
            return JSONResponse(error, status_code=400)
        token = f"{TOKEN}{len(self.asked)}"
        self.sessions.add(token)
        return JSONResponse(
            {
                "access_token": token,
                "signature": "planted",
                "scope": "api",
                "instance_url": self.base_url,
                "id": f"{self.base_url}/id/00D/005",
                "token_type": "Bearer",
                "issued_at": "1764125000000",
            }
        )

    def _query(self, request: Request) -> Response:
        rows = [row for row in self._asked_rows(request) if not row.get("IsDeleted")]
        return self._answer(request, rows)

    def _query_all(self, request: Request) -> Response:
        return self._answer(request, self._asked_rows(request))

    def _asked_rows(self, request: Request) -> list[dict[str, Any]]:
        found = QUERY.fullmatch(request.query_params.get("q", "").strip())
        return self._rows(found["name"]) if found else []

    def _answer(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        version = request.path_params["version"]
        if not re.fullmatch(r"v\d\d\.0", version):
            return _errors("NOT_FOUND", "The requested resource does not exist", 404)
        text = request.query_params.get("q", "").strip()
        try:
            records = _select(text, rows, version)
        except SoqlError as error:
            return _errors(error.args[0], error.args[1], 400)
        cursor = f"01g{len(self.cursors):015d}"
        self.cursors[cursor] = records
        return self._page(cursor, 0, version)

    def _more(self, request: Request) -> Response:
        cursor, _, offset = request.path_params["cursor"].partition("-")
        if cursor not in self.cursors or not offset.isdigit():
            return _errors("INVALID_QUERY_LOCATOR", "invalid query locator", 400)
        return self._page(cursor, int(offset), request.path_params["version"])

    def _page(self, cursor: str, offset: int, version: str) -> Response:
        records = self.cursors[cursor]
        end = offset + self.batch
        body: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
        if end < len(records):
            body["nextRecordsUrl"] = f"/services/data/{version}/query/{cursor}-{end}"
        return JSONResponse({**body, "records": records[offset:end]})

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """Return all rows of an object, deleted ones included."""
        world = self.world
        cases = list(world.tickets.values())
        if name == "Case":
            return [_case(ticket) for ticket in cases]
        if name == "CaseComment":
            return [
                {
                    "Id": _id(name, comment.number),
                    "ParentId": _id("Case", ticket.number),
                    "IsPublished": comment.is_public,
                    "CommentBody": comment.body,
                    "IsDeleted": ticket.is_deleted,
                    **_stamps(comment.created_at, by=comment.author),
                }
                for ticket, comment in world.comments()
            ]
        if name == "EmailMessage":
            return [
                {
                    "Id": _id(name, ticket.number),
                    "ParentId": _id("Case", ticket.number) if ticket.number % 4 else None,
                    "Subject": ticket.subject,
                    "FromAddress": world.person(ticket.requester).email,
                    "ToAddress": "support@planted.example",
                    "CcAddress": None,
                    "Incoming": True,
                    "Status": "1",
                    "TextBody": ticket.comments[0].body,
                    "HasAttachment": False,
                    "MessageDate": _time(ticket.created_at),
                    "IsDeleted": ticket.is_deleted,
                    **_stamps(ticket.created_at, by=ticket.requester),
                }
                for ticket in cases
                if ticket.channel == "email"
            ]
        if name == "CaseHistory":
            return [
                {
                    "Id": _id(name, change.number),
                    "CaseId": _id("Case", ticket.number),
                    "Field": "Status",
                    "DataType": "DynamicEnum",
                    "OldValue": STATUSES[change.before][0],
                    "NewValue": STATUSES[change.after][0],
                    "IsDeleted": ticket.is_deleted,
                    "CreatedById": _id("User", change.author),
                    "CreatedDate": _time(change.at),
                }
                for ticket in cases
                for change in ticket.history
            ]
        if name == "User":
            return [
                {
                    "Id": _id(name, agent.number),
                    "Username": agent.email,
                    "Name": agent.name,
                    "Email": agent.email,
                    "IsActive": True,
                    "UserType": "Standard",
                    "Title": None,
                    "Department": None,
                    **_stamps(agent.created_at, by=1),
                }
                for agent in world.agents
            ]
        if name == "Contact":
            return [
                {
                    "Id": _id(name, customer.number),
                    "AccountId": None,
                    "Name": customer.name,
                    "Email": customer.email,
                    "IsDeleted": False,
                    **_stamps(customer.created_at, by=1),
                }
                for customer in world.customers
            ]
        if name == "Account":
            return [
                {
                    "Id": _id(name, each.number),
                    "Name": each.name,
                    "Type": None,
                    "Industry": None,
                    "IsDeleted": False,
                    **_stamps(each.created_at, by=1),
                }
                for each in world.organizations
            ]
        if name == "Group":
            queues = [
                {
                    "Id": _id(name, each.number),
                    "Name": each.name,
                    "DeveloperName": f"Group_{each.number}",
                    "Type": "Queue",
                    "Email": None,
                    **_stamps(each.created_at, by=1),
                }
                for each in world.groups
            ]
            return [*queues, {**queues[0], "Id": _id(name, 99), "Type": "Role"}]
        if name == "CaseStatus":
            return [
                {
                    "Id": _id(name, place),
                    "MasterLabel": label,
                    "ApiName": label,
                    "IsClosed": is_closed,
                    "IsDefault": place == 1,
                    "SortOrder": place,
                    **_stamps(world.began, by=1),
                }
                for place, (label, is_closed) in enumerate(STATUSES.values(), 1)
            ]
        return []

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        tickets = [ticket for ticket in world.tickets.values() if not ticket.is_deleted]
        return {
            "help_desk_tickets": [
                {
                    "id": _id("Case", ticket.number),
                    "number": f"{ticket.number:08d}",
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state][0],
                    "is_closed": STATUSES[ticket.state][1],
                    "priority": ticket.priority.title(),
                    "type": ticket.type,
                    "channel": ticket.channel,
                    "requester_id": _id("Contact", ticket.requester),
                    "assignee_id": _owner(ticket),
                    "organization_id": _id("Account", ticket.organization),
                    "created_at": ticket.created_at,
                    "updated_at": ticket.updated_at,
                }
                for ticket in tickets
            ],
            "comments": [
                {
                    "id": _id("CaseComment", comment.number),
                    "ticket_id": _id("Case", ticket.number),
                    "author_id": _id("User", comment.author),
                    "is_public": comment.is_public,
                    "body": comment.body,
                    "created_at": comment.created_at,
                }
                for ticket in tickets
                for comment in ticket.comments
            ],
            "emails": [
                {
                    "id": _id("EmailMessage", ticket.number),
                    "ticket_id": _id("Case", ticket.number),
                    "is_incoming": True,
                    "body": ticket.comments[0].body,
                    "author_role": "customer",
                    "is_public": True,
                }
                for ticket in tickets
                if ticket.channel == "email" and ticket.number % 4
            ],
            "status_changes": [
                {
                    "id": _id("CaseHistory", change.number),
                    "ticket_id": _id("Case", ticket.number),
                    "old_status": STATUSES[change.before][0],
                    "new_status": STATUSES[change.after][0],
                    "changed_at": change.at,
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "changes": [
                {
                    "id": _id("CaseHistory", change.number),
                    "ticket_id": _id("Case", ticket.number),
                    "field": "Status",
                    "old_value": STATUSES[change.before][0],
                    "new_value": STATUSES[change.after][0],
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "users": [
                {"id": _id("User", each.number), "name": each.name, "email": each.email}
                for each in world.agents
            ],
            "contacts": [
                {"id": _id("Contact", each.number), "name": each.name, "email": each.email}
                for each in world.customers
            ],
            "accounts": [
                {"id": _id("Account", each.number), "name": each.name}
                for each in world.organizations
            ],
            "queues": [
                {"id": _id("Group", each.number), "name": each.name} for each in world.groups
            ],
            "statuses": [
                {"id": _id("CaseStatus", place), "name": label, "is_closed": is_closed}
                for place, (label, is_closed) in enumerate(STATUSES.values(), 1)
            ],
        }


def _case(ticket: Ticket) -> dict[str, Any]:
    status, is_closed = STATUSES[ticket.state]
    return {
        "Id": _id("Case", ticket.number),
        "IsDeleted": ticket.is_deleted,
        "CaseNumber": f"{ticket.number:08d}",
        "ContactId": _id("Contact", ticket.requester),
        "AccountId": _id("Account", ticket.organization),
        "OwnerId": _owner(ticket),
        "Subject": ticket.subject,
        "Description": ticket.comments[0].body,
        "Status": status,
        "IsClosed": is_closed,
        "Priority": ticket.priority.title(),
        "Type": ticket.type,
        "Origin": ticket.channel,
        "ClosedDate": _time(ticket.updated_at) if is_closed else None,
        **_stamps(ticket.created_at, by=ticket.requester, modified=ticket.updated_at),
        "Planted__c": "custom",
    }


def _owner(ticket: Ticket) -> str:
    """Return the owner of a case: an agent, or the queue of the group."""
    return _id("User", ticket.assignee) if ticket.assignee else _id("Group", ticket.group)


def _stamps(created: datetime, *, by: int, modified: datetime | None = None) -> dict[str, Any]:
    return {
        "CreatedById": _id("User", by),
        "CreatedDate": _time(created),
        "LastModifiedDate": _time(modified or created),
        "SystemModstamp": _time(modified or created),
    }


def _id(name: str, number: int) -> str:
    """Return an id of 18 characters."""
    return f"{PREFIXES[name]}{number:012d}AAA"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _errors(code: str, message: str, status_code: int) -> Response:
    return JSONResponse([{"message": message, "errorCode": code}], status_code=status_code)


def _select(text: str, rows: list[dict[str, Any]], version: str) -> list[dict[str, Any]]:
    """Return the records that match a query.

    Raises:
        SoqlError: Salesforce would reject it.
    """
    query = QUERY.fullmatch(text)
    if query is None:
        raise SoqlError("MALFORMED_QUERY", "unexpected token")
    name = query["name"]
    if name not in PREFIXES:
        raise SoqlError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    names = [each.strip() for each in query["fields"].split(",")]
    if "FIELDS(ALL)" in names and int(query["limit"] or 10**9) > 200:
        raise SoqlError(
            "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"
        )
    known = list(rows[0]) if rows else names
    if names == ["FIELDS(STANDARD)"]:
        names = [each for each in known if not each.endswith("__c")]
    order = [each.strip().removesuffix(" ASC") for each in (query["order"] or "").split(",")]
    conditions = [
        CONDITION.fullmatch(each.strip())
        for each in re.split(r"\s+AND\s+", query["where"] or "", flags=re.I)
        if each
    ]
    used = [each[1] for each in conditions if each]
    for unknown in {*names, *used, *filter(None, order)} - set(known):
        raise SoqlError("INVALID_FIELD", f"No such column '{unknown}' on entity '{name}'.")
    if None in conditions:
        raise SoqlError("MALFORMED_QUERY", "unexpected token in WHERE")
    found = [row for row in rows if all(_holds(row, each) for each in conditions if each)]
    found.sort(key=lambda row: tuple(str(row[each]) for each in order if each))
    return [
        {
            "attributes": {
                "type": name,
                "url": f"/services/data/{version}/sobjects/{name}/{row['Id']}",
            },
            **{each: row[each] for each in names},
        }
        for row in found
    ]


def _holds(row: Mapping[str, Any], condition: re.Match[str]) -> bool:
    name, operator, literal = condition.groups()
    value = row[name]
    if literal == "null":
        return (value is None) == (operator == "=")
    is_time = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value)
    if not is_time:
        wanted = literal.strip("'") if literal.startswith("'") else literal == "true"
        return bool(value == wanted) == (operator == "=")
    if not TIME.fullmatch(literal):
        raise SoqlError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{name}' must be of type dateTime and should not "
            "be enclosed in quotes",
        )
    at = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.000%z")
    limit = datetime.fromisoformat(literal.replace("Z", "+00:00")).astimezone(timezone.utc)
    return {">=": at >= limit, "<=": at <= limit, ">": at > limit, "<": at < limit}[operator]
