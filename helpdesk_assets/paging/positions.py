"""How to request the rows from a position on, for each kind of paging.

If rows or pages are counted, any part of a list can be requested, so pages can overlap, which
proves that no row lies between them. With cursors or links, this is not possible: only the API
knows which page is next.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from helpdesk_assets.errors import UnusableAnswerError


class Window(NamedTuple):
    """A range of rows in a list: its offset and its maximum size."""

    offset: int
    size: int


class CeilingError(UnusableAnswerError):
    """The API does not return the rows of a list that far down."""


@dataclass(frozen=True)
class OffsetPaging:
    """Paging by offset and limit.

    Attributes:
        limit: the number of rows to request per page.
        offset_param: the parameter for the number of rows to skip.
        limit_param: the parameter for the number of rows to return.
        in_body: whether both are paths in the JSON body instead.
        first: the offset of the first row, 0 or 1.
        most: the number of rows that the API returns of a list; None: all.
    """

    limit: int = 100
    offset_param: str = "offset"
    limit_param: str = "limit"
    in_body: bool = False
    first: int = 0
    most: int | None = None
    limit_is_a_page: bool = False

    def window(self, wanted: int, limit: int) -> Window:
        """Return a window that starts with the wanted row.

        Raises:
            CeilingError: the API does not return the row after it.
        """
        if self.most is not None and wanted + 1 >= self.most and wanted:
            raise CeilingError(
                f"returns the first {self.most:,} rows of a list only, so further ones cannot be "
                "read: add incremental with row_order: asc to its profile, or a filter under params"
            )
        return Window(wanted, limit if self.most is None else min(limit, self.most - wanted))

    window_at = window

    def query(self, window: Window) -> Mapping[str, int]:
        """Return the values of offset and limit by parameter, or by path in the body."""
        return {self.offset_param: self.first + window.offset, self.limit_param: window.size}

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
        in_body: whether number and size are paths in the JSON body instead of parameters.
    """

    limit: int = 100
    page_param: str = "page"
    limit_param: str = "per_page"
    base_page: int = 1
    maximum_page: int | None = None
    in_body: bool = False
    limit_is_a_page: bool = True

    # How many page numbers are tried, to find the page that starts closest to the wanted row.
    _TRIED = 50

    def window(self, wanted: int, limit: int) -> Window:
        """Return the page, by number and size, that contains the most rows after the wanted one.

        Raises:
            CeilingError: the API does not serve pages that far down.
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
            raise CeilingError(
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

    def query(self, window: Window) -> Mapping[str, int]:
        """Return page number and page size by parameter, or by path in the body."""
        number = self.base_page + window.offset // window.size
        return {self.page_param: number, self.limit_param: window.size}

    def place(self, window: Window) -> str:
        """Return what is requested, for messages."""
        query = self.query(window)
        return f"{self.page_param} {query[self.page_param]} of {window.size} rows"


@dataclass(frozen=True)
class ChainPaging:
    """Paging by a cursor or link to the next page in each page.

    Attributes:
        cursor_param: the parameter for the cursor, or for the page number; None for links.
        in_body: whether it is a path in the JSON body instead.
        is_number: whether it is the number of a page.
        beside: the parameter for the page size, and the size, where pages have a number; empty if
            the API decides.
    """

    cursor_param: str | None = None
    in_body: bool = False
    is_number: bool = False
    beside: tuple[tuple[str, int], ...] = ()

    def query(self, position: str) -> Mapping[str, str | int]:
        """Return the cursor by parameter, or by path in the body."""
        if self.is_number:
            return {str(self.cursor_param): int(position), **dict(self.beside)}
        return {str(self.cursor_param): position}


Counted = OffsetPaging | PageNumberPaging
Paging = Counted | ChainPaging


class Placed(NamedTuple):
    """A position in one of several lists that are read one after another."""

    part: int
    position: "Position"


# The position of a page: a window, a cursor or a link; None is the first page of a chain.
Position = Window | str | Placed | None
