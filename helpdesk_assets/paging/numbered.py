"""Lists whose links contain a number, so that they can be read as counted lists.

The number is that of the next page, or its offset. If the page size cannot be chosen,
pages cannot overlap, and the list is read by following its links. It is also followed if the link
contains a cursor beside the number: GitHub's issues have such links, and the number alone is
rejected in large repositories
(https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import FEWEST_IN_A_PAGE
from helpdesk_assets.paging.chained import ChainWalk
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.positions import (
    ChainPaging,
    Counted,
    OffsetPaging,
    PageNumberPaging,
    Position,
)
from helpdesk_assets.paging.walk import ChosenWalk
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

# Common names of the parameters for page size, offset and page number.
SIZE = re.compile(r"limit|size|per_?page|page_?len|top$|max_?results|count", re.I)
COUNT = re.compile(r"offset|skip", re.I)
OFFSET = re.compile(r"offset|skip|start|from|first", re.I)
NUMBER = re.compile(r"page|^p$", re.I)
# Common names of parameters with a cursor.
CURSOR = re.compile(r"after|before|cursor|token|continu", re.I)


def numbered(page: Page, paging: ChainPaging, params: Mapping[str, object]) -> Counted | None:
    """Return how to count the pages of a list, according to the link in its first page.

    Args:
        page: the first page.
        paging: how the next page is requested.
        params: the query parameters of the list.
    """
    rows, following = len(page.rows), page.following
    if not following or not rows:
        return None
    link = dict(parse_qsl(urlsplit(following).query))
    if paging.cursor_param:
        link = {paging.cursor_param: following}
    asked = {name: str(value) for name, value in params.items()}
    if any(
        CURSOR.search(name) and not value.isdecimal() and asked.get(name) != value
        for name, value in link.items()
    ):
        return None
    sizes = [
        name
        for name, value in (asked | link).items()
        if SIZE.search(name) and value == str(rows) and name != paging.cursor_param
    ]
    # A number that also occurs in a row may be a cursor and not an offset.
    ids = {str(value) for value in page.rows[-1].values() if isinstance(value, (int, str))}
    for name, value in link.items():
        if name in sizes or asked.get(name) == value or not value.isdecimal():
            continue
        is_place = value in ids and not COUNT.search(name)
        if OFFSET.search(name) and int(value) == rows and sizes and not is_place:
            return OffsetPaging(rows, name, sizes[0])
        if NUMBER.search(name) and value in ("1", "2") and sizes and rows >= FEWEST_IN_A_PAGE:
            return PageNumberPaging(rows, name, sizes[0], int(value) - 1)
    return None


class LinkedWalk(ChosenWalk):
    """Follows the links of a list, or counts its pages if the first link contains a number.

    It has the attributes of a CompleteWalk.

    Args:
        chain: creates a walk that follows links.
        counted: creates a walk that counts pages.
        params: the query parameters of the list.
    """

    def __init__(
        self,
        chain: Callable[[], ChainWalk],
        counted: Callable[[Counted], CompleteWalk],
        params: Mapping[str, object],
    ) -> None:
        self._new_chain = chain
        self._new_counted = counted
        self._params = params
        super().__init__(chain())
        self._first: Page | None = None

    @property
    def is_trying(self) -> bool:
        """Whether it is still unknown if the pages can be counted."""
        return isinstance(self.chosen, CompleteWalk) and self._first is not None

    def take(self, page: Page) -> list[Row]:
        """Process a response; see CompleteWalk."""
        if isinstance(self.chosen, ChainWalk):
            if self.chosen.pages or self.chosen.position is not None:
                return self.chosen.take(page)
            paging = numbered(page, self.chosen.paging, self._params)
            if paging is None:
                return self.chosen.take(page)
            self._first, self.chosen = page, self._new_counted(paging)
        # A link to a next page means that more rows follow.
        more = page.following is not None if page.has_more is None else page.has_more
        if self._first is None or page is self._first:
            return self.chosen.take(replace(page, has_more=more))
        try:
            fresh = self.chosen.take(replace(page, has_more=more)) if page.rows else []
        except UnusableAnswerError:
            fresh = []
        if not fresh:
            # The API only returns the pages that it links to.
            self.chosen = self._new_chain()
            self.chosen.take(self._first)
        self._first = None
        return fresh

    def following(self, in_flight: int) -> Sequence[Position]:
        """Return the next positions; none while it is unknown how pages are requested."""
        return [] if self.is_trying else super().following(in_flight)

    @property
    def is_probing(self) -> bool:
        """Whether the API may reject the next request."""
        return self.is_trying or self.chosen.is_probing
