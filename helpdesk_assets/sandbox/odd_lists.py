"""Faults of lists whose positions do not match their tickets; registered in ``faults``."""

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.sandbox.app import MAXIMUM_LIMIT, Answer, Fault, TicketsResponse

Rows = list[dict[str, Any]]
# Returns a page, given the whole list, an offset and a limit.
Paged = Callable[[Rows, int, int], Rows]


def _listing(paged: Paged, *, at_end: int = 200) -> Fault:
    """Answer with pages computed from the whole list, optionally with another status at its end."""

    async def fault(request: Request, answer: Answer) -> Response:
        query = dict(request.query_params)
        offset, limit = int(query["offset"]), int(query["limit"])
        query |= {"offset": "0", "limit": str(MAXIMUM_LIMIT)}
        response = await answer(
            Request({**request.scope, "query_string": urlencode(query).encode()})
        )
        if response.status_code != 200:
            return response
        body = json.loads(bytes(response.body))
        body["data"] = paged(body["data"], offset, limit)
        if not body["data"] and at_end != 200:
            return Response(status_code=at_end)
        return TicketsResponse(body)

    return fault


def ties() -> Fault:
    """Tickets 51 to 200 have equal sort keys."""

    def paged(rows: Rows, offset: int, limit: int) -> Rows:
        tied = rows[50:200]
        # Another order for each page, but always the same for the same page.
        random.Random(f"{offset} {limit}").shuffle(tied)
        return [*rows[:50], *tied, *rows[200:]][offset : offset + limit]

    return _listing(paged)


def pinned() -> Fault:
    """Each page also contains the first three tickets."""
    return _listing(lambda rows, offset, limit: rows[:3] + rows[offset : offset + limit])


def left_out() -> Fault:
    """Every third ticket is counted, but omitted from the pages."""
    return _listing(
        lambda rows, offset, limit: [r for r in rows[offset : offset + limit] if r["id"] % 3]
    )


def last_page_again() -> Fault:
    """Offsets past the end return the last page."""

    def paged(rows: Rows, offset: int, limit: int) -> Rows:
        if offset >= len(rows):
            return rows[-limit:]
        return rows[offset : offset + limit]

    return _listing(paged)


def no_content_at_end() -> Fault:
    """Offsets past the end return HTTP 204."""
    return _listing(lambda rows, offset, limit: rows[offset : offset + limit], at_end=204)
