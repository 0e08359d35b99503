"""The state of one read of a counted list, shared by the objects that decide how to continue."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from helpdesk_assets.paging.bounds import FEWEST_IN_A_PAGE
from helpdesk_assets.paging.order import Order
from helpdesk_assets.paging.positions import Counted, Window
from helpdesk_assets.tables.keys import Identity, keys_of
from helpdesk_assets.tables.rows import Row


class Phase(Enum):
    """How the next response is processed."""

    DOWN = auto()
    OTHER_OFFSET = auto()
    END = auto()
    FAR_BEYOND = auto()
    PROBE = auto()
    TOP = auto()


class PageSize:
    """The requested page size, and the actual one.

    Attributes:
        limit: the number of rows requested per page.
        widest: the size of the largest page so far.
        was_full: whether the last page was full.
    """

    def __init__(self, paging: Counted) -> None:
        self._paging = paging
        self.limit = paging.limit
        self.widest = 0
        self.was_full = False

    def adopt(self, rows: Sequence[Row], position: Window, *, sparse: bool) -> None:
        """Learn the maximum page size of the API; with page numbers, request pages of that size."""
        self.widest = max(self.widest, len(rows))
        most = self.widest
        if self._paging.limit_is_a_page and not sparse:
            # A smaller page is a short list.
            most = max(most, FEWEST_IN_A_PAGE)
            self.limit = min(self.limit, most)
        self.was_full = len(rows) >= min(position.size, most)

    def reset(self) -> None:
        """Request the initial page size again."""
        self.limit = self._paging.limit


@dataclass
class ReadState:
    """The state of a read.

    Attributes:
        paging: how pages are counted.
        identity: the paths of the key in a row.
        size: the page size.
        order: the observed order of the list.
        brief: see CompleteWalk.
        position: the window of the last response.
        wanted: the position to read next; its row, the first of the next page, has been read.
        phase: how the next response is processed.
        reach: the position of the last row in the last response.
        last: the last row read.
        previous: the rows of the last page.
        total: the total last reported by the API.
        has_more: whether the API reported that more rows follow.
        sparse: whether counted rows are omitted from pages.
        ends_early: whether the list may end where the API returns no further rows.
        places: the number of positions in the list, after its end was confirmed.
    """

    paging: Counted
    identity: Identity
    size: PageSize
    order: Order
    brief: bool
    position: Window
    sparse: bool
    ends_early: bool = False
    wanted: int = 0
    phase: Phase = Phase.DOWN
    reach: int = -1
    last: Row | None = None
    previous: list[Row] = field(default_factory=list)
    total: int | None = None
    has_more: bool = False
    places: int = 0

    def keys(self, rows: Sequence[Row]) -> list[Hashable]:
        """Return the keys of rows."""
        return keys_of(rows, self.identity)

    def go(self, phase: Phase, wanted: int) -> None:
        """Set the phase and the wanted position."""
        self.phase, self.wanted = phase, max(0, wanted)
