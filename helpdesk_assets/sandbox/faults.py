"""Faults of a help desk's API, for tests and for trying them out in the sandbox."""

import asyncio
import gzip
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

from helpdesk_assets.sandbox import odd_lists
from helpdesk_assets.sandbox.app import Answer, Fault, TicketsResponse


@dataclass(frozen=True)
class NamedFault:
    """A fault: its name, what the API does, and how to create it for a server."""

    name: str
    description: str
    make: Callable[[], Fault]


FAULTS: dict[str, NamedFault] = {}


def _fault(name: str, description: str) -> Callable[[Callable[[], Fault]], Callable[[], Fault]]:
    def enter(make: Callable[[], Fault]) -> Callable[[], Fault]:
        FAULTS[name] = NamedFault(name, description, make)
        return make

    return enter


def _asking(change: Callable[[dict[str, str]], None]) -> Fault:
    """Change a request before the API answers it."""

    async def fault(request: Request, answer: Answer) -> Response:
        query = dict(request.query_params)
        change(query)
        return await answer(Request({**request.scope, "query_string": urlencode(query).encode()}))

    return fault


def _saying(change: Callable[[dict[str, Any]], None]) -> Fault:
    """Change the body of a successful response."""

    async def fault(request: Request, answer: Answer) -> Response:
        response = await answer(request)
        if response.status_code != 200:
            return response
        body = json.loads(bytes(response.body))
        change(body)
        return TicketsResponse(body)

    return fault


def _instead(make: Callable[[], Response], at_offset: int = 0) -> Fault:
    """Send something else instead of the page, from an offset on."""

    async def fault(request: Request, answer: Answer) -> Response:
        if int(request.query_params.get("offset", 0)) < at_offset:
            return await answer(request)
        return make()

    return fault


def _page_says(name: str, description: str, **fields: Any) -> None:
    @_fault(name, description)
    def make() -> Fault:
        return _saying(lambda body: body.update(fields))


def _row_says(name: str, description: str, **fields: Any) -> None:
    """Change the third ticket of each full page."""

    @_fault(name, description)
    def make() -> Fault:
        def spoil(body: dict[str, Any]) -> None:
            for row in body["data"]:
                if row["id"] % 100 == 3:
                    row.update(fields)

        return _saying(spoil)


@_fault("cap-50", "sends at most 50 tickets per page, regardless of limit")
def _cap() -> Fault:
    return _asking(lambda query: query.update(limit=str(min(50, int(query["limit"])))))


@_fault("short-pages", "sends fewer tickets than requested, sometimes only one")
def _short() -> Fault:
    sizes = itertools.cycle((60, 100, 1, 17, 99))

    def shorten(query: dict[str, str]) -> None:
        query["limit"] = str(min(next(sizes), int(query["limit"])))

    return _asking(shorten)


@_fault("one-a-page", "sends one ticket per page, regardless of limit")
def _one() -> Fault:
    return _asking(lambda query: query.update(limit="1"))


@_fault("ignores-offset", "sends the first page for every offset")
def _ignores_offset() -> Fault:
    return _asking(lambda query: query.update(offset="0"))


@_fault("ends-early", "sends no tickets from offset 150 on")
def _ends_early() -> Fault:
    return _saying_at(150, lambda body: body.update(data=[]))


def _saying_at(at_offset: int, change: Callable[[dict[str, Any]], None]) -> Fault:
    saying = _saying(change)

    async def fault(request: Request, answer: Answer) -> Response:
        if int(request.query_params.get("offset", 0)) < at_offset:
            return await answer(request)
        return await saying(request, answer)

    return fault


_fault("ties", "lists 150 tickets with equal sort keys in a different order on each page")(
    odd_lists.ties
)
_fault("pinned", "adds the first three tickets to every page")(odd_lists.pinned)
_fault("left-out", "omits every third ticket from its pages, but counts them in the total")(
    odd_lists.left_out
)
_fault("last-page-again", "sends the last page again for offsets past the end")(
    odd_lists.last_page_again
)
_fault("204-at-end", "returns HTTP 204 past the end")(odd_lists.no_content_at_end)


@_fault("no-total", "sends no total")
def _no_total() -> Fault:
    return _saying(lambda body: body.pop("total", None))


_page_says("total-null", "sends null as the total", total=None)
_page_says("total-zero", "sends 0 as the total, with a full page", total=0)
_page_says("total-low", "sends 120 as the total", total=120)
_page_says("total-high", "sends 1,000,000 as the total", total=1_000_000)
_page_says("total-text", "sends text as the total", total="many")
_page_says("has-more-false", "sends has_more: false on every page", has_more=False)
_page_says("has-more-true", "sends has_more: true on every page", has_more=True)
_page_says("data-null", "sends null instead of a list of tickets", data=None)
_page_says("data-object", "sends an object instead of a list of tickets", data={"tickets": []})
_page_says("data-texts", "sends strings instead of ticket objects", data=["a", "b"])


@_fault("data-missing", "sends the tickets in a field with another name")
def _data_missing() -> Fault:
    return _saying(lambda body: body.update(results=body.pop("data")))


@_fault("html", "sends an HTML page with HTTP 200")
def _html() -> Fault:
    return _instead(lambda: HTMLResponse("<h1>Maintenance</h1>"))


@_fault("login-page", "sends an HTML login page from offset 90 on")
def _login() -> Fault:
    return _instead(lambda: HTMLResponse("<form>Password</form>"), at_offset=90)


@_fault("truncated", "sends truncated JSON with HTTP 200")
def _truncated() -> Fault:
    return _instead(lambda: Response('{"data": [{"id": 1, "subj', media_type="application/json"))


_row_says("id-null", "sends one ticket per page without an id", id=None)
_row_says("id-text", "sends one ticket per page with text as its id", id="not-a-number")
_row_says(
    "created-at-text",
    "sends one ticket per page with an invalid created_at",
    created_at="yesterday-ish",
)
_row_says("subject-object", "sends one ticket per page with an object as subject", subject={"a": 1})
_row_says("new-field", "sends one ticket per page with an additional field", queue="second line")


@_fault("all-rows-bad", "sends all tickets without an id")
def _all_rows_bad() -> Fault:
    def spoil(body: dict[str, Any]) -> None:
        for row in body["data"]:
            row["id"] = None

    return _saying(spoil)


def _status(status: int, times: int, **headers: str) -> Callable[[], Fault]:
    def make() -> Fault:
        left = itertools.count(times, -1)

        async def fault(request: Request, answer: Answer) -> Response:
            if next(left) > 0:
                return PlainTextResponse("no", status_code=status, headers=headers)
            return await answer(request)

        return fault

    return make


_fault("503-once", "returns HTTP 503 once")(_status(503, 1))
_fault("503-always", "returns HTTP 503")(_status(503, 10**9))
_fault("429-once", "returns HTTP 429 once, with Retry-After: 1")(
    _status(429, 1, **{"Retry-After": "1"})
)
_fault("404-always", "returns HTTP 404")(_status(404, 10**9))


@_fault("refuses-page-two", "returns HTTP 500 from offset 90 on")
def _refuses_page_two() -> Fault:
    return _instead(lambda: JSONResponse({"error": "boom"}, status_code=500), at_offset=90)


@_fault("redirects-away", "redirects to another host, with the API key")
def _redirects() -> Fault:
    async def fault(request: Request, answer: Answer) -> Response:
        return RedirectResponse(f"http://localhost:9/v1/tickets?{request.url.query}")

    return fault


@_fault("redirects", "redirects each request to another URL on the same host")
def _redirects_here() -> Fault:
    async def fault(request: Request, answer: Answer) -> Response:
        if request.query_params.get("hop"):
            return await answer(request)
        return RedirectResponse(f"{request.url.path}?{request.url.query}&hop=1")

    return fault


@_fault("redirect-loop", "redirects in a loop")
def _redirects_in_a_loop() -> Fault:
    return _instead(lambda: RedirectResponse("/v1/tickets?offset=100"), at_offset=90)


@_fault("login-mid-walk", "redirects to a login page in the middle of the list")
def _login_in_mid_walk() -> Fault:
    async def fault(request: Request, answer: Answer) -> Response:
        if request.query_params.get("login"):
            return HTMLResponse("<html>Log in</html>")
        if int(request.query_params.get("offset", 0)) < 90:
            return await answer(request)
        return RedirectResponse(f"{request.url.path}?login=1")

    return fault


@_fault("524-once", "returns HTTP 524 once, as Cloudflare does")
def _cloudflare() -> Fault:
    statuses = itertools.chain((524,), itertools.repeat(200))

    async def fault(request: Request, answer: Answer) -> Response:
        status = next(statuses)
        return await answer(request) if status == 200 else PlainTextResponse("", status)

    return fault


@_fault("gzip-truncated", "sends a truncated gzip response once")
def _gzip_breaks_off() -> Fault:
    answers = itertools.count()

    async def fault(request: Request, answer: Answer) -> Response:
        response = await answer(request)
        if next(answers) != 1:
            return response
        packed = gzip.compress(bytes(response.body))
        return Response(
            packed[: len(packed) // 2],
            headers={"Content-Encoding": "gzip"},
            media_type="application/json",
        )

    return fault


@_fault("hangs", "does not respond")
def _hangs() -> Fault:
    async def fault(request: Request, answer: Answer) -> Response:
        await asyncio.sleep(3600)
        return await answer(request)

    return fault


@_fault("drips", "sends one byte per second")
def _drips() -> Fault:
    async def drip() -> Any:
        for _ in range(3600):
            yield b" "
            await asyncio.sleep(1)

    async def fault(request: Request, answer: Answer) -> Response:
        return StreamingResponse(drip(), media_type="application/json")

    return fault
