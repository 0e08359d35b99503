"""The requests for a list's pages: the first request, changed for another position."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import orjson
from requests import PreparedRequest

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.positions import ChainPaging, Paging, Placed, Position, Window
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.paths import path_of

# The parameters of a request by name; several values where it is repeated.
Query = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Variation:
    """How the requests for a part of the rows differ.

    Attributes:
        params: the query parameters that are added or replaced.
        json: the top-level values of the JSON body that are added or replaced.
        url: their URL without its query; None: that of the first request.
    """

    params: Query = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None


class Paged(Protocol):
    """An object that knows how the pages of a list are requested."""

    @property
    def paging(self) -> Paging:
        """How pages are requested."""


class Part(Protocol):
    """One of several lists that are read one after another."""

    @property
    def variation(self) -> Variation:
        """How its requests differ."""

    @property
    def walk(self) -> Any:
        """How it is read."""


class PageRequests:
    """The requests for a list's pages.

    Args:
        first: the request for the first page, with the parameters of all pages.
        walk: knows how pages are requested, which may depend on the first page. If it reads several
            lists, it has them as ``parts``.
    """

    def __init__(self, first: PreparedRequest, walk: Paged) -> None:
        self._first = first
        self._url = urlsplit(str(first.url))
        self._walk = walk
        self._parameters = parse_qsl(self._url.query, keep_blank_values=True)
        self._body: Any = orjson.loads(first.body) if first.body else {}

    def at(self, position: Position) -> PreparedRequest:
        """Return the request for a page.

        Raises:
            UnusableAnswerError: the API sent a link to another host.
        """
        variations, paging, inner = self._inner(position)
        request = self._first.copy()
        if isinstance(paging, ChainPaging) and inner is not None and paging.cursor_param is None:
            request.url = _linked(self._url.geturl(), str(inner))
            return request
        values: Mapping[str, str | int] = {}
        if isinstance(paging, ChainPaging):
            values = paging.query(str(inner)) if inner is not None else {}
        elif isinstance(inner, Window):
            values = paging.query(inner)
        in_query = {} if paging.in_body else values
        query: dict[str, Any] = {}
        url = self._url
        for variation in variations:
            query |= variation.params
            url = urlsplit(variation.url) if variation.url else url
        query |= {name: str(value) for name, value in in_query.items()}
        kept = [pair for pair in self._parameters if pair[0] not in query]
        pairs = urlencode([*kept, *query.items()], doseq=True)
        request.url = url._replace(query=pairs).geturl()
        if paging.in_body or any(variation.json for variation in variations):
            body = copy.deepcopy(self._body)
            for variation in variations:
                body |= variation.json
            for path, value in values.items() if paging.in_body else ():
                _put(body, path_of(path), value)
            request.prepare_body(data=orjson.dumps(body), files=None)
        return request

    def place(self, position: Position) -> str:
        """Return what is requested, for messages, without the untrusted cursor or link."""
        _, paging, inner = self._inner(position)
        if not isinstance(paging, ChainPaging) and isinstance(inner, Window):
            return paging.place(inner)
        if isinstance(paging, ChainPaging) and paging.is_number and inner is not None:
            return f"{paging.cursor_param} {inner}"
        return "its first page" if inner is None else "a page after the first"

    def _inner(self, position: Position) -> tuple[list[Variation], Paging, Position]:
        """Return a position in its own list, how to request it, and how its requests differ."""
        walk: Any = self._walk
        variations: list[Variation] = []
        while isinstance(position, Placed):
            part: Part = walk.parts[position.part]
            variations.append(part.variation)
            walk, position = part.walk, position.position
        return variations, walk.paging, position


def _put(body: dict[str, Any], path: Sequence[str], value: str | int) -> None:
    """Set the value at a path in a JSON body, adding the objects on the way."""
    *outer, last = path
    for step in outer:
        if not isinstance(body.get(step), dict):
            body[step] = {}
        body = body[step]
    body[last] = value


def _linked(first: str, link: str) -> str:
    here = urlsplit(first)
    try:
        there = urlsplit(urljoin(first, link))
        host = there.hostname
    except ValueError:
        raise UnusableAnswerError("sent an invalid URL as the link to its next page") from None
    if here.netloc.lower() != there.netloc.lower():
        raise UnusableAnswerError(
            f"links to its next page at {shown(there.scheme)}://{shown(host)}, which must not "
            "receive the API key: set SOURCES__HELP_DESK__BASE_URL to the base URL of its API"
        )
    # An API behind a proxy may not know that it is reached over https.
    return urlunsplit(there._replace(scheme=here.scheme))
