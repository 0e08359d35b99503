"""Reads the rows that were added at the top of a counted list while it was read."""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_TOP_READS, TOP_PAGES
from helpdesk_assets.paging.known import KnownRows
from helpdesk_assets.paging.state import Phase, ReadState
from helpdesk_assets.tables.rows import Row


class Top:
    """Keeps the top of a list, and reads it again at the end.

    Attributes:
        is_known: whether a single response has shown all rows that were added there.
    """

    def __init__(self, state: ReadState) -> None:
        self._state = state
        self.rows = KnownRows(TOP_PAGES, state.identity)
        self.is_known = False
        self._top_reads = 0
        self._seen: list[list[Row]] = []

    def keep(self, page: list[Row]) -> None:
        """Keep the first version of rows.

        A ticket that is listed again further down counts there.
        """
        self.rows.add([row for row in page if not self.rows.knows(row)])

    def begin(self) -> None:
        """Read the top again.

        Raises:
            UnusableAnswerError: it was read too often.
        """
        self._top_reads += 1
        if self._top_reads > MOST_TOP_READS:
            raise UnusableAnswerError(
                f"changed the top of its list faster than it could be read, {MOST_TOP_READS} times"
            )
        self._seen = []
        self._state.go(Phase.TOP, 0)

    def take(self, page: list[Row], known: int) -> bool:
        """Read the rows added at the top since the last time, down to the known ones."""
        state = self._state
        first = state.position.offset == 0
        # It has to overlap the page before: rows from further down are known as well, but do not
        # prove that nothing lies between.
        if not first and not any(row in self._seen[-1] for row in page):
            self.begin()
            return False
        reaches_down = any(self.rows.has(row) for row in page)
        self._seen.append(list(page))
        state.order.keys.update(state.keys(page))
        if first and (reaches_down or not page):
            self.is_known = True
        elif reaches_down or state.reach <= state.wanted:
            for seen in self._seen:
                self.rows.add(seen)
            self.begin()
        else:
            state.wanted = state.reach
        return True
