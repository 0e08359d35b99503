"""A webhook that keeps what is posted to it, and may fail first."""

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
    """Where alerts are posted to.

    Attributes:
        url: its address, which is a secret.
        posted: the bodies that were taken.
        failing: how many are still to be answered with 503.
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
    """Serve a webhook while inside."""
    hook = Webhook()
    with serve(hook.app) as base_url:
        hook.url = f"{base_url}/{SECRET_PATH}"
        yield hook
