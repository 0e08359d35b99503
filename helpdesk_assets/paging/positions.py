"""How an API is asked for the rows from a place on: what its paging takes, and what it makes of it.

A list that is paged by counting, be it rows or pages, can be asked for any part of it; so a page
can begin with rows that have been read, which is how a walk shows that none lies between. A list
paged by cursors or links cannot: there the API alone knows what comes next.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown


class Window(NamedTuple):
    """Some rows of a list: how many come before them, and how many they are at most."""

    offset: int
    size: int


@dataclass(frozen=True)
class OffsetPaging:
    """An API that is told how many rows to leave out.

    Attributes:
        limit: rows to ask for in a page.
        offset_param: the parameter that says how many rows to leave out.
        limit_param: the parameter that says how many to send.
    """

    limit: int = 100
    offset_param: str = "offset"
    limit_param: str = "limit"
    limit_is_a_page: bool = False

    def window(self, wanted: int, limit: int) -> Window:
        """Return a window that begins with the row wanted."""
        return Window(wanted, limit)

    window_at = window

    def query(self, window: Window) -> Mapping[str, str]:
        """Return offset and limit."""
        return {self.offset_param: str(window.offset), self.limit_param: str(window.size)}

    def place(self, window: Window) -> str:
        """Say what is asked for."""
        return f"{self.offset_param} {window.offset}"


@dataclass(frozen=True)
class PageNumberPaging:
    """An API that is told the number of a page and how many rows are one.

    The pages of one size do not overlap, but those of two sizes do: with 98 rows a page, the third
    begins at row 196, which pages of 100 have on their second. So a page's size is chosen so that
    it begins with what was read last, or few rows before it, and holds as much as it can after.

    Attributes:
        limit: rows to ask for in a page; some pages are asked for with fewer.
        page_param: the parameter for the page's number.
        limit_param: the parameter for how many rows are one page.
        base_page: the number of the first page, 0 or 1.
        maximum_page: the highest number that the API answers; None: any.
    """

    limit: int = 100
    page_param: str = "page"
    limit_param: str = "per_page"
    base_page: int = 1
    maximum_page: int | None = None
    limit_is_a_page: bool = True

    # How many numbers of pages are tried for the one that begins closest to what is wanted.
    _TRIED = 50

    def window(self, wanted: int, limit: int) -> Window:
        """Return the page, by number and size, that reaches furthest behind the row wanted.

        Raises:
            UnusableAnswerError: the API does not let itself be asked for what is that far down.
        """
        if wanted == 0:
            return Window(0, limit)
        first = wanted // limit
        last = min(first + self._TRIED, wanted)
        most = sys.maxsize if self.maximum_page is None else self.maximum_page - self.base_page
        numbers = range(first, min(last, most) + 1)
        pages = [(number, min(limit, wanted // number) if number else limit) for number in numbers]
        number, size = max(pages, key=lambda page: (page[0] + 1) * page[1], default=(0, 0))
        if last >= most and (number + 1) * size <= wanted + 1:
            raise UnusableAnswerError(
                f"answers no page after number {self.maximum_page}, so that what may follow its "
                f"first {wanted + 1} rows cannot be read: ask for what has changed only, or "
                "name a filter among the params of its profile"
            )
        return Window(number * size, size)

    def window_at(self, offset: int, limit: int) -> Window:
        """Return the largest page that begins at an offset exactly, or the last that there may be.

        There is always one: of a single row a page.
        """
        if offset == 0:
            return Window(0, limit)
        size = next(size for size in range(min(limit, offset), 0, -1) if offset % size == 0)
        most = self.maximum_page
        if most is not None and offset // size + self.base_page > most:
            return self.window(offset, limit)
        return Window(offset, size)

    def query(self, window: Window) -> Mapping[str, str]:
        """Return the page's number and its size."""
        number = self.base_page + window.offset // window.size
        return {self.page_param: str(number), self.limit_param: str(window.size)}

    def place(self, window: Window) -> str:
        """Say what is asked for."""
        query = self.query(window)
        return f"{self.page_param} {query[self.page_param]} of {window.size} rows"


@dataclass(frozen=True)
class ChainPaging:
    """An API that says with each page how to ask for the next: by a cursor, or by an address.

    Attributes:
        cursor_param: the parameter for the cursor; None where the API sends addresses.
    """

    cursor_param: str | None = None


Counted = OffsetPaging | PageNumberPaging
Paging = Counted | ChainPaging
# Which page: a window, a cursor or an address; None is the first of a chain.
Position = Window | str | None


class Paged(Protocol):
    """Something that knows how the pages of a list are asked for."""

    @property
    def paging(self) -> Paging:
        """How they are."""


class Addresses:
    """The addresses of a list's pages.

    Args:
        first: the address of the first page, with the parameters that all pages have.
        walk: knows how pages are asked for, which its first page may tell.
    """

    def __init__(self, first: str, walk: Paged) -> None:
        self._first = urlsplit(first)
        self._walk = walk
        self._parameters = parse_qsl(self._first.query, keep_blank_values=True)

    def of(self, position: Position) -> str:
        """Return the address of a page.

        Raises:
            UnusableAnswerError: the API sent an address of another host.
        """
        query: Mapping[str, str] = {}
        paging = self._walk.paging
        if isinstance(paging, ChainPaging):
            if position is not None and paging.cursor_param is None:
                return _linked(self._first.geturl(), str(position))
            if position is not None and paging.cursor_param:
                query = {paging.cursor_param: str(position)}
        elif isinstance(position, Window):
            query = paging.query(position)
        kept = [pair for pair in self._parameters if pair[0] not in query]
        return self._first._replace(query=urlencode([*kept, *query.items()])).geturl()

    def place(self, position: Position) -> str:
        """Say what is asked for; a cursor or an address itself may hold anything."""
        paging = self._walk.paging
        if not isinstance(paging, ChainPaging) and isinstance(position, Window):
            return paging.place(position)
        return "its first page" if position is None else "a page after the first"


def _linked(first: str, link: str) -> str:
    here = urlsplit(first)
    try:
        there = urlsplit(urljoin(first, link))
        host = there.hostname
    except ValueError:
        raise UnusableAnswerError(
            "says that its next page is at something that is no address"
        ) from None
    if here.netloc.lower() != there.netloc.lower():
        raise UnusableAnswerError(
            f"says that its next page is at {shown(there.scheme)}://{shown(host)}, which the key "
            "is not meant for: set SOURCES__HELP_DESK__BASE_URL to where its API is"
        )
    # An API behind a proxy may not know that it is asked by way of https.
    return urlunsplit(there._replace(scheme=here.scheme))
