"""Reads numbered pages from the first to the last; see ``helpdesk_assets.paging.fixed``."""

from dataclasses import replace

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.backward import UNSORTED
from helpdesk_assets.paging.chained import ChainWalk
from helpdesk_assets.paging.positions import ChainPaging
from helpdesk_assets.tables.keys import ID, Identity
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


def beyond(number: int) -> str:
    """Return the message for a list that goes on after the last page that the API returns."""
    return (
        f"serves no pages after page {number}, so further rows cannot be read: use incremental "
        "loading, or add a filter under params in its profile"
    )


class ForwardPages(ChainWalk):
    """Reads a list from its first page on.

    The list ends with an empty page, with the last page once more, or where a flag of the API, or
    its total, indicates it.

    Args:
        paging: the number is a parameter, or a path in the JSON body.
        base_page: the number of the first page.
        maximum_page: the number of the last page that the API returns; None: all.
        identity, brief: see ChainWalk.
    """

    unverified = UNSORTED

    def __init__(
        self,
        paging: ChainPaging,
        base_page: int,
        *,
        maximum_page: int | None = None,
        identity: Identity = ID,
        brief: bool = False,
    ) -> None:
        super().__init__(paging, identity=identity, brief=brief, start=str(base_page))
        self._base_page = base_page
        self._maximum_page = maximum_page
        self._widest = 0
        self._before: list[Row] = []

    @property
    def is_probing(self) -> bool:
        """Whether the next request may be beyond the end, so that the API may reject it."""
        return self.position != self._start and len(self._before) < max(2, self._widest)

    def take(self, page: Page) -> list[Row]:
        """Process a response; see ChainWalk."""
        number = int(str(self.position))
        self._widest = max(self._widest, len(page.rows))
        is_same = page.rows == self._before and self.position != self._start
        self._before = page.rows
        read = (number - self._base_page) * self._widest + len(page.rows)
        is_end = not page.rows or is_same or page.has_more is False
        if page.total is not None and page.has_more is not True:
            is_end |= read >= page.total
        following = None if is_end else str(number + 1)
        if following and number == self._maximum_page:
            raise UnusableAnswerError(beyond(number))
        # An API that reports more rows and sends none contradicts itself.
        has_more = True if page.has_more and not page.rows else None
        return super().take(replace(page, following=following, has_more=has_more))
