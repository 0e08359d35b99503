"""Where one reading of a counted list stands: what those who decide how it goes on all look at."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from helpdesk_assets.paging.bounds import FEWEST_IN_A_PAGE
from helpdesk_assets.paging.order import Order
from helpdesk_assets.paging.positions import Counted, Window
from helpdesk_assets.tables.keys import Identity, keys_of
from helpdesk_assets.tables.rows import Row


class Phase(Enum):
    """What a reading is about to do with the next answer."""

    DOWN = auto()
    OTHER_OFFSET = auto()
    END = auto()
    FAR_BEYOND = auto()
    PROBE = auto()
    TOP = auto()


class PageSize:
    """How many rows are asked for in a page, and how many the API sends.

    Attributes:
        limit: how many are asked for.
        widest: the most that have come.
        was_full: whether the last page had as many as pages of this API have.
    """

    def __init__(self, paging: Counted) -> None:
        self._paging = paging
        self.limit = paging.limit
        self.widest = 0
        self.was_full = False

    def adopt(self, rows: Sequence[Row], position: Window, *, sparse: bool) -> None:
        """Learn how many rows the API sends at most; where they are one page, ask for so many."""
        self.widest = max(self.widest, len(rows))
        most = self.widest
        if self._paging.limit_is_a_page and not sparse:
            # A page of fewer is a short list.
            most = max(most, FEWEST_IN_A_PAGE)
            self.limit = min(self.limit, most)
        self.was_full = len(rows) >= min(position.size, most)

    def reset(self) -> None:
        """Ask for as many as at first."""
        self.limit = self._paging.limit


@dataclass
class Stand:
    """Where a reading stands.

    Attributes:
        paging: how the API counts.
        identity: where in a row the parts of its key are.
        size: of pages.
        order: what the pages show of the order of the list.
        brief: as of a CompleteWalk.
        position: the window that the last answer was for.
        wanted: the place that is to be read next; the row there, at the top of what comes, has
            been read.
        phase: what for.
        reach: the place of the last row of the last answer.
        last: the last row that was read.
        previous: the rows of the last page.
        total: how many rows the API last said there are.
        has_more: whether it said that more follow.
        sparse: whether rows are left out of pages after they were counted.
        places: how many places the list has, where its end has been shown.
    """

    paging: Counted
    identity: Identity
    size: PageSize
    order: Order
    brief: bool
    position: Window
    sparse: bool
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
        """Want the row at a place, for a phase."""
        self.phase, self.wanted = phase, max(0, wanted)
