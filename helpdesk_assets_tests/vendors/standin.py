"""The common part of the servers of all vendors, which behave as documented by the vendor."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import helpdesk_assets_tests.vendors as package
from helpdesk_assets_tests.vendors.world import World

Row = Mapping[str, Any]


@dataclass
class Asked:
    """A request that a server received."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: bytes
    status: int = 0


@dataclass
class StandIn:
    """A vendor's help desk, to be served.

    Each subclass is a vendor, written from the vendor's public documentation, not from the profile:
    paths, formats, paging, limits and special behavior are as documented, and requests that are not
    allowed are rejected as documented (unknown parameters if the vendor rejects them, pages beyond
    a limit, a missing scope).

    Attributes:
        profile: the name of the built-in profile.
        secrets: the environment variables that the profile needs, with planted values.
        world: the data.
        base_path: the path of the profile's base URL, such as that of a repository.
        base_url: the URL of the running server.
        asked: the requests received, in order.
        fault: returns a response instead of the server's, or None.
    """

    profile: ClassVar[str]
    secrets: ClassVar[Mapping[str, str]]
    base_path: ClassVar[str] = ""

    world: World = field(default_factory=World)
    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    fault: Callable[[Request], Response | None] = lambda request: None

    def routes(self) -> Sequence[Route]:
        """Return the endpoints of the API."""
        raise NotImplementedError

    def is_allowed(self, request: Request) -> bool:
        """Return whether a request is authenticated as documented."""
        raise NotImplementedError

    def refused(self) -> Response:
        """Return the vendor's response to a request that is not authenticated."""
        return JSONResponse({"error": "Couldn't authenticate you"}, status_code=401)

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that a run needs, in addition to the base URL."""
        return self.secrets

    def open_paths(self) -> Sequence[str]:
        """Return the paths that need no authentication, such as that for tokens."""
        return ()

    def expected(self) -> Mapping[str, Sequence[Row]]:
        """Return the rows that each table of the profile must have: some columns of each.

        They are derived from the world, not from the server's responses, and include the key.
        Rows that the API no longer has are not included.
        """
        raise NotImplementedError

    def app(self) -> Starlette:
        """Return the web application."""

        async def noted(request: Request, proceed: RequestResponseEndpoint) -> Response:
            asked = Asked(
                request.method,
                request.url.path,
                list(request.query_params.multi_items()),
                await request.body(),
            )
            self.asked.append(asked)
            if request.url.path not in self.open_paths() and not self.is_allowed(request):
                response = self.refused()
            else:
                response = self.fault(request) or await proceed(request)
            asked.status = response.status_code
            return response

        return Starlette(
            routes=list(self.routes()), middleware=[Middleware(BaseHTTPMiddleware, dispatch=noted)]
        )


def all_standins() -> dict[str, type[StandIn]]:
    """Return the servers of all vendors by profile: each module of this package has one or more."""
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("test_"):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return {kind.profile: kind for kind in sorted(_kinds(StandIn), key=lambda kind: kind.profile)}


def _kinds(of: type[StandIn]) -> list[type[StandIn]]:
    return [
        kind
        for each in of.__subclasses__()
        for kind in ([each] if hasattr(each, "profile") else []) + _kinds(each)
    ]
