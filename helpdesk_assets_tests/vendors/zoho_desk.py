"""Zoho Desk, according to the documentation and the OpenAPI description of its API.

Special behavior:

- Tokens are issued by another host than the API, one for each data center; the response to an
  invalid refresh token is 200 with an ``error``. A token is sent as ``Zoho-oauthtoken``, and a
  request without the header ``orgId`` is rejected.
- For an empty list, and past the end, the response is 204, without a body.
- ``limit`` is at most 100 (200 for agents); ``from`` starts at 0 and is at most 999 in a search.
  Higher values and unknown parameters are rejected.
- Only a search has ``modifiedTimeRange`` and a ``count``.
- Tickets that are spam or in the recycle bin are not in any list.
- A conversation has threads, with a summary, and comments, with their text; their fields differ.
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
from helpdesk_assets_tests.vendors.world import Comment, State, Ticket

CLIENT, SECRET, REFRESH = "1000.planted-3Kd", "zoho-planted-8Wm", "1000.refresh-planted-4Rf"
TOKEN, ORG = "1000.access-planted-5Hz", "2389290"
# Names of statuses can be chosen, their types cannot.
STATUSES: Mapping[State, tuple[str, str]] = {
    "new": ("Open", "Open"),
    "open": ("Being looked at", "Open"),
    "pending": ("On Hold", "On Hold"),
    "solved": ("Sorted out", "Closed"),
    "closed": ("Closed", "Closed"),
}
# Ids are long numbers, sent as texts.
TICKETS, COMMENTS, PEOPLE, GROUPS, ACCOUNTS = (
    1892000000100000 + kind * 1_000_000 for kind in range(5)
)
MOST_FROM = 999
RANGE = re.compile(r"(\S+?\.000Z),(\S+?\.000Z)")


@dataclass
class ZohoDesk(StandIn):
    """The server of a Zoho Desk organization, and of its accounts.

    Attributes:
        tokens: the access tokens that are valid.
    """

    profile: ClassVar[str] = "zoho_desk"
    secrets: ClassVar[Mapping[str, str]] = {
        "ZOHO_CLIENT_ID": CLIENT,
        "ZOHO_CLIENT_SECRET": SECRET,
        "ZOHO_REFRESH_TOKEN": REFRESH,
        "ZOHO_ORG_ID": ORG,
    }

    tokens: set[str] = field(default_factory=set)

    def environment(self) -> Mapping[str, str]:
        return {**self.secrets, "ZOHO_ACCOUNTS_URL": self.base_url}

    def open_paths(self) -> Sequence[str]:
        return ["/oauth/v2/token"]

    def is_allowed(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Zoho-oauthtoken" and token in self.tokens

    def refused(self) -> Response:
        return _error("INVALID_OAUTH", "The OAuth Token you provided is invalid.", 401)

    def routes(self) -> Sequence[Route]:
        return [
            Route("/oauth/v2/token", self._token, methods=["POST"]),
            Route("/api/v1/tickets/search", self._tickets),
            Route("/api/v1/tickets/{id}/conversations", self._conversations),
            Route("/api/v1/tickets/{id}/metrics", self._metrics),
            Route("/api/v1/contacts/search", self._contacts),
            Route("/api/v1/accounts/search", self._accounts),
            Route("/api/v1/agents", self._agents),
            Route("/api/v1/departments", self._departments),
            Route("/api/v1/teams", self._teams),
        ]

    async def _token(self, request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        form |= dict(request.query_params)
        wanted = ("refresh_token", CLIENT, SECRET, REFRESH)
        names = ("grant_type", "client_id", "client_secret", "refresh_token")
        if tuple(form.get(name) for name in names) != wanted:
            return JSONResponse({"error": "invalid_code"})
        token = f"{TOKEN}{len(self.asked)}"
        self.tokens.add(token)
        return JSONResponse(
            {
                "access_token": token,
                "api_domain": "https://www.zohoapis.com",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        )

    def _tickets(self, request: Request) -> Response:
        rows = [(ticket.updated_at, _ticket(ticket)) for ticket in self.world.listed()]
        return self._search(request, rows)

    def _contacts(self, request: Request) -> Response:
        rows = [
            (
                person.created_at,
                {
                    "id": str(PEOPLE + person.number),
                    "firstName": person.name.split()[0],
                    "lastName": person.name.split()[1],
                    "email": person.email,
                    "accountId": None,
                    "createdTime": _time(person.created_at),
                    "modifiedTime": _time(person.created_at),
                },
            )
            for person in self.world.customers
        ]
        return self._search(request, rows)

    def _accounts(self, request: Request) -> Response:
        rows = [
            (
                each.created_at,
                {
                    "id": str(ACCOUNTS + each.number),
                    "accountName": each.name,
                    "createdTime": _time(each.created_at),
                    "modifiedTime": _time(each.created_at),
                },
            )
            for each in self.world.organizations
        ]
        return self._search(request, rows)

    def _search(self, request: Request, rows: list[tuple[datetime, dict[str, Any]]]) -> Response:
        known = {"modifiedTimeRange", "createdTimeRange", "sortBy", "from", "limit"}
        if refusal := _refusal(request, known=known, most=100, most_from=MOST_FROM):
            return refusal
        asked = request.query_params
        for name, field_name in (("modifiedTimeRange", None), ("createdTimeRange", "createdTime")):
            if name in asked:
                found = RANGE.fullmatch(asked[name])
                if found is None:
                    return _error("UNPROCESSABLE_ENTITY", f"The value of '{name}' is invalid.", 422)
                first, last = (_read(text) for text in found.groups())
                rows = [
                    (at, row)
                    for at, row in rows
                    if first <= (_read(row[field_name]) if field_name else at) <= last
                ]
        if not known & {"modifiedTimeRange", "createdTimeRange"} & set(asked):
            return _error("UNPROCESSABLE_ENTITY", "At least one search parameter is required.", 422)
        order = asked.get("sortBy", "relevance")
        if order == "modifiedTime":
            rows = sorted(rows, key=lambda pair: (pair[0], pair[1]["id"]))
        elif order == "createdTime":
            rows = sorted(rows, key=lambda pair: (pair[1]["createdTime"], pair[1]["id"]))
        return _page(request, [row for _, row in rows], is_counted=True, default=10)

    def _of(self, request: Request) -> Ticket | None:
        ticket = self.world.tickets.get(int(request.path_params["id"]) - TICKETS)
        return None if ticket is None or ticket.is_deleted or ticket.is_spam else ticket

    def _conversations(self, request: Request) -> Response:
        ticket = self._of(request)
        if ticket is None:
            return _error("URL_NOT_FOUND", "The URL you requested could not be found.", 404)
        if refusal := _refusal(request, known={"from", "limit"}, most=100):
            return refusal
        rows = [self._said(comment) for comment in reversed(ticket.comments)]
        return _page(request, rows, default=50)

    def _said(self, comment: Comment) -> dict[str, Any]:
        author = self.world.person(comment.author)
        named = {"id": str(PEOPLE + author.number), "name": author.name, "email": author.email}
        key = str(COMMENTS + comment.number)
        if comment.is_public:
            return {
                "id": key,
                "type": "thread",
                "channel": "EMAIL",
                "direction": "out" if author.is_agent else "in",
                "visibility": "public",
                "summary": comment.body[:100],
                "author": {**named, "type": "AGENT" if author.is_agent else "END_USER"},
                "createdTime": _time(comment.created_at),
                "isForward": False,
            }
        return {
            "id": key,
            "type": "comment",
            "content": comment.body,
            "contentType": "html",
            "isPublic": False,
            "commenterId": named["id"],
            "commenter": named,
            "commentedTime": _time(comment.created_at),
            "modifiedTime": None,
        }

    def _metrics(self, request: Request) -> Response:
        ticket = self._of(request)
        if ticket is None:
            return _error("URL_NOT_FOUND", "The URL you requested could not be found.", 404)
        return JSONResponse(
            {
                "firstResponseTime": "00:12 hrs",
                "totalResponseTime": "01:10 hrs",
                "resolutionTime": "12:30 hrs" if ticket.solved_at else None,
                "threadCount": str(len(ticket.comments)),
                "reopenCount": "0",
                "reassignCount": "1",
                "stagingData": [],
                "agentsHandled": [],
            }
        )

    def _agents(self, request: Request) -> Response:
        if refusal := _refusal(request, known={"from", "limit", "sortOrder"}, most=200):
            return refusal
        rows = [
            {
                "id": str(PEOPLE + agent.number),
                "name": agent.name,
                "emailId": agent.email,
                "status": "ACTIVE",
                "roleId": "1892000000000001",
                "associatedDepartmentIds": [str(GROUPS + 1)],
            }
            for agent in self.world.agents
        ]
        return _page(request, rows, default=10)

    def _departments(self, request: Request) -> Response:
        if refusal := _refusal(request, known={"from", "limit", "isEnabled"}, most=200):
            return refusal
        rows = [
            {"id": str(GROUPS + each.number), "name": each.name, "isEnabled": True}
            for each in self.world.groups
        ]
        return _page(request, rows, default=50)

    def _teams(self, request: Request) -> Response:
        """Return all teams at once: this list has no pages."""
        if refusal := _refusal(request, known=set(), most=0):
            return refusal
        return JSONResponse({"teams": [{"id": str(GROUPS + 500), "name": "Second line"}]})

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        tickets = world.listed()
        return {
            "help_desk_tickets": [
                {
                    "id": TICKETS + ticket.number,
                    "number": str(ticket.number),
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state][0],
                    "status_type": STATUSES[ticket.state][1],
                    "priority": ticket.priority,
                    "channel": ticket.channel,
                    "requester_id": PEOPLE + ticket.requester,
                    "assignee_id": ticket.assignee and PEOPLE + ticket.assignee,
                    "group_id": GROUPS + ticket.group,
                    "organization_id": ACCOUNTS + ticket.organization,
                    "created_at": ticket.created_at,
                    "updated_at": ticket.updated_at,
                }
                for ticket in tickets
            ],
            "conversations": [
                {
                    "_help_desk_tickets_id": TICKETS + ticket.number,
                    "id": COMMENTS + comment.number,
                    "type": "thread" if comment.is_public else "comment",
                    "created_at": comment.created_at if comment.is_public else None,
                    "commented_at": None if comment.is_public else comment.created_at,
                    "body": None if comment.is_public else comment.body,
                    "ticket_id": TICKETS + ticket.number,
                    "is_public": comment.is_public,
                    "author_role": "agent" if world.person(comment.author).is_agent else "customer",
                }
                for ticket in tickets
                for comment in ticket.comments
            ],
            "metrics": [
                {
                    "_help_desk_tickets_id": TICKETS + ticket.number,
                    "first_response_time": "00:12 hrs",
                    "resolution_time": "12:30 hrs" if ticket.solved_at else None,
                }
                for ticket in tickets
            ],
            "contacts": [
                {"id": PEOPLE + each.number, "email": each.email} for each in world.customers
            ],
            "accounts": [
                {"id": ACCOUNTS + each.number, "name": each.name} for each in world.organizations
            ],
            "agents": [
                {"id": PEOPLE + each.number, "name": each.name, "email": each.email}
                for each in world.agents
            ],
            "departments": [
                {"id": GROUPS + each.number, "name": each.name} for each in world.groups
            ],
            "teams": [{"id": GROUPS + 500, "name": "Second line"}],
        }


def _ticket(ticket: Ticket) -> dict[str, Any]:
    status, kind = STATUSES[ticket.state]
    return {
        "id": str(TICKETS + ticket.number),
        "ticketNumber": str(ticket.number),
        "webUrl": f"https://desk.zoho.example/support/ShowHomePage.do#Cases/dv/{ticket.number}",
        "subject": ticket.subject,
        "description": ticket.comments[0].body,
        "status": status,
        "statusType": kind,
        "priority": ticket.priority,
        "channel": ticket.channel,
        "category": ticket.type,
        "classification": None,
        "contactId": str(PEOPLE + ticket.requester),
        "contact": {
            "id": str(PEOPLE + ticket.requester),
            "account": {"id": str(ACCOUNTS + ticket.organization), "accountName": "An account"},
        },
        "assigneeId": str(PEOPLE + ticket.assignee) if ticket.assignee else None,
        "departmentId": str(GROUPS + ticket.group),
        "teamId": None,
        "isSpam": False,
        "isEscalated": False,
        "createdTime": _time(ticket.created_at),
        "modifiedTime": _time(ticket.updated_at),
        "closedTime": _time(ticket.updated_at) if kind == "Closed" else None,
        "dueDate": None,
        "cf": {"cf_severitypercentage": "0.0"},
    }


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _read(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.000Z").replace(tzinfo=timezone.utc)


def _error(code: str, message: str, status_code: int) -> Response:
    return JSONResponse({"errorCode": code, "message": message}, status_code=status_code)


def _refusal(
    request: Request, *, known: set[str], most: int, most_from: int | None = None
) -> Response | None:
    """Return the response to a request that Zoho Desk would reject; None for others."""
    asked = request.query_params
    if request.headers.get("orgid") != ORG:
        return _error("OAUTH_ORG_MISMATCH", "The orgId is missing, or of another portal.", 403)
    for name in asked:
        if name not in known:
            message = f"Extra query parameter '{name}' is present in the input."
            return _error("UNPROCESSABLE_ENTITY", message, 422)
    limit, start = int(asked.get("limit", 1)), int(asked.get("from", 0))
    if known and not 1 <= limit <= most:
        message = f"The value passed for field 'limit' exceeds the range of '1-{most}'."
        return _error("UNPROCESSABLE_ENTITY", message, 422)
    if start < 0 or (most_from is not None and start > most_from):
        message = f"The value passed for field 'from' exceeds the range of '0-{most_from}'."
        return _error("UNPROCESSABLE_ENTITY", message, 422)
    return None


def _page(
    request: Request, rows: Sequence[dict[str, Any]], *, default: int, is_counted: bool = False
) -> Response:
    start = int(request.query_params.get("from", 0))
    limit = int(request.query_params.get("limit", default))
    page = rows[start : start + limit]
    if not page:
        return Response(status_code=204)
    return JSONResponse({"data": page, **({"count": len(rows)} if is_counted else {})})
