"""The limits after which a walk fails; each is far above what a normal list needs."""

from collections.abc import Sequence
from typing import Any

from helpdesk_assets.errors import UnusableAnswerError

# By how many pages a list may shift between two requests and still be recognized.
PAGES_KEPT = 50
# How many pages from the top of the list are kept, to recognize it at the end.
TOP_PAGES = 10
# Maximum number of pages, far more than any help desk has; only an endless list reaches it.
MOST_PAGES = 1_000_000
# Consecutive responses without a new row, and reads of the top; normally there are three and one.
MOST_IDLE = 100
MOST_TOP_READS = 25
# How often the API may contradict the end of its list before the walk fails.
MOST_DOUBTS = 5
# Offsets, after the first two, that have to return the same page before the walk fails.
MOST_SAME = 3
# Requested pages, as a multiple of those needed for an unchanging list.
MOST_TIMES = 20
# Minimum number of rows in a numbered page: the pages of smaller sizes sometimes all end at the
# same position, and cannot overlap there.
FEWEST_IN_A_PAGE = 20
# Pages requested ahead; fewer after pages that did not overlap.
MOST_TRUST = 64
# How often a list is read if its positions and rows do not match.
MOST_WALKS = 3


class Patience:
    """Fails a read that makes no progress.

    Attributes:
        pages: the number of responses so far.
    """

    def __init__(self) -> None:
        self.pages = 0
        self._furthest = 0
        self._idle = 0

    def spend(
        self, fresh: Sequence[Any], *, wanted: int, widest: int, overlap_retries: int
    ) -> None:
        """Count a response.

        Args:
            fresh: the new rows in it.
            wanted: the current position.
            widest: the size of the largest page.
            overlap_retries: how many pages were requested again because they did not overlap.

        Raises:
            UnusableAnswerError: there were too many responses with too little progress.
        """
        self._furthest = max(self._furthest, wanted)
        if self.pages > MOST_IDLE + MOST_TIMES * self._furthest // max(1, widest - 1):
            raise UnusableAnswerError(
                f"changed faster than it could be read: after {self.pages} pages, "
                f"{overlap_retries} of them requested again because they did not overlap, the sync "
                f"is at offset {wanted}"
            )
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE:
            raise UnusableAnswerError(
                f"sent no new rows in {MOST_IDLE} responses, the last for offset {wanted}, and the "
                "end of its list was not reached"
            )
