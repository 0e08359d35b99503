"""A list whose pages name the next one by a number: a counted list under another name.

Such a link has the number of the next page in it, or how many rows come before it. It is followed
as nothing but a link where the size of a page cannot be chosen, for then pages cannot overlap.
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
    Window,
)
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

# How APIs call the parameters for the size of a page, for how many rows to leave out, and for the
# number of a page.
SIZE = re.compile(r"limit|size|per_?page|page_?len|top$|max_?results|count", re.I)
COUNT = re.compile(r"offset|skip", re.I)
OFFSET = re.compile(r"offset|skip|start|from|first", re.I)
NUMBER = re.compile(r"page|^p$", re.I)


def numbered(page: Page, paging: ChainPaging, params: Mapping[str, object]) -> Counted | None:
    """Return how to count the pages of a list, by where its first page says the next one is.

    Args:
        page: the first.
        paging: how the next page is asked for.
        params: what the list is asked with in any case.
    """
    rows, following = len(page.rows), page.following
    if not following or not rows:
        return None
    link = dict(parse_qsl(urlsplit(following).query))
    if paging.cursor_param:
        link = {paging.cursor_param: following}
    asked = {name: str(value) for name, value in params.items()}
    sizes = [
        name
        for name, value in (asked | link).items()
        if SIZE.search(name) and value == str(rows) and name != paging.cursor_param
    ]
    # A number that a row has may be a place among rows, and not how many come before.
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


class LinkedWalk:
    """Follows the links of a list, or counts its pages where the first link has a number.

    It is one walk to whoever uses it; its attributes are those of a CompleteWalk.

    Args:
        chain: makes a walk that follows links.
        counted: makes one that counts pages.
        params: what the list is asked with in any case.
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
        self._walk: ChainWalk | CompleteWalk = chain()
        self._first: Page | None = None

    @property
    def is_trying(self) -> bool:
        """Whether it is still to be seen that the API lets its pages be counted."""
        return isinstance(self._walk, CompleteWalk) and self._first is not None

    def take(self, page: Page) -> list[Row]:
        """Take an answer in; as of a CompleteWalk."""
        if isinstance(self._walk, ChainWalk):
            if self._walk.pages or self._walk.position is not None:
                return self._walk.take(page)
            paging = numbered(page, self._walk.paging, self._params)
            if paging is None:
                return self._walk.take(page)
            self._first, self._walk = page, self._new_counted(paging)
        # That a next page is named is how such an API says that more follow.
        more = page.following is not None if page.has_more is None else page.has_more
        if self._first is None or page is self._first:
            return self._walk.take(replace(page, has_more=more))
        try:
            fresh = self._walk.take(replace(page, has_more=more)) if page.rows else []
        except UnusableAnswerError:
            fresh = []
        if not fresh:
            # It does not let itself be asked for other pages than it names.
            self._walk = self._new_chain()
            self._walk.take(self._first)
        self._first = None
        return fresh

    def following(self, in_flight: int) -> Sequence[Position]:
        """Return what will be wanted next; nothing before it is seen how pages are asked for."""
        return [] if self.is_trying else self._walk.following(in_flight)

    @property
    def paging(self) -> Counted | ChainPaging:
        """How the API is asked, as far as it is known."""
        return self._walk.paging

    @property
    def position(self) -> Window | str | None:
        """What is wanted next."""
        return self._walk.position

    @property
    def has_ended(self) -> bool:
        """Whether the end has been shown."""
        return self._walk.has_ended

    @property
    def is_at_end(self) -> bool:
        """Whether all rows have been read, by what the API says."""
        return self._walk.is_at_end

    @property
    def is_probing(self) -> bool:
        """Whether the API may refuse what is wanted."""
        return self.is_trying or self._walk.is_probing

    @property
    def unverified(self) -> str | None:
        """Why it cannot be said that no row was left out."""
        return self._walk.unverified

    @property
    def pages(self) -> int:
        """How many answers were taken in."""
        return self._walk.pages

    @property
    def steps_back(self) -> int:
        """How many pages were asked for again from further up."""
        return self._walk.steps_back

    @property
    def total(self) -> int | None:
        """How many rows the API says there are."""
        return self._walk.total

    @property
    def rows_walked(self) -> int:
        """How many different rows have been read."""
        return self._walk.rows_walked
