"""The API of the sandbox: ``GET /v1/tickets?offset=0&limit=100&api_key=KEY``.

``/v1/comments``, ``/v1/status_changes``, ``/v1/users``, ``/v1/groups`` and ``/v1/organizations``
are listed in the same way.

``page=1&per_page=100`` requests the same by page number. ``updated_since=2026-10-31T18:00:00Z``
returns tickets changed since then; ``created_since`` and ``created_before`` filter by creation
time, and ``undated=true`` returns those without one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from secrets import compare_digest
from typing import get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.desk import Desk, Name

DEFAULT_API_KEY = "sandbox-key"
MAXIMUM_LIMIT = 1000

Answer = Callable[[Request], Awaitable[Response]]
# A fault intercepts requests: it answers itself, or lets the API answer.
Fault = Callable[[Request, Answer], Awaitable[Response]]


class TicketsResponse(JSONResponse):
    """JSON without ASCII escapes."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        return json.dumps(content, ensure_ascii=False).encode()


def build_app(
    desk: Desk,
    *,
    api_key: str = DEFAULT_API_KEY,
    total: bool = True,
    latency: float = 0,
    fault: Fault | None = None,
) -> Starlette:
    """Return the web application of a desk.

    Args:
        desk: the tickets, and what belongs to them.
        api_key: the accepted key; requests with another one get HTTP 401.
        total: whether each page contains the total number of tickets.
        latency: the delay of each response in seconds.
        fault: the fault of the list of tickets to simulate.
    """

    async def answer(request: Request) -> Response:
        if not compare_digest(request.query_params.get("api_key", "").encode(), api_key.encode()):
            return JSONResponse({"error": "The API key is missing or wrong."}, status_code=401)
        try:
            limit = int(
                request.query_params.get("per_page", request.query_params.get("limit", 100))
            )
            number = int(request.query_params.get("page", 1))
            offset = int(request.query_params.get("offset", (number - 1) * limit))
        except ValueError:
            offset, limit = -1, 0
        if offset < 0 or not 1 <= limit <= MAXIMUM_LIMIT:
            return JSONResponse(
                {"error": f"offset starts at 0, page at 1; limit is 1 to {MAXIMUM_LIMIT}."},
                status_code=400,
            )
        since, opened, before = (
            request.query_params.get(name, "")
            for name in ("updated_since", "created_since", "created_before")
        )
        undated = request.query_params.get("undated") == "true"
        if name := request.path_params.get("name"):
            rows = desk.rows(name, since)
            page, of_how_many = rows[offset : offset + limit], len(rows)
        else:
            page, of_how_many = desk.page(
                offset, limit, updated_since=since, created=(opened, before), undated=undated
            )
        return TicketsResponse({**({"total": of_how_many} if total else {}), "data": page})

    async def tickets(request: Request) -> Response:
        await asyncio.sleep(latency)
        return await fault(request, answer) if fault else await answer(request)

    async def others(request: Request) -> Response:
        if request.path_params["name"] not in get_args(Name):
            return JSONResponse({"error": "This list does not exist."}, status_code=404)
        await asyncio.sleep(latency)
        return await answer(request)

    return Starlette(routes=[Route("/v1/tickets", tickets), Route("/v1/{name}", others)])
