"""The API of the sandbox: ``GET /v1/tickets?offset=0&limit=100&api_key=KEY``.

``page=1&per_page=100`` asks for the same by the number of a page.
``updated_since=2026-10-31T18:00:00Z`` leaves out what has not changed since; ``created_since`` and
``created_before`` leave out what was opened earlier, or then and later.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from secrets import compare_digest

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.desk import Desk

DEFAULT_API_KEY = "sandbox-key"
MAXIMUM_LIMIT = 1000

Answer = Callable[[Request], Awaitable[Response]]
# A fault stands before the API: it sees the request, and answers itself or lets the API answer.
Fault = Callable[[Request, Answer], Awaitable[Response]]


class TicketsResponse(JSONResponse):
    """JSON with every language's letters as they are."""

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
    """Return the application that answers for a desk.

    Args:
        desk: where the tickets are.
        api_key: the only key it takes; any other is answered with 401.
        total: whether it says how many tickets there are beside each page.
        latency: seconds that each answer takes.
        fault: what goes wrong on the way.
    """

    async def tickets(request: Request) -> Response:
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
                {"error": f"offset begins at 0, page at 1; limit is 1 to {MAXIMUM_LIMIT}."},
                status_code=400,
            )
        since, opened, before = (
            request.query_params.get(name, "")
            for name in ("updated_since", "created_since", "created_before")
        )
        page, of_how_many = desk.page(offset, limit, updated_since=since, created=(opened, before))
        return TicketsResponse({**({"total": of_how_many} if total else {}), "data": page})

    async def endpoint(request: Request) -> Response:
        await asyncio.sleep(latency)
        return await fault(request, tickets) if fault else await tickets(request)

    return Starlette(routes=[Route("/v1/tickets", endpoint)])
