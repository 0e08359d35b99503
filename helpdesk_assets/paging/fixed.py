"""Reads numbered pages whose size cannot be chosen, or is too small for pages to overlap.

If a row is deleted while pages are read from the first to the last, later rows move up by one, and
one of them moves from a page that is still to be read to one that was read before. It is lost
without notice. Therefore such a list is read from its last page to its first: then rows move
to pages that are still to be read. New rows, which come at the end, are read afterwards.

This needs the total number of rows, and a list that is sorted by a number that only grows, such as
the id, or by the time of the last change. Otherwise it is read from its first page on, and
completeness is not verified.
"""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.backward import BackwardPages
from helpdesk_assets.paging.forward import ForwardPages, beyond
from helpdesk_assets.paging.positions import ChainPaging
from helpdesk_assets.paging.walk import ChosenWalk
from helpdesk_assets.tables.keys import ID, Identity
from helpdesk_assets.tables.paths import Path
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


class FixedPagesWalk(ChosenWalk):
    """Reads a list from its last page to its first, or from its first page on.

    It has the attributes of a CompleteWalk.

    Args:
        paging: the number is a parameter, or a path in the JSON body.
        base_page: the number of the first page.
        maximum_page: the number of the last page that the API returns; None: all.
        identity, brief: see ChainWalk.
        cursor: the path of the time of the last change, if the list is sorted by it; None: it is
            not.
    """

    def __init__(
        self,
        paging: ChainPaging,
        base_page: int,
        *,
        maximum_page: int | None = None,
        identity: Identity = ID,
        brief: bool = False,
        cursor: Path | None = None,
    ) -> None:
        super().__init__(
            ForwardPages(
                paging, base_page, maximum_page=maximum_page, identity=identity, brief=brief
            )
        )
        self._base_page = base_page
        self._maximum_page = maximum_page
        self._identity = identity
        self._cursor = cursor

    def take(self, page: Page) -> list[Row]:
        """Process a response; see CompleteWalk."""
        if not self.chosen.pages and page.total is not None and page.rows:
            backward = BackwardPages(
                self.chosen.paging,
                self._base_page,
                page,
                identity=self._identity,
                cursor=self._cursor,
            )
            last = int(backward.position)
            if self._maximum_page is not None and last > self._maximum_page:
                raise UnusableAnswerError(beyond(self._maximum_page))
            if backward.is_sorted:
                self.chosen = backward
                return page.rows
        return self.chosen.take(page)
