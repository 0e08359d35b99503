"""Confirms that nothing follows the last row of a counted list."""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_DOUBTS
from helpdesk_assets.paging.gaps import LEFT_OUT
from helpdesk_assets.paging.state import Phase, ReadState
from helpdesk_assets.paging.top import Top
from helpdesk_assets.tables.rows import Row

# Where to look for rows beyond an unconfirmed end, in pages from it.
PROBES = (1, 2, 3, 4)
FAR = 5


class End:
    """Expects nothing after the last row, and goes back if there is something.

    Args:
        state: the state of the read.
        top: the top of the list, which is read again after the end was confirmed.

    Attributes:
        is_near: whether rows were found after the assumed last row.
        total: the total reported by the API when the end was confirmed.
    """

    def __init__(self, state: ReadState, top: Top) -> None:
        self._state = state
        self._top = top
        self.is_near = False
        self.total = 0
        self._page: list[Row] = []
        self._probes = 0
        self._doubts = 0
        self._singles = 0

    def find(self, page: list[Row], known: int) -> bool:
        """Expect an empty page after the last row, which was alone on the page before."""
        state = self._state
        # If the API limits the page number, the end cannot be requested alone; then the page
        # contains the last rows again, and nothing after them.
        if not page or (state.reach < state.wanted and known == len(page) < state.position.size):
            self.is_shown()
            return False
        if state.sparse and page[-1] == state.last and len(page) < state.size.widest:
            # The last row is further down than expected, and nothing follows it up to there.
            state.wanted = state.position.offset + state.position.size - 1
            return False
        self.is_near = True
        if known == len(page):
            # The API may return this page for any offset beyond the end.
            if self._page == page:
                state.places, limit = state.wanted, state.size.limit
                state.go(Phase.FAR_BEYOND, (state.places // limit + FAR) * limit)
                return False
            self._page = page
        if state.size.widest == 1:
            # A help desk with one ticket may just have received its second.
            self._singles += 1
            if self._singles > MOST_DOUBTS:
                raise UnusableAnswerError(
                    f"sends one row per page although {state.size.limit} were requested, and pages "
                    "of one row cannot overlap"
                )
        state.go(Phase.DOWN, state.wanted - 1)
        return False

    def far_beyond(self, page: list[Row], known: int) -> bool:
        """Compare the page far beyond the end with the page just after it."""
        state = self._state
        state.wanted = state.places
        if page == self._page:
            self.is_shown()
        else:
            state.go(Phase.DOWN, state.wanted - 1)
        self._page = []
        return False

    def is_shown(self) -> None:
        """Accept the end, unless the API reports that more rows follow."""
        state = self._state
        state.places, self.total = state.wanted, state.total or 0
        read = max(state.wanted, len(state.order.keys) if state.order.pinned else 0)
        says_more = state.has_more or (state.total is not None and state.total > read)
        if not says_more:
            self._confirm()
        elif self._doubts < MOST_DOUBTS:
            # The API may have counted the rows at another time than it listed them.
            self._doubts += 1
            state.go(Phase.DOWN, state.wanted - 1)
        elif state.has_more:
            raise UnusableAnswerError(f"reports more rows after {read}, but sends none")
        else:
            raise UnusableAnswerError(f"reports {state.total} rows, but its list ends after {read}")

    def _confirm(self) -> None:
        """Look beyond an end that no total confirms, because pages in mid-list may be empty."""
        state = self._state
        unsure = state.sparse or (state.total is None and not state.brief)
        if not unsure or self._probes == len(PROBES):
            self._top.begin()
            return
        size = state.paging.limit
        beyond = (state.places // size + PROBES[self._probes]) * size
        self._probes += 1
        state.go(Phase.PROBE, beyond)

    def probe(self, page: list[Row], known: int) -> bool:
        """Expect nothing beyond the end."""
        state = self._state
        if not page:
            self._confirm()
        elif self._doubts < MOST_DOUBTS:
            # These rows may have been added meanwhile.
            self._doubts += 1
            self._probes = 0
            state.go(Phase.DOWN, state.places - 1)
        else:
            raise UnusableAnswerError(
                f"sends no rows for offset {state.places}, but some for {state.position.offset}: "
                f"{LEFT_OUT}"
            )
        return False
