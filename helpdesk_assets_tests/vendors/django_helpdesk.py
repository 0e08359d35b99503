"""django-helpdesk 2.6, according to its documentation and to responses of a real one.

Special behavior, which ``make test-real`` verifies with a real one:

- The list contains only tickets whose submitter has the e-mail address of the token's user.
- Past the last page, it returns 404 instead of an empty page.
- Each ticket has a ``secret_key``, which gives anyone access to it and must not be stored.
- Tickets have no time of change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import State

KEY = "planted0c4b8e1f7a2d9356"
SECRET = "secret-key-planted-of-a-ticket"
STATUSES: Mapping[State, str] = {
    "new": "Open",
    "open": "Reopened",
    "pending": "Duplicate",
    "solved": "Resolved",
    "closed": "Closed",
}


@dataclass
class DjangoHelpdesk(StandIn):
    """See the module."""

    profile: ClassVar[str] = "django_helpdesk"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": KEY}

    def routes(self) -> Sequence[Route]:
        """Return the list of a user's own tickets."""
        return [Route("/helpdesk/api/user_tickets/", self._tickets)]

    def is_allowed(self, request: Request) -> bool:
        """Return whether the token is correct."""
        return request.headers.get("authorization") == f"Token {KEY}"

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params
        number, size = int(query.get("page", 1)), int(query.get("page_size", 25))
        tickets = self.world.listed()[::-1]
        found = tickets[(number - 1) * size : number * size]
        if not found and number > 1:
            return JSONResponse({"detail": "Invalid page."}, status_code=404)
        rows = [
            {
                "ticket": f"{ticket.number} [support-{ticket.number}]",
                "id": ticket.number,
                "title": ticket.subject,
                "queue": {"title": f"Group {ticket.group}", "id": ticket.group},
                "status": STATUSES[ticket.state],
                "created": ticket.created_at.isoformat().replace("+00:00", "Z"),
                "due_date": None,
                "submitter": "customer@planted.example",
                "kbitem": "",
                "secret_key": SECRET,
            }
            for ticket in found
        ]
        return JSONResponse(
            {"count": len(tickets), "next": None, "previous": None, "results": rows}
        )

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the expected rows of the table."""
        return {
            "help_desk_tickets": [
                {
                    "id": ticket.number,
                    "subject": ticket.subject,
                    "status": STATUSES[ticket.state],
                    "created_at": ticket.created_at,
                    "group_id": ticket.group,
                    "due_at": None,
                }
                for ticket in self.world.listed()
            ]
        }
