"""From where a later run can read a list in slices on, after an interruption.

Rows that change move to the end of the list, so those before the start of a slice need not be read
again. Like any slice, the first one of the later run has to overlap the one before. The rows of the
overlap may have changed since, so they may be in any later slice.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from helpdesk_assets.paging.positions import ChainPaging, Paging, Position
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

# Returns what is stored of a key, which may be personal data.
Fingerprint = Callable[[Hashable], str]


@dataclass(frozen=True)
class Checkpoint:
    """From where a later run can read on, and how the list was read up to there.

    Attributes:
        start: the time from which rows are requested.
        expected: the fingerprints of rows that were read before and have to be returned again.
        name: the pass of the profile that they belong to; None: the list has no passes.
        pages, overlap_retries, unverified: of the walk so far; see AWalk.
    """

    start: datetime
    expected: Sequence[str] = ()
    name: str | None = None
    pages: int = 0
    overlap_retries: int = 0
    unverified: str | None = None


class ReadBefore:
    """What an interrupted run has read of a list, with the attributes of a walk that has ended.

    Its rows are not counted: they are in the table.

    Args:
        up_to: the checkpoint up to which it has read.
        fingerprint: returns the fingerprint of a key.

    Attributes:
        up_to: as above.
    """

    paging: Paging = ChainPaging()
    position: Position = None
    has_ended = True
    is_at_end = True
    is_probing = False
    total: int | None = None
    rows_walked = 0

    def __init__(self, up_to: Checkpoint, fingerprint: Fingerprint) -> None:
        self.up_to = up_to
        self.pages = up_to.pages
        self.overlap_retries = up_to.overlap_retries
        self.unverified = up_to.unverified
        self._fingerprint = fingerprint
        self._missing = set(up_to.expected)
        self._most_missing = len(self._missing) // 2

    @property
    def joins(self) -> bool:
        """Whether enough of the rows were returned again that have to be."""
        return len(self._missing) <= self._most_missing

    def note(self, keys: Iterable[Hashable]) -> None:
        """Note the keys of rows that were read since."""
        if not self.joins:
            self._missing.difference_update(map(self._fingerprint, keys))

    def following(self, in_flight: int) -> Sequence[Position]:
        """Return the positions to request: none."""
        return ()

    def take(self, page: Page) -> list[Row]:
        """Process a response; there is none."""
        raise NotImplementedError
