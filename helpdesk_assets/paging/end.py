"""Confirms that nothing follows the last row of a counted list."""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_DOUBTS
from helpdesk_assets.paging.gaps import LEFT_OUT
from helpdesk_assets.paging.stand import Phase, Stand
from helpdesk_assets.paging.top import Top
from helpdesk_assets.tables.rows import Row

# Where to look for rows beyond an unconfirmed end, in pages from it.
PROBES = (1, 2, 3, 4)
FAR = 5


class End:
    """Expects nothing after the last row, and goes back if there is something.

    Args:
        stand: the state of the read.
        top: the top of the list, which is read again after the end was confirmed.

    Attributes:
        is_near: whether rows were found after the assumed last row.
        total: the total reported by the API when the end was confirmed.
    """

    def __init__(self, stand: Stand, top: Top) -> None:
        self._stand = stand
        self._top = top
        self.is_near = False
        self.total = 0
        self._page: list[Row] = []
        self._probes = 0
        self._doubts = 0
        self._singles = 0

    def find(self, page: list[Row], known: int) -> bool:
        """Expect an empty page after the last row, which was alone on the page before."""
        stand = self._stand
        # If the API limits the page number, the end cannot be requested alone; then the page
        # contains the last rows again, and nothing after them.
        if not page or (stand.reach < stand.wanted and known == len(page) < stand.position.size):
            self.is_shown()
            return False
        if stand.sparse and page[-1] == stand.last and len(page) < stand.size.widest:
            # The last row is further down than expected, and nothing follows it up to there.
            stand.wanted = stand.position.offset + stand.position.size - 1
            return False
        self.is_near = True
        if known == len(page):
            # The API may return this page for any offset beyond the end.
            if self._page == page:
                stand.places, limit = stand.wanted, stand.size.limit
                stand.go(Phase.FAR_BEYOND, (stand.places // limit + FAR) * limit)
                return False
            self._page = page
        if stand.size.widest == 1:
            # A help desk with one ticket may just have received its second.
            self._singles += 1
            if self._singles > MOST_DOUBTS:
                raise UnusableAnswerError(
                    f"sends one row per page although {stand.size.limit} were requested, and pages "
                    "of one row cannot overlap"
                )
        stand.go(Phase.DOWN, stand.wanted - 1)
        return False

    def far_beyond(self, page: list[Row], known: int) -> bool:
        """Compare the page far beyond the end with the page just after it."""
        stand = self._stand
        stand.wanted = stand.places
        if page == self._page:
            self.is_shown()
        else:
            stand.go(Phase.DOWN, stand.wanted - 1)
        self._page = []
        return False

    def is_shown(self) -> None:
        """Accept the end, unless the API reports that more rows follow."""
        stand = self._stand
        stand.places, self.total = stand.wanted, stand.total or 0
        read = max(stand.wanted, len(stand.order.keys) if stand.order.pinned else 0)
        says_more = stand.has_more or (stand.total is not None and stand.total > read)
        if not says_more:
            self._confirm()
        elif self._doubts < MOST_DOUBTS:
            # The API may have counted at another time than it listed.
            self._doubts += 1
            stand.go(Phase.DOWN, stand.wanted - 1)
        elif stand.has_more:
            raise UnusableAnswerError(f"reports more rows after {read}, but sends none")
        else:
            raise UnusableAnswerError(f"reports {stand.total} rows, but its list ends after {read}")

    def _confirm(self) -> None:
        """Look beyond an end that no total confirms, because pages in mid-list may be empty."""
        stand = self._stand
        unsure = stand.sparse or (stand.total is None and not stand.brief)
        if not unsure or self._probes == len(PROBES):
            self._top.begin()
            return
        size = stand.paging.limit
        beyond = (stand.places // size + PROBES[self._probes]) * size
        self._probes += 1
        stand.go(Phase.PROBE, beyond)

    def probe(self, page: list[Row], known: int) -> bool:
        """Expect nothing beyond the end."""
        stand = self._stand
        if not page:
            self._confirm()
        elif self._doubts < MOST_DOUBTS:
            # These rows may have been added meanwhile.
            self._doubts += 1
            self._probes = 0
            stand.go(Phase.DOWN, stand.places - 1)
        else:
            raise UnusableAnswerError(
                f"sends no rows for offset {stand.places}, but some for {stand.position.offset}: "
                f"{LEFT_OUT}"
            )
        return False
