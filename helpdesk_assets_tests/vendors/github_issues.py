"""GitHub's issues of one repository, according to the documentation of its REST API.

Special behavior:

- Pull requests are in the list of issues, with the key ``pull_request``.
- The next page of issues is only in the Link header: an ``after`` cursor, together with a page
  number. Requests by page number are rejected with 422 from the 10,000th issue on, according to
  public issue trackers. Lists of comments have only page numbers.
- Links lead to ``/repositories/ID``, not to ``/repos/OWNER/NAME``.
- By default, the list contains only open issues, newest first; pages have at most 100 rows, even if
  more are requested.
- Without access, a private repository is not found (404). Without ``User-Agent``, and with an
  unknown version of the API, requests are rejected.
- When the rate limit is exceeded, the response is 403 or 429.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import TAGS, Change, Comment, Ticket

TOKEN = "github_pat_planted_7Hv2"
REPOSITORY = "/repos/planted/desk"
# The path of links.
BY_NUMBER = "/repositories/1296269"
VERSIONS = ("2022-11-28",)
# The maximum number of rows that can be requested by page number.
NUMBERED = 10_000


def spelled(at: datetime) -> str:
    """Return a time in GitHub's format."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_pull_request(ticket: Ticket) -> bool:
    """Return whether a ticket is a pull request here: every seventh is."""
    return ticket.number % 7 == 0


@dataclass
class GitHubIssues(StandIn):
    """See the module.

    Attributes:
        numbered: the number of issues that can be requested by page number.
    """

    profile: ClassVar[str] = "github_issues"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": TOKEN}
    base_path: ClassVar[str] = REPOSITORY

    numbered: int = NUMBERED

    def routes(self) -> Sequence[Route]:
        lists = {
            "/issues": self._issues,
            "/issues/comments": self._comments,
            "/issues/events": self._events,
            "/labels": self._labels,
            "/milestones": self._milestones,
            "/assignees": self._assignees,
        }
        return [
            Route(f"{start}{path}", answer)
            for start in (REPOSITORY, BY_NUMBER)
            for path, answer in lists.items()
        ]

    def is_allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    def refused(self) -> Response:
        return refusal("Bad credentials", 401)

    async def _issues(self, request: Request) -> Response:
        query = request.query_params
        wanted = query.get("state", "open")
        rows = [
            (ticket.created_at, ticket.updated_at, self._issue(ticket, request))
            for ticket in self.world.listed()
            if wanted in ("all", state_of(ticket))
        ]
        return self._listed(rows, request, has_cursor=True)

    async def _comments(self, request: Request) -> Response:
        rows = [
            (comment.created_at, comment.created_at, self._comment(ticket, comment, request))
            for ticket in self.world.listed()
            for comment in ticket.comments[1:]
        ]
        return self._listed(rows, request)

    async def _events(self, request: Request) -> Response:
        rows = [
            {
                "id": 600_000 + 2 * change.number + (event == "labeled"),
                "event": event,
                "actor": self._user(change.author),
                "created_at": spelled(change.at),
                "issue": self._issue(ticket, request),
            }
            for ticket in self.world.listed()
            for change in ticket.history
            for event in ("labeled", event_of(change))
            if event
        ]
        # Newest first, and no filter.
        return self._page(sorted(rows, key=lambda row: -int(row["id"])), request)

    async def _labels(self, request: Request) -> Response:
        return self._page([label(name) for name in TAGS], request)

    async def _milestones(self, request: Request) -> Response:
        wanted = request.query_params.get("state", "open")
        rows = [row for row in self._all_milestones() if wanted in ("all", row["state"])]
        return self._page(rows, request)

    async def _assignees(self, request: Request) -> Response:
        return self._page([self._user(agent.number) for agent in self.world.agents], request)

    def _listed(
        self,
        rows: list[tuple[datetime, datetime, dict[str, Any]]],
        request: Request,
        *,
        has_cursor: bool = False,
    ) -> Response:
        """Return a page of a list that can be sorted and filtered by time."""
        query = request.query_params
        since = query.get("since")
        if since:
            start = datetime.fromisoformat(since.replace("Z", "+00:00"))
            rows = [row for row in rows if row[1] >= start]
        by_change = query.get("sort", "created") == "updated"
        keyed = [
            ((spelled(updated if by_change else created), row["id"]), row)
            for created, updated, row in rows
        ]
        keyed.sort(key=lambda each: each[0], reverse=query.get("direction", "desc") == "desc")
        if not has_cursor:
            return self._page([row for _, row in keyed], request)
        size = self._size(request)
        if "after" in query:
            last = tuple(json.loads(urlsafe_b64decode(query["after"]).decode().partition(":")[2]))
            first = sum(key <= last for key, _ in keyed)
            if query.get("direction", "desc") == "desc":
                first = sum(key >= last for key, _ in keyed)
        else:
            number = int(query.get("page", 1))
            if number * size >= self.numbered:
                return refusal(
                    "Pagination with the page parameter is not supported for large datasets, "
                    "please use cursor based pagination (after/before)",
                    422,
                )
            first = (number - 1) * size
        page = keyed[first : first + size]
        link = {}
        if first + size < len(keyed):
            cursor = urlsafe_b64encode(f"cursor:{json.dumps(page[-1][0])}".encode()).decode()
            link = {"after": cursor, "page": str(int(query.get("page", 1)) + 1)}
        return self._answer([row for _, row in page], request, link)

    def _page(self, rows: Sequence[dict[str, Any]], request: Request) -> Response:
        """Return a page of a list with page numbers."""
        size = self._size(request)
        number = int(request.query_params.get("page", 1))
        page = rows[(number - 1) * size : number * size]
        more = number * size < len(rows)
        return self._answer(page, request, {"page": str(number + 1)} if more else {})

    def _size(self, request: Request) -> int:
        return min(int(request.query_params.get("per_page", 30)), 100)

    def _answer(
        self, rows: Sequence[dict[str, Any]], request: Request, following: Mapping[str, str]
    ) -> Response:
        if not request.headers.get("user-agent"):
            return refusal("Please make sure your request has a User-Agent header", 403)
        if request.headers.get("x-github-api-version", VERSIONS[0]) not in VERSIONS:
            return refusal("The version of the API is not supported", 400)
        headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999"}
        if following:
            path = request.url.path.replace(REPOSITORY, BY_NUMBER)
            query = urlencode({**request.query_params, **following})
            headers["Link"] = f'<{self.base_url}{path}?{query}>; rel="next"'
        return JSONResponse(list(rows), headers=headers)

    # Shapes ------------------------------------------------------------------------------------

    def _user(self, number: int) -> dict[str, Any]:
        return {"login": f"person{number}", "id": 4_000 + number, "type": "User"}

    def _all_milestones(self) -> list[dict[str, Any]]:
        return [
            {
                "id": 300 + group.number,
                "number": group.number,
                "title": group.name,
                "state": "open",
                "created_at": spelled(group.created_at),
                "updated_at": spelled(group.created_at),
                "due_on": None,
                "closed_at": None,
            }
            for group in self.world.groups
        ]

    def _issue(self, ticket: Ticket, request: Request) -> dict[str, Any]:
        home = f"https://github.example{REPOSITORY}"
        assignee = self._user(ticket.assignee) if ticket.assignee else None
        closed = state_of(ticket) == "closed"
        row = {
            "id": issue_id(ticket),
            "node_id": f"I_kw{ticket.number}",
            "url": issue_url(ticket),
            "html_url": f"{home}/issues/{ticket.number}",
            "number": ticket.number,
            "title": ticket.subject,
            "user": self._user(ticket.requester),
            "labels": [label(name) for name in ticket.tags],
            "state": state_of(ticket),
            "state_reason": "completed" if closed else None,
            "locked": False,
            "assignee": assignee,
            "assignees": [assignee] if assignee else [],
            "milestone": self._all_milestones()[ticket.group - 1],
            "comments": len(ticket.comments) - 1,
            "created_at": spelled(ticket.created_at),
            "updated_at": spelled(ticket.updated_at),
            "closed_at": spelled(ticket.history[-1].at) if closed else None,
            "author_association": "NONE",
            "type": {"id": 1, "name": ticket.type},
            "body": ticket.comments[0].body,
            "reactions": {"total_count": 0, "+1": 0, "-1": 0, "heart": 0},
        }
        if is_pull_request(ticket):
            row["pull_request"] = {"url": pull_url(ticket), "merged_at": None}
        return row

    def _comment(self, ticket: Ticket, comment: Comment, request: Request) -> dict[str, Any]:
        return {
            "id": 900_000_000 + comment.number,
            "url": f"{issue_url(ticket)}#comment",
            "issue_url": issue_url(ticket),
            "user": self._user(comment.author),
            "created_at": spelled(comment.created_at),
            "updated_at": spelled(comment.created_at),
            "author_association": "NONE",
            "body": comment.body,
        }

    def expected(self) -> Mapping[str, Sequence[Row]]:
        tickets = self.world.listed()
        return {
            "help_desk_tickets": [
                {
                    "id": issue_id(ticket),
                    "number": ticket.number,
                    "subject": ticket.subject,
                    "status": state_of(ticket),
                    "type": ticket.type,
                    "requester_id": 4_000 + ticket.requester,
                    "assignee_id": ticket.assignee and 4_000 + ticket.assignee,
                    "created_at": ticket.created_at.replace(microsecond=0),
                    "updated_at": ticket.updated_at.replace(microsecond=0),
                }
                for ticket in tickets
                if not is_pull_request(ticket)
            ],
            "comments": [
                {
                    "id": 900_000_000 + comment.number,
                    "ticket_url": issue_url(ticket),
                    "author_id": 4_000 + comment.author,
                    "author_role": "customer",
                    "is_public": True,
                    "body": comment.body,
                }
                for ticket in tickets
                for comment in ticket.comments[1:]
            ],
            "status_changes": [
                {
                    "ticket_id": issue_id(ticket),
                    "old_status": "open" if event_of(change) == "closed" else "closed",
                    "new_status": "closed" if event_of(change) == "closed" else "open",
                    "changed_at": change.at,
                }
                for ticket in tickets
                for change in ticket.history
                if event_of(change)
            ],
            "labels": [{"id": label(name)["id"], "name": name} for name in TAGS],
            "milestones": [
                {"id": 300 + group.number, "title": group.name} for group in self.world.groups
            ],
            "assignees": [
                {"id": 4_000 + agent.number, "login": f"person{agent.number}"}
                for agent in self.world.agents
            ],
        }


def refusal(message: str, status: int) -> Response:
    """Return an error in GitHub's format."""
    about = "https://docs.github.com/rest"
    return JSONResponse({"message": message, "documentation_url": about}, status_code=status)


def state_of(ticket: Ticket) -> str:
    """Return the state of an issue."""
    return "closed" if ticket.state in ("solved", "closed") else "open"


def event_of(change: Change) -> str | None:
    """Return the event of a change; None if the issue was and is open, or closed."""
    before, after = (state in ("solved", "closed") for state in (change.before, change.after))
    return None if before == after else "closed" if after else "reopened"


def issue_id(ticket: Ticket) -> int:
    """Return the id of an issue, which is not its number."""
    return 2_900_000_000 + 3 * ticket.number


def issue_url(ticket: Ticket) -> str:
    """Return the address of an issue, which its comments name."""
    return f"https://api.github.example{REPOSITORY}/issues/{ticket.number}"


def pull_url(ticket: Ticket) -> str:
    """Return the address of the pull request that an issue is."""
    return f"https://api.github.example{REPOSITORY}/pulls/{ticket.number}"


def label(name: str) -> dict[str, Any]:
    """Return a label by name."""
    return {"id": 700 + TAGS.index(name), "name": name, "color": "ededed", "default": False}
