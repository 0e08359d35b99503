"""A help desk that returns the first rows of a list only, sorted by their last change."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.conftest import API_KEY

CEILING = 100
BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)

PROFILE = f"""\
client:
  auth:
    type: bearer
    token: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /v1/tickets
      params: {{sort: updated_at}}
      data_selector: data
      paginator: {{type: offset, limit: 25, maximum_offset: {CEILING}}}
      incremental: {{start_param: updated_since, cursor_path: updated_at, row_order: asc}}
      date_filter: {{start_param: created_from, end_param: created_to}}
    fields:
      id: id
      subject: subject
      status: status
      created_at: created_at
      updated_at: updated_at
"""
INNER = f"""\
  - name: changes
    primary_key: [_data_id, number]
    include_from_parent: [id]
    endpoint:
      path: /v1/tickets
      params: {{sort: updated_at}}
      data_selector: data[*].changes[*]
      paginator: {{type: offset, limit: 25, maximum_offset: {CEILING}}}
      incremental: {{start_param: updated_since, cursor_path: updated_at, row_order: asc}}
    fields: {{number: number, what: what}}
"""


class SlicedDesk:
    """A help desk with a list that has to be read in slices.

    Args:
        tickets: the number of tickets.
        fault: is called with the start and the offset of a request before it is answered; True
            means HTTP 500.

    Attributes:
        tickets: the tickets, by id.
        asked: the start and the offset of each request.
        filters_by: the field that ``updated_since`` filters by.
    """

    def __init__(
        self, tickets: int, fault: Callable[[str, int], bool] = lambda start, offset: False
    ) -> None:
        self.fault = fault
        self.asked: list[tuple[str, int]] = []
        self.filters_by = "updated_at"
        self._now = BEGAN
        self.tickets: dict[int, dict[str, Any]] = {}
        self.add(tickets)

    @property
    def app(self) -> Starlette:
        """The web application."""
        return Starlette(routes=[Route("/v1/tickets", self._tickets)])

    @property
    def starts(self) -> list[str]:
        """The starts of the slices that were requested; empty for the first one."""
        return list(dict.fromkeys(start for start, _ in self.asked))

    def add(self, count: int = 1) -> None:
        """Create tickets."""
        newest = max(self.tickets, default=0)
        for number in range(newest + 1, newest + count + 1):
            self.tickets[number] = {
                "id": number,
                "subject": "private",
                "status": "open",
                "created_at": self._later(),
                "updated_at": self._now.isoformat(),
                "changes": [{"number": each, "what": "private"} for each in range(number % 3)],
            }

    def change(self, *numbers: int) -> None:
        """Change tickets, so that they move to the end of the list."""
        for number in numbers:
            self.tickets[number] |= {"status": "changed", "updated_at": self._later()}

    def rows(self) -> list[tuple[int, str]]:
        """Return id and status of each ticket."""
        return [(number, self.tickets[number]["status"]) for number in sorted(self.tickets)]

    def _later(self) -> str:
        self._now += timedelta(minutes=1)
        return self._now.isoformat()

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return PlainTextResponse("no", status_code=401)
        start, offset = query.get("updated_since", ""), int(query["offset"])
        self.asked.append((start, offset))
        if self.fault(start, offset):
            return PlainTextResponse("no", status_code=500)
        if offset + int(query["limit"]) > CEILING:
            return PlainTextResponse("too far", status_code=400)
        listed = sorted(self.tickets.values(), key=lambda row: (row["updated_at"], row["id"]))
        found = [row for row in listed if _is_within(row, query, self.filters_by)]
        page = found[offset : offset + int(query["limit"])]
        return JSONResponse({"data": page, "total": len(found)})


def _is_within(row: dict[str, Any], query: QueryParams, filters_by: str) -> bool:
    limits = (
        (filters_by, query.get("updated_since"), None),
        ("created_at", query.get("created_from"), query.get("created_to")),
    )
    return all(
        (not first or _time(first) <= _time(row[field]))
        and (not end or _time(row[field]) < _time(end))
        for field, first, end in limits
    )


def _time(spelled: str) -> datetime:
    return datetime.fromisoformat(spelled.replace("Z", "+00:00"))
