"""Jira Service Management Cloud, according to its documentation.

Special behavior:

- ``/rest/api/2/search`` and ``/rest/api/3/search`` return 410. Their successor, ``search/jql``,
  reports no total, has an opaque token for the next page, and sends only ids unless ``fields`` are
  requested; pages with other fields have at most 100 issues. A query without a restriction is
  rejected.
- A date in JQL has a resolution of one minute and is in the user's time zone, here far from UTC. A
  number of milliseconds since 1970 is exact.
- ``search/jql`` sends at most 20 comments and 40 changes of an issue.
- Issues that are not customer requests (created by an agent, without a request type) have no SLAs:
  404.
- Lists of the platform (``startAt``, ``maxResults``) and of the service desk (``start``, ``limit``,
  ``isLastPage``, no total) differ, and limit their page size.
- Texts are documents (ADF) in version 3 of the API, and texts in version 2.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors import jira
from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Ticket

EMAIL, KEY = "agent@planted.example", "ATATT-planted-7Qx9"
ZONE = "America/Los_Angeles"
REQUEST_TYPES = [("101", "Get IT help"), ("102", "Report a problem")]


class JiraCloud(StandIn):
    """The server of a Jira Cloud site."""

    profile: ClassVar[str] = "jira_cloud"
    secrets: ClassVar[Mapping[str, str]] = {"JIRA_EMAIL": EMAIL, "API_KEY": KEY}

    def is_allowed(self, request: Request) -> bool:
        wanted = b64encode(f"{EMAIL}:{KEY}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {wanted}"

    def refused(self) -> Response:
        return Response("Client must be authenticated to access this resource.", status_code=401)

    def routes(self) -> Sequence[Route]:
        return [
            Route("/rest/api/{version:int}/search", self._removed, methods=["GET", "POST"]),
            Route("/rest/api/{version:int}/search/jql", self._search),
            Route("/rest/api/{version:int}/issue/{id}/comment", self._comments),
            Route("/rest/api/{version:int}/issue/{id}/changelog", self._changelog),
            Route("/rest/api/{version:int}/users/search", self._users),
            Route("/rest/api/{version:int}/group/bulk", self._groups),
            Route("/rest/api/{version:int}/project/search", self._projects),
            Route("/rest/api/{version:int}/status", self._statuses),
            Route("/rest/api/{version:int}/field", self._fields),
            Route("/rest/servicedeskapi/request/{id}/sla", self._slas),
            Route("/rest/servicedeskapi/organization", self._organizations),
            Route("/rest/servicedeskapi/requesttype", self._request_types),
        ]

    @property
    def _people(self) -> dict[int, dict[str, Any]]:
        return {
            person.number: {
                **jira.person(person, "accountId"),
                "accountType": "atlassian" if person.is_agent else "customer",
                "emailAddress": person.email,
            }
            for person in self.world.people
        }

    def _removed(self, request: Request) -> Response:
        return jira.errors(
            "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.",
            status_code=410,
        )

    def _search(self, request: Request) -> Response:
        asked = request.query_params
        try:
            query = jira.search(asked.get("jql", ""), ZONE)
        except jira.JqlError as error:
            return jira.errors(str(error))
        if not query.is_bounded:
            return jira.errors(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to "
                "your query."
            )
        fields = asked.get("fields", "id")
        size = jira.number(asked.get("maxResults"), 50)
        size = min(size, 5000 if fields in ("id", "key") else 100)
        issues = jira.found(self.world.listed(), query)
        # The token is the position of the last issue that was sent.
        after = _place(asked["nextPageToken"]) if "nextPageToken" in asked else None
        if "nextPageToken" in asked and after is None:
            return jira.errors("The provided nextPageToken is invalid or has expired.")
        rest = [ticket for ticket in issues if after is None or _key(ticket, query) > after]
        page = rest[:size]
        more = len(rest) > size
        return JSONResponse(
            {
                "issues": [self._issue(ticket, fields, asked) for ticket in page],
                **({"nextPageToken": _token(_key(page[-1], query))} if more else {}),
                "isLast": not more,
            }
        )

    def _issue(self, ticket: Ticket, fields: str, asked: Mapping[str, str]) -> dict[str, Any]:
        row = jira.issue(ticket, ZONE, user=self._people, fields=fields)
        if "comment" in fields.split(",") or ("*all" in fields and "-comment" not in fields):
            comments = [self._comment(each) for each in ticket.comments[:20]]
            row["fields"]["comment"] = {"comments": comments, "total": len(ticket.comments)}
        if "changelog" in asked.get("expand", ""):
            histories = [jira.history(each, ZONE, self._people) for each in ticket.history[-40:]]
            row["changelog"] = {"histories": histories, "total": len(ticket.history)}
        if "request.channel.type" in asked.get("properties", ""):
            row["properties"] = {"request.channel.type": {"value": ticket.channel}}
        if fields == "id":
            del row["fields"], row["key"]
        return row

    def _comment(self, of: Any) -> dict[str, Any]:
        return {**jira.comment(of, ZONE, self._people), "jsdPublic": of.is_public}

    def _ticket(self, request: Request) -> Ticket | None:
        ticket = self.world.tickets.get(int(request.path_params["id"]) - jira.ISSUE_BASE)
        return None if ticket is None or ticket.is_deleted else ticket

    def _comments(self, request: Request) -> Response:
        ticket = self._ticket(request)
        if ticket is None:
            return _no_issue()
        rows = [self._comment(each) for each in ticket.comments]
        if request.path_params["version"] == 3:
            rows = [{**row, "body": {"type": "doc", "version": 1, "content": []}} for row in rows]
        return _platform(request, rows, "comments", default=100, most=100)

    def _changelog(self, request: Request) -> Response:
        ticket = self._ticket(request)
        if ticket is None:
            return _no_issue()
        rows = [jira.history(each, ZONE, self._people) for each in ticket.history]
        return _platform(request, rows, "values", default=100, most=100)

    def _users(self, request: Request) -> Response:
        asked = request.query_params
        start = jira.number(asked.get("startAt"), 0)
        size = min(jira.number(asked.get("maxResults"), 50), 1000)
        return JSONResponse(list(self._people.values())[start : start + size])

    def _groups(self, request: Request) -> Response:
        rows = [
            {"name": group.name, "groupId": f"group-{group.number}"} for group in self.world.groups
        ]
        return _platform(request, rows, "values", default=50, most=1000)

    def _projects(self, request: Request) -> Response:
        rows = [{"id": "10000", "key": "IT", "name": "IT", "projectTypeKey": "service_desk"}]
        return _platform(request, rows, "values", default=50, most=100)

    def _statuses(self, request: Request) -> Response:
        return JSONResponse([jira.status(state) for state in jira.STATUSES])

    def _fields(self, request: Request) -> Response:
        return JSONResponse(
            [
                {"id": "summary", "name": "Summary", "custom": False},
                {"id": "customfield_10020", "name": "Time to resolution", "custom": True},
            ]
        )

    def has_request(self, ticket: Ticket) -> bool:
        """Return whether an issue is a customer request: all but every tenth are."""
        return ticket.number % 10 != 0

    def _slas(self, request: Request) -> Response:
        ticket = self._ticket(request)
        if ticket is None or not self.has_request(ticket):
            return JSONResponse({"errorMessage": "Issue does not exist."}, status_code=404)
        return jira.service_desk(request, [jira.sla(ticket)])

    def _organizations(self, request: Request) -> Response:
        rows = [{"id": str(each.number), "name": each.name} for each in self.world.organizations]
        return jira.service_desk(request, rows)

    def _request_types(self, request: Request) -> Response:
        rows = [{"id": key, "name": name, "serviceDeskId": "1"} for key, name in REQUEST_TYPES]
        return jira.service_desk(request, rows)

    def expected(self) -> Mapping[str, Sequence[Row]]:
        tickets = self.world.listed()
        return {
            "help_desk_tickets": [
                {
                    "id": jira.ISSUE_BASE + ticket.number,
                    "subject": ticket.subject,
                    "status": jira.STATUSES[ticket.state][1],
                    "status_category": jira.STATUSES[ticket.state][2],
                    "priority": ticket.priority,
                    "type": ticket.type,
                    "channel": ticket.channel,
                    "requester_id": jira.user_id(ticket.requester),
                    "assignee_id": ticket.assignee and jira.user_id(ticket.assignee),
                    "created_at": ticket.created_at,
                    "updated_at": ticket.updated_at,
                    "solved_at": ticket.solved_at,
                    "tags": jira.labels(ticket),
                }
                for ticket in tickets
            ],
            "comments": [
                {
                    "_help_desk_tickets_id": jira.ISSUE_BASE + ticket.number,
                    "id": 20_000 + comment.number,
                    "author_id": jira.user_id(comment.author),
                    "is_public": comment.is_public,
                    "ticket_id": jira.ISSUE_BASE + ticket.number,
                    "author_role": "agent"
                    if self.world.person(comment.author).is_agent
                    else "customer",
                    "body": comment.body,
                    "created_at": comment.created_at,
                }
                for ticket, comment in self.world.comments()
                if not ticket.is_spam and not ticket.is_deleted
            ],
            "changelogs": [
                {
                    "_help_desk_tickets_id": jira.ISSUE_BASE + ticket.number,
                    "id": 30_000 + change.number,
                    "author_id": jira.user_id(change.author),
                    "created_at": change.at,
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "status_changes": [
                {
                    "ticket_id": jira.ISSUE_BASE + ticket.number,
                    "_values_id": 30_000 + change.number,
                    "old_status": jira.STATUSES[change.before][1],
                    "new_status": jira.STATUSES[change.after][1],
                    "changed_at": change.at,
                }
                for ticket in tickets
                for change in ticket.history
            ],
            "slas": [
                {
                    "_help_desk_tickets_id": jira.ISSUE_BASE + ticket.number,
                    "id": "1",
                    "name": "Time to resolution",
                }
                for ticket in tickets
                if self.has_request(ticket)
            ],
            "users": [
                {"id": jira.user_id(each.number), "name": each.name, "email": each.email}
                for each in self.world.people
            ],
            "groups": [
                {"id": f"group-{each.number}", "name": each.name} for each in self.world.groups
            ],
            "organizations": [
                {"id": each.number, "name": each.name} for each in self.world.organizations
            ],
            "projects": [{"id": 10000, "key": "IT"}],
            "request_types": [{"id": int(key), "name": name} for key, name in REQUEST_TYPES],
            "statuses": [
                {"id": int(key), "name": name, "category": category}
                for key, name, category in jira.STATUSES.values()
            ],
            "issue_fields": [
                {"id": "customfield_10020", "name": "Time to resolution"},
                {"id": "summary", "name": "Summary"},
            ],
        }


def _key(ticket: Ticket, query: jira.Search) -> tuple[float, int]:
    at = ticket.updated_at if query.order.startswith("updated") else ticket.created_at
    return at.timestamp(), ticket.number


def _token(place: tuple[float, int]) -> str:
    return f"{place[0]}|{place[1]}".encode().hex()


def _place(token: str) -> tuple[float, int] | None:
    try:
        at, _, number = bytes.fromhex(token).decode().partition("|")
        return float(at), int(number)
    except ValueError:
        return None


def _no_issue() -> Response:
    return jira.errors(
        "Issue does not exist or you do not have permission to see it.", status_code=404
    )


def _platform(
    request: Request, rows: Sequence[Any], name: str, *, default: int, most: int
) -> Response:
    """Return a list of the platform."""
    start = jira.number(request.query_params.get("startAt"), 0)
    size = min(jira.number(request.query_params.get("maxResults"), default), most)
    body: dict[str, Any] = {"startAt": start, "maxResults": size, "total": len(rows)}
    if name == "values":
        body["isLast"] = start + size >= len(rows)
    return JSONResponse({**body, name: rows[start : start + size]})
