"""Detects APIs that return the same page for any offset."""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_SAME
from helpdesk_assets.paging.state import Phase, ReadState
from helpdesk_assets.tables.rows import Row


class Repeats:
    """Requests other offsets if two returned the same page, and fails if offsets are ignored."""

    def __init__(self, state: ReadState) -> None:
        self._state = state
        self._repeated: list[Row] = []
        self._same = 0
        self._return_to = 0

    def is_repeated(self, page: list[Row]) -> bool:
        """Return whether two offsets returned the same page; if so, request other ones next.

        The last pages of a list are shorter, and may be the same legitimately.
        """
        state = self._state
        repeated = (
            state.phase == Phase.DOWN
            and state.position.offset > 0
            and len(page) == min(state.position.size, state.size.widest) > 1
            and state.keys(page) == state.keys(state.previous[: len(page)])
        )
        if repeated:
            self._repeated, self._return_to = page, state.wanted
            state.go(Phase.OTHER_OFFSET, state.wanted + len(page) // 2)
        return repeated

    def take(self, page: list[Row], known: int) -> bool:
        """Process the page for another offset; a list may have shifted once, but not repeatedly.

        Raises:
            UnusableAnswerError: the same page was returned again.
        """
        state = self._state
        shared = min(len(page), len(self._repeated))
        if page and state.keys(page[:shared]) == state.keys(self._repeated[:shared]):
            self._same += 1
            if self._same == MOST_SAME:
                window = state.paging.window(self._return_to, state.size.limit)
                place = state.paging.place(window)
                raise UnusableAnswerError(
                    f"sent the same {len(page)} rows for {place} as for an earlier one: it ignores "
                    f"{place.partition(' ')[0]}, so the rows after them cannot be read"
                )
            state.wanted += max(1, len(page) // 2)
            return False
        self._same = 0
        state.go(Phase.DOWN, self._return_to)
        return False
