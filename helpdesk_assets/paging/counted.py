"""Complete paging: reads counted pages, and proves that no ticket was skipped.

Offsets count rows, and rows shift while they are read: when a ticket is deleted, all following
ones move up by one, and one of them crosses the boundary into the page that was already read.

Therefore the pages of a read overlap (see Reading). It ends when the API has confirmed that nothing
follows (see End), and the top of the list, read again, is unchanged (see Top). This also reads
tickets that were added or moved to the top meanwhile.

Guarantee: every ticket that existed from the first request to the last has been read, if the list
is sorted, ascending or descending, by a field that does not change (the id) or by one that every
change updates (the time of the last change). If this cannot be proved, UnusableAnswerError is
raised.

The proof is about positions, not tickets. Therefore the number of distinct tickets has to match the
number of positions, in a consistent order (see Order). Otherwise the list is read again with other
page boundaries, to verify that it contains the same rows in the same order. A row deleted after it
was read could compensate for one that was skipped; so a list that has changed is read again, too,
unless the sort keys at all page boundaries are unambiguous (see PageBoundaries). If it changes
during each read, it is not verified.
"""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_PAGES, MOST_WALKS
from helpdesk_assets.paging.gaps import LEFT_OUT
from helpdesk_assets.paging.order import Order
from helpdesk_assets.paging.positions import Counted, OffsetPaging, Window
from helpdesk_assets.paging.reading import Reading
from helpdesk_assets.paging.sequence import KeySequence
from helpdesk_assets.paging.state import PageSize, ReadState
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import ID, Identity
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


class CompleteWalk:
    """Decides which page to request next, and processes responses.

    Args:
        paging: how pages are counted; the API may send fewer rows than requested.
        identity: the paths of the key in a row.
        brief: whether one short page ends the walk if the API also reports that it is complete.
            Meant for a list of changes, the end of which is read again by the next sync.
        most_pages: the number of responses after which the walk fails.
        order_param: the sort parameter, if the profile has one.
        ends_early: whether the list may end where the API returns no further rows.

    Attributes:
        has_ended: whether the end was confirmed, and no row was skipped.
        unverified: why completeness cannot be verified; None if it is verified.
        pages: the number of responses processed.
    """

    def __init__(
        self,
        paging: Counted | None = None,
        *,
        identity: Identity = ID,
        brief: bool = False,
        most_pages: int = MOST_PAGES,
        order_param: str | None = None,
        ends_early: bool = False,
    ) -> None:
        self._identity = identity
        self.paging: Counted = paging or OffsetPaging()
        self._brief = brief
        self._most_pages = most_pages
        self._order_param = order_param
        self._ends_early = ends_early
        self._size = PageSize(self.paging)
        self.has_ended = False
        self.unverified: str | None = None
        self.pages = 0
        self._walks = 0
        self._steps_before = 0
        self._read_before = DistinctKeys()
        self._rows: int | None = None
        self._in_order = KeySequence(0).fingerprint
        self._reading = self._begin(sparse=False)

    def _begin(self, *, sparse: bool) -> Reading:
        """Start a new read at the top, without using what was read before."""
        self._walks += 1
        order = Order(self._identity, notes_contents=self._walks > 1)
        top = self.paging.window(0, self._size.limit)
        state = ReadState(
            self.paging,
            self._identity,
            self._size,
            order,
            self._brief,
            top,
            sparse,
            self._ends_early,
        )
        # Each read overlaps by more than the last, so that its page boundaries differ.
        return Reading(state, least_overlap=self._walks)

    @property
    def ended_early(self) -> bool:
        """Whether the API returns no further rows, although there may be some."""
        return self._reading.ended_early

    @property
    def position(self) -> Window:
        """The next window to request."""
        return self._reading.state.position

    @property
    def total(self) -> int | None:
        """The total number of rows last reported by the API; None if it reports none."""
        return self._reading.state.total

    @property
    def overlap_retries(self) -> int:
        """The number of pages that did not overlap and were requested again from further up."""
        return self._steps_before + self._reading.overlap_retries

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read."""
        if self._rows is not None:
            return self._rows
        return self._reading.state.order.keys.count_with(self._read_before)

    @property
    def is_probing(self) -> bool:
        """Whether the next request is beyond the end, so that the API may reject it."""
        return self._reading.is_probing

    @property
    def is_at_end(self) -> bool:
        """Whether all rows have been read according to the API, and the end is to be confirmed."""
        return self._reading.is_at_end

    def following(self, in_flight: int) -> list[Window]:
        """Return the windows to request after the current one if the list does not change.

        Pages requested ahead are verified like any other. The end of the list, and its top again,
        are only requested after everything before was read: otherwise a ticket that moves there
        meanwhile could be missed.

        Args:
            in_flight: the maximum number of parallel requests.
        """
        return self._reading.following(in_flight)

    def take(self, page: Page) -> list[Row]:
        """Process a response, and return the rows in it that are new or have changed.

        Args:
            page: the response to a request for ``position``.

        Raises:
            UnusableAnswerError: rows are missing, or completeness cannot be proved.
        """
        self.pages += 1
        if self.pages > self._most_pages:
            raise UnusableAnswerError(
                f"sent {self._most_pages} pages, and the end of its list was not reached"
            )
        fresh = self._reading.take(page)
        if self._read_before:
            # Rows that have changed since are left to the next sync, like any later change.
            keys = self._reading.state.keys(fresh)
            before = self._read_before
            fresh = [row for row, key in zip(fresh, keys, strict=True) if key not in before]
        if self._reading.has_ended:
            self._finish()
        return fresh

    def _finish(self) -> None:
        """End if the distinct rows match the positions in a consistent order; else read again."""
        reading, order = self._reading, self._reading.state.order
        # A row deleted after it was read could compensate for one that was skipped.
        is_sure = not reading.has_moved or order.is_unique
        # Rows in the same order with other page boundaries have stable positions; different rows
        # with the same id count separately.
        holds = (
            order.in_order.fingerprint == self._in_order and len(order.contents) >= reading.places
        )
        if holds or (reading.is_whole and (is_sure or self._walks > 1)):
            self.has_ended = True
            self._forget_keys()
            if not (holds or is_sure):
                self.unverified = (
                    "the list changed during each read, and its sort order is ambiguous at page "
                    f"boundaries: {self._remedy}"
                )
            return
        missing = len(order.keys) < reading.places
        if missing and reading.state.sparse and len(order.in_order) == len(order.keys):
            raise UnusableAnswerError(
                f"reports {reading.places} rows, but its pages contained {len(order.keys)}: "
                f"{LEFT_OUT}"
            )
        if self._walks == MOST_WALKS:
            seen = (
                f"returned {len(order.keys)} distinct rows for the {reading.places} positions of "
                "its list"
                if missing
                else "returned unchanged rows in a different order on each page"
            )
            raise UnusableAnswerError(
                f"{seen}, even when it was read again, so rows may be missing: {self._remedy}"
            )
        self._in_order = order.in_order.fingerprint
        self._read_before.add_all(order.keys)
        self._steps_before += reading.overlap_retries
        if reading.state.sparse:
            self._size.reset()
        self._reading = self._begin(sparse=reading.state.sparse)

    def _forget_keys(self) -> None:
        """Release the keys of all rows, whose memory the merge can use, and keep their number."""
        self._rows = self.rows_walked
        self._reading.state.order.keys = self._read_before = DistinctKeys()

    @property
    def _remedy(self) -> str:
        param = self._order_param or "a sort parameter"
        return (
            f"sort the list by a unique field, such as the id, with {param} under params in its "
            "profile"
        )
