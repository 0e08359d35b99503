"""A help desk with its own clock, which records when each of its tickets changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.server import serve

PROFILE = """\
client:
  auth: {type: bearer, token: 'dlt.secrets["api_key"]'}
PROFILE_FORMAT
resources:
  - name: help_desk_tickets
    endpoint:
      path: /tickets
      params: PARAMS
      data_selector: data
      paginator: {type: offset}
      incremental: INCREMENTAL
    fields: {id: id, subject: subject, status: status, created_at: created_at}
"""


def profile(incremental: str, times: str = "", params: str = "{}") -> str:
    """Return a profile with settings for incremental loading, time formats and parameters."""
    text = PROFILE.replace("INCREMENTAL", incremental).replace("PROFILE_FORMAT\n", times)
    return text.replace("PARAMS", params)


def utc(text: str) -> datetime:
    """Parse the only time format that strict APIs accept: ISO 8601 in UTC, in whole seconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


class ClockedDesk:
    """The help desk.

    Args:
        tickets: the initial number of tickets.
        ahead: how far its clock is ahead of this machine's.
        dated: whether responses have a Date header.
        reads: parses the start time of a request for changes; raises ValueError for any other
            format.
        spells: formats the time when a ticket was opened.

    Attributes:
        tickets: by id, as the API sends them.
        changed: when each ticket last changed, by the help desk's clock.
        asked: the queries received so far.
    """

    def __init__(
        self,
        tickets: int,
        *,
        ahead: timedelta = timedelta(0),
        dated: bool = True,
        reads: Callable[[str], datetime] = utc,
        spells: Callable[[datetime], Any] = lambda instant: instant.isoformat(),
    ) -> None:
        self.ahead = ahead
        self.dated = dated
        self._reads = reads
        self._spells = spells
        self.tickets: dict[int, dict[str, Any]] = {}
        self.changed: dict[int, datetime] = {}
        self.asked: list[dict[str, str]] = []
        self.base_url = ""
        for _ in range(tickets):
            self.add(self.now() - timedelta(days=30))

    def now(self) -> datetime:
        """Return the time by the help desk's clock."""
        return datetime.now(timezone.utc) + self.ahead

    def add(self, at: datetime | None = None) -> None:
        """Add a ticket, opened and last changed at a time. Default: now."""
        number = max(self.tickets, default=0) + 1
        at = at or self.now()
        self.changed[number] = at
        self.tickets[number] = {
            "id": number,
            "subject": f"ticket {number}",
            "status": "open",
            "created_at": self._spells(at),
        }

    def change(self, number: int, status: str, **fields: Any) -> None:
        """Change a ticket now."""
        self.tickets[number].update(fields, status=status)
        self.changed[number] = self.now()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the help desk inside a ``with`` block."""
        app = Starlette(routes=[Route("/tickets", self._answer)])
        with serve(app, dated=False) as self.base_url:
            yield self.base_url

    async def _answer(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        headers = {"Date": format_datetime(self.now(), usegmt=True)} if self.dated else {}
        rows = list(self.tickets.values())
        if "since" in query:
            try:
                since = self._reads(query["since"])
            except ValueError:
                return JSONResponse({"error": "since"}, status_code=422)
            rows = [row for row in rows if self.changed[row["id"]] >= since]
        offset = int(query["offset"])
        page = rows[offset : offset + int(query["limit"])]
        return JSONResponse({"data": page, "total": len(rows)}, headers=headers)
