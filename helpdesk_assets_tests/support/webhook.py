"""A webhook that stores what is posted to it, optionally after failing first."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.server import serve

SECRET_PATH = "T0-planted-hook"


class Webhook:
    """The server that alerts are posted to.

    Attributes:
        url: its URL, which is a secret.
        posted: the accepted bodies.
        failing: how many more requests get HTTP 503.
    """

    def __init__(self) -> None:
        self.url = ""
        self.posted: list[dict[str, Any]] = []
        self.failing = 0
        self.app = Starlette(routes=[Route(f"/{SECRET_PATH}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = json.loads(await request.body())
        if self.failing > 0:
            self.failing -= 1
            return PlainTextResponse("no", status_code=503)
        self.posted.append(body)
        return PlainTextResponse("ok")


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Serve a webhook inside a ``with`` block."""
    hook = Webhook()
    with serve(hook.app) as base_url:
        hook.url = f"{base_url}/{SECRET_PATH}"
        yield hook
