"""Detects rows that an API counts but omits from its pages.

Such a page is short, and its last row is found at a higher position than expected, with or without
other rows after it. The last page of a changing list looks similar.
"""

from helpdesk_assets.paging.state import ReadState
from helpdesk_assets.tables.rows import Row

LEFT_OUT = (
    "it counts rows that it omits from its pages, so completeness cannot be verified; exclude "
    "these rows with a filter under params in its profile"
)


class Gaps:
    """Looks for omitted rows while reading, and records in the state whether there are any."""

    def __init__(self, state: ReadState) -> None:
        self._state = state
        self._was_short = self._was_last = False
        self._total_before: int | None = None

    def note(self, page: list[Row], *, is_first_way_down: bool) -> None:
        """Inspect a page that overlaps the one before.

        Args:
            page: the rows of the page.
            is_first_way_down: whether no page had to be requested again so far.
        """
        state = self._state
        if self._was_short and is_first_way_down and state.last in page:
            place = page.index(state.last)
            lag = place - (state.wanted - state.position.offset)
            after = state.keys(page[place + 1 :])
            if after and not self._was_last:
                state.sparse |= lag > 0 and not any(key in state.order.keys for key in after)
            elif not after and state.total == self._total_before:
                state.sparse |= lag > 1
        self._total_before = state.total
        self._was_short = len(page) < state.position.size
        until = state.position.offset + len(page)
        self._was_last = state.total is not None and until >= state.total
