"""Jira Service Management Data Center, according to its documentation.

Special behavior:

- A date in JQL has a resolution of one minute and is in the user's time zone; a number of
  milliseconds since 1970 is exact.
- ``search`` limits ``maxResults`` (a setting of the site, 100 here), and counts beyond the end.
- An issue contains all of its comments, but at most 20 work logs.
- Lists of the service desk require the header ``X-ExperimentalApi: opt-in`` (412 without), and have
  ``isLastPage`` instead of a total. Issues that are not customer requests have no SLAs: 404.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors import jira
from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Ticket

KEY = "pat-planted-7Qx9"
ZONE = "Europe/Berlin"
MOST = 100


class JiraDataCenter(StandIn):
    """The server of a Jira Data Center."""

    profile: ClassVar[str] = "jira_service_management"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": KEY}

    def is_allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {KEY}"

    def routes(self) -> Sequence[Route]:
        return [
            Route("/rest/api/2/search", self._search),
            Route("/rest/api/2/issue/{id}", self._one),
            Route("/rest/api/2/project", self._projects),
            Route("/rest/api/2/status", self._statuses),
            Route("/rest/api/2/field", self._fields),
            Route("/rest/servicedeskapi/request/{id}/sla", self._slas),
            Route("/rest/servicedeskapi/organization", self._organizations),
        ]

    @property
    def _people(self) -> dict[int, dict[str, Any]]:
        return {
            person.number: {**jira.person(person, "key"), "emailAddress": person.email}
            for person in self.world.people
        }

    def _search(self, request: Request) -> Response:
        asked = request.query_params
        try:
            query = jira.search(asked.get("jql", ""), ZONE)
        except jira.JqlError as error:
            return jira.errors(str(error))
        issues = jira.found(self.world.listed(), query)
        start = jira.number(asked.get("startAt"), 0)
        size = min(jira.number(asked.get("maxResults"), 50), MOST)
        fields, expand = asked.get("fields", "*navigable"), asked.get("expand", "")
        return JSONResponse(
            {
                "startAt": start,
                "maxResults": size,
                "total": len(issues),
                "issues": [
                    self._issue(ticket, fields, expand) for ticket in issues[start : start + size]
                ],
            }
        )

    def _one(self, request: Request) -> Response:
        ticket = self.world.tickets.get(int(request.path_params["id"]) - jira.ISSUE_BASE)
        if ticket is None or ticket.is_deleted:
            return jira.errors("Issue Does Not Exist", status_code=404)
        asked = request.query_params
        fields, expand = asked.get("fields", "*all"), asked.get("expand", "")
        return JSONResponse(self._issue(ticket, fields, expand))

    def _issue(self, ticket: Ticket, fields: str, expand: str) -> dict[str, Any]:
        people = self._people
        row = jira.issue(ticket, ZONE, user=people, fields=fields)
        asked = fields.split(",")
        if "comment" in asked or ("*all" in asked and "-comment" not in asked):
            comments = [jira.comment(each, ZONE, people) for each in ticket.comments]
            count = len(comments)
            row["fields"]["comment"] = {
                "comments": comments,
                "maxResults": count,
                "total": count,
                "startAt": 0,
            }
        if "changelog" in expand.split(","):
            histories = [jira.history(each, ZONE, people) for each in ticket.history]
            row["changelog"] = {
                "startAt": 0,
                "maxResults": len(histories),
                "total": len(histories),
                "histories": histories,
            }
        return row

    def _projects(self, request: Request) -> Response:
        rows = [{"id": "10000", "key": "IT", "name": "IT", "projectTypeKey": "service_desk"}]
        return JSONResponse(rows)

    def _statuses(self, request: Request) -> Response:
        return JSONResponse([jira.status(state) for state in jira.STATUSES])

    def _fields(self, request: Request) -> Response:
        return JSONResponse([{"id": "summary", "name": "Summary", "custom": False}])

    def has_request(self, ticket: Ticket) -> bool:
        """Return whether an issue is a customer request: all but every tenth are."""
        return ticket.number % 10 != 0

    def _slas(self, request: Request) -> Response:
        ticket = self.world.tickets.get(int(request.path_params["id"]) - jira.ISSUE_BASE)
        if ticket is None or ticket.is_deleted or not self.has_request(ticket):
            return JSONResponse({"errorMessage": "Issue does not exist."}, status_code=404)
        return self._service_desk(request, [jira.sla(ticket)])

    def _organizations(self, request: Request) -> Response:
        rows = [{"id": str(each.number), "name": each.name} for each in self.world.organizations]
        return self._service_desk(request, rows)

    def _service_desk(self, request: Request, rows: Sequence[Any]) -> Response:
        if request.headers.get("x-experimentalapi") != "opt-in":
            return JSONResponse({"errorMessage": "This API is experimental."}, status_code=412)
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
                    "_issues_id": jira.ISSUE_BASE + ticket.number,
                    "ticket_id": jira.ISSUE_BASE + ticket.number,
                    "id": 20_000 + comment.number,
                    "author_id": jira.user_id(comment.author),
                    "body": comment.body,
                    "created_at": comment.created_at,
                }
                for ticket in tickets
                for comment in ticket.comments
            ],
            "changelogs": [
                {
                    "_issues_id": jira.ISSUE_BASE + ticket.number,
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
                    "_histories_id": str(30_000 + change.number),
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
            "organizations": [
                {"id": each.number, "name": each.name} for each in self.world.organizations
            ],
            "projects": [{"id": 10000, "key": "IT"}],
            "statuses": [
                {"id": int(key), "name": name, "category": category}
                for key, name, category in jira.STATUSES.values()
            ],
            "issue_fields": [{"id": "summary", "name": "Summary"}],
        }
