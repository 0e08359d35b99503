"""One read of a counted list: from its top to its end, and its top again.

Each page starts with the last row of the page before. If a page contains an unchanged row that was
read before, it overlaps, and nothing can lie between. Otherwise it is requested again from further
up.
"""

import sys

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_TRUST, PAGES_KEPT, TOP_PAGES, Patience
from helpdesk_assets.paging.end import End
from helpdesk_assets.paging.gaps import Gaps
from helpdesk_assets.paging.known import KnownRows
from helpdesk_assets.paging.positions import CeilingError, Window
from helpdesk_assets.paging.repeats import Repeats
from helpdesk_assets.paging.state import Phase, ReadState
from helpdesk_assets.paging.top import Top
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


class Reading:
    """Decides which page to request next, and processes responses.

    Args:
        state: the initial state, at the top of the list.
        least_overlap: the minimum number of rows by which pages overlap.

    Attributes:
        state: the state of the read.
        has_ended: whether the end of the list was confirmed, and rows added at its top were read.
        ended_early: whether the API returns no further rows, although there may be some.
        overlap_retries: the number of pages requested again because they did not overlap.
    """

    def __init__(self, state: ReadState, least_overlap: int) -> None:
        self.state = state
        self.has_ended = False
        self.ended_early = False
        self.overlap_retries = 0
        self._least_overlap = self._overlap = least_overlap
        self._known = KnownRows(PAGES_KEPT, state.identity)
        self._top = Top(state)
        self._end = End(state, self._top)
        self._gaps = Gaps(state)
        self._repeats = Repeats(state)
        self._patience = Patience()
        self._first_total: int | None = None
        self._furthest_read = 0
        self._trust = MOST_TRUST
        self._take_in = {
            Phase.DOWN: self._go_down,
            Phase.OTHER_OFFSET: self._repeats.take,
            Phase.END: self._end.find,
            Phase.FAR_BEYOND: self._end.far_beyond,
            Phase.PROBE: self._end.probe,
            Phase.TOP: self._top.take,
        }

    @property
    def has_moved(self) -> bool:
        """Whether the list was observed to change while it was read."""
        return self._first_total != self.state.total or self.overlap_retries > 0

    @property
    def places(self) -> int:
        """The expected number of rows, according to the positions and to the API."""
        state = self.state
        # If counted rows are omitted from pages, positions do not match rows.
        places = len(state.order.in_order) if state.sparse else state.places
        return max(places, self._end.total)

    @property
    def is_whole(self) -> bool:
        """Whether the number of distinct rows matches the positions, in a consistent order."""
        read = len(self.state.order.keys)
        return not self.state.order.broken and read >= max(self.state.places, self._end.total)

    @property
    def is_probing(self) -> bool:
        """Whether the next request is beyond the end, so that the API may reject it."""
        return self.state.phase in (Phase.PROBE, Phase.FAR_BEYOND)

    @property
    def is_at_end(self) -> bool:
        """Whether all rows have been read according to the API, and the end is to be confirmed."""
        state = self.state
        return state.phase == Phase.DOWN and 0 < state.wanted == (state.total or 0) - 1

    def following(self, in_flight: int) -> list[Window]:
        """Return the windows to request after the current one; see CompleteWalk."""
        state, limit = self.state, self.state.size.limit
        is_plain = state.phase == Phase.DOWN and self._overlap == 1 and state.size.widest > 1
        if not is_plain or not state.wanted or state.order.pinned:
            return []
        if self.is_at_end:
            try:
                end = state.paging.window_at(state.wanted + 1, limit)
            except CeilingError:
                # The end cannot be requested, which decides what follows; see take.
                return []
            return [end, state.paging.window(0, limit)]
        if state.total is not None and state.total > state.wanted:
            # More than the number of parallel requests, so that requests go on while rows are
            # written.
            ahead, until = 2 * in_flight, state.total - 1
        elif state.size.was_full:
            ahead, until = in_flight - 1, sys.maxsize
        else:
            return []
        windows: list[Window] = []
        window = state.position
        while len(windows) < min(ahead, self._trust):
            wanted = window.offset + min(window.size, state.size.widest) - 1
            if wanted >= until or wanted <= window.offset:
                break
            try:
                window = state.paging.window(wanted, limit)
            except UnusableAnswerError:
                # Raised again when that page is needed.
                break
            windows.append(window)
        return windows

    def take(self, page: Page) -> list[Row]:
        """Process a response, and return the rows in it that are new or have changed."""
        fresh = self._take(page)
        if not self.has_ended:
            try:
                self.state.position = self._window()
            except CeilingError:
                if not self.state.ends_early:
                    raise
                # Positions up to the wanted one have been read.
                self.state.places = self.state.wanted + 1
                self.has_ended = self.ended_early = True
        return fresh

    def _window(self) -> Window:
        """Return the window that contains the wanted row."""
        state = self.state
        if self.is_probing:
            try:
                return state.paging.window_at(state.wanted, state.paging.limit)
            except UnusableAnswerError:
                # The API serves no pages that far down.
                self._top.begin()
        if state.phase == Phase.END:
            return state.paging.window_at(state.wanted, state.size.limit)
        return state.paging.window(state.wanted, state.size.limit)

    def _take(self, page: Page) -> list[Row]:
        state, rows = self.state, page.rows
        self._patience.pages += 1
        state.total, state.has_more = page.total, page.has_more is True
        if self._patience.pages == 1:
            self._first_total = state.total
        state.reach = state.position.offset + len(rows) - 1
        known = state.wanted - state.position.offset + 1
        if self._is_as_expected(rows, known) and state.order.add(rows[known:]):
            return self._take_expected(rows, known)
        are_known = [self._known.has(row) or self._top.rows.has(row) for row in rows]
        as_it_is = state.position.offset == 0 or state.phase == Phase.OTHER_OFFSET
        places = state.order.unpinned(rows, are_known, state.previous, as_it_is=as_it_is)
        is_repeated = self._repeats.is_repeated(rows)
        state.previous = rows
        rows = [rows[place] for place in places]
        are_known = [are_known[place] for place in places]
        state.reach = state.position.offset + len(rows) - 1
        fresh = [row for row, known in zip(rows, are_known, strict=True) if not known]
        self._spend(fresh)
        state.size.adopt(rows, state.position, sparse=state.sparse)
        if is_repeated:
            return []
        if state.phase == Phase.DOWN and (True in are_known or not state.position.offset):
            is_first_way_down = self.overlap_retries == 0 and not self._end.is_near
            self._gaps.note(rows, is_first_way_down=is_first_way_down)
            near_top = state.position.offset < state.position.size
            state.order.check(rows, are_known, near_top=near_top)
        # A known and unchanged row has not moved, so the page overlaps. A page that does not
        # overlap is not added, because its rows would then be known and hide the gap before it.
        if not self._take_in[state.phase](rows, len(rows) - len(fresh)):
            return []
        self.has_ended |= self._top.is_known
        self._known.add(rows)
        state.last = rows[-1] if rows else None
        self._furthest_read = max(self._furthest_read, state.reach)
        return fresh

    def _is_as_expected(self, page: list[Row], known: int) -> bool:
        """Return whether a page is full and starts with the last rows of the one before."""
        state = self.state
        return (
            state.phase == Phase.DOWN
            and self._overlap == 1
            and len(page) == min(state.position.size, state.size.widest) > known
            and state.position.offset > 0
            # Not after a step back, when rows are read again.
            and state.wanted == self._furthest_read
            and page[known - 1] == state.last
            and (known == 1 or page[:known] == state.previous[-known:])
        )

    def _take_expected(self, rows: list[Row], known: int) -> list[Row]:
        state, fresh = self.state, rows[known:]
        self._known.add(rows)
        if self._patience.pages <= TOP_PAGES:
            self._top.keep(rows)
        self._spend(fresh)
        state.previous, state.last = rows, rows[-1]
        state.wanted = self._furthest_read = state.reach
        state.size.was_full = True
        self._trust = min(2 * self._trust, MOST_TRUST)
        return fresh

    def _spend(self, fresh: list[Row]) -> None:
        wanted, widest = self.state.wanted, self.state.size.widest
        self._patience.spend(
            fresh, wanted=wanted, widest=widest, overlap_retries=self.overlap_retries
        )

    def _go_down(self, page: list[Row], known: int) -> bool:
        """Continue from the last row of an overlapping page; go back if it does not overlap."""
        state, order = self.state, self.state.order
        joins = known > 0
        if not page and order.pinned and order.keys.is_within(order.pinned):
            # There are only pinned rows.
            self._end.is_shown()
            return False
        if state.position.offset > 0 and not joins:
            self.overlap_retries += 1
            self._trust = 1
            self._overlap *= 4
            state.wanted = max(0, state.wanted - self._overlap)
            return False
        # A changing list is read with more overlap, until it has not changed for a while.
        at_rest, least = len(page) == known, self._least_overlap
        less = max(least, min(self._overlap, state.size.widest // 2) * 3 // 4)
        self._overlap = least if at_rest else less
        if state.position.offset == 0 or self._patience.pages <= TOP_PAGES:
            self._top.keep(page)
        if self._is_all(page):
            state.places = len(page)
            self.has_ended = True
        elif state.reach > state.wanted:
            state.wanted = max(state.wanted, state.reach - self._overlap) + 1
        elif page and state.size.was_full and state.paging.limit_is_a_page:
            raise UnusableAnswerError(
                f"sends at most {state.size.widest} rows per page, and such small pages cannot "
                f"overlap at offset {state.wanted + 1}"
            )
        elif page:
            state.go(Phase.END, state.reach + 1)
        else:
            self._end.is_shown()
        return True

    def _is_all(self, page: list[Row]) -> bool:
        """Return whether the first page of a brief list is complete according to the API."""
        state = self.state
        return (
            state.brief
            and state.position.offset == 0
            and len(page) < state.position.size
            and state.total == len(page)
            and not state.has_more
        )
