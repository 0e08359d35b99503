"""How to request the rows from a position on, for each kind of paging.

If rows or pages are counted, any part of a list can be requested, so pages can overlap, which
proves that no row lies between them. With cursors or links, this is not possible: only the API
knows which page is next.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown


class Window(NamedTuple):
    """A range of rows in a list: its offset and its maximum size."""

    offset: int
    size: int


@dataclass(frozen=True)
class OffsetPaging:
    """Paging by offset and limit.

    Attributes:
        limit: the number of rows to request per page.
        offset_param: the parameter for the number of rows to skip.
        limit_param: the parameter for the number of rows to return.
    """

    limit: int = 100
    offset_param: str = "offset"
    limit_param: str = "limit"
    limit_is_a_page: bool = False

    def window(self, wanted: int, limit: int) -> Window:
        """Return a window that starts with the wanted row."""
        return Window(wanted, limit)

    window_at = window

    def query(self, window: Window) -> Mapping[str, str]:
        """Return the query parameters for offset and limit."""
        return {self.offset_param: str(window.offset), self.limit_param: str(window.size)}

    def place(self, window: Window) -> str:
        """Return what is requested, for messages."""
        return f"{self.offset_param} {window.offset}"


@dataclass(frozen=True)
class PageNumberPaging:
    """Paging by page number and page size.

    Pages of one size do not overlap, but pages of two sizes do: with 98 rows per page, the third
    page starts at row 196, which is on the second page of 100 rows. So the size of each page is
    chosen to start at the last row read, or a few rows before, and to contain as many new rows as
    possible.

    Attributes:
        limit: the number of rows to request per page; some pages are requested with fewer.
        page_param: the parameter for the page number.
        limit_param: the parameter for the page size.
        base_page: the number of the first page, 0 or 1.
        maximum_page: the highest page number that the API serves; None: no limit.
    """

    limit: int = 100
    page_param: str = "page"
    limit_param: str = "per_page"
    base_page: int = 1
    maximum_page: int | None = None
    limit_is_a_page: bool = True

    # How many page numbers are tried, to find the page that starts closest to the wanted row.
    _TRIED = 50

    def window(self, wanted: int, limit: int) -> Window:
        """Return the page, by number and size, that contains the most rows after the wanted one.

        Raises:
            UnusableAnswerError: the API does not serve pages that far down.
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
                f"serves no pages after page {self.maximum_page}, so rows after the first "
                f"{wanted + 1} cannot be read: use incremental loading, or add a filter under "
                "params in its profile"
            )
        return Window(number * size, size)

    def window_at(self, offset: int, limit: int) -> Window:
        """Return the largest page that starts exactly at an offset, or the last page possible.

        There is always one, with one row per page.
        """
        if offset == 0:
            return Window(0, limit)
        size = next(size for size in range(min(limit, offset), 0, -1) if offset % size == 0)
        most = self.maximum_page
        if most is not None and offset // size + self.base_page > most:
            return self.window(offset, limit)
        return Window(offset, size)

    def query(self, window: Window) -> Mapping[str, str]:
        """Return the query parameters for page number and page size."""
        number = self.base_page + window.offset // window.size
        return {self.page_param: str(number), self.limit_param: str(window.size)}

    def place(self, window: Window) -> str:
        """Return what is requested, for messages."""
        query = self.query(window)
        return f"{self.page_param} {query[self.page_param]} of {window.size} rows"


@dataclass(frozen=True)
class ChainPaging:
    """Paging by a cursor or link to the next page in each page.

    Attributes:
        cursor_param: the parameter for the cursor; None for links.
    """

    cursor_param: str | None = None


Counted = OffsetPaging | PageNumberPaging
Paging = Counted | ChainPaging
# The position of a page: a window, a cursor or a link; None is the first page of a chain.
Position = Window | str | None


class Paged(Protocol):
    """An object that knows how the pages of a list are requested."""

    @property
    def paging(self) -> Paging:
        """How pages are requested."""


class Addresses:
    """The URLs of a list's pages.

    Args:
        first: the URL of the first page, with the parameters of all pages.
        walk: knows how pages are requested, which may depend on the first page.
    """

    def __init__(self, first: str, walk: Paged) -> None:
        self._first = urlsplit(first)
        self._walk = walk
        self._parameters = parse_qsl(self._first.query, keep_blank_values=True)

    def of(self, position: Position) -> str:
        """Return the URL of a page.

        Raises:
            UnusableAnswerError: the API sent a link to another host.
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
        """Return what is requested, for messages, without the untrusted cursor or link."""
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
        raise UnusableAnswerError("sent an invalid URL as the link to its next page") from None
    if here.netloc.lower() != there.netloc.lower():
        raise UnusableAnswerError(
            f"links to its next page at {shown(there.scheme)}://{shown(host)}, which must not "
            "receive the API key: set SOURCES__HELP_DESK__BASE_URL to the base URL of its API"
        )
    # An API behind a proxy may not know that it is reached over https.
    return urlunsplit(there._replace(scheme=here.scheme))
