"""How far a walk goes before it is given up: each of these is far above what a list takes."""

from collections.abc import Sequence
from typing import Any

from helpdesk_assets.errors import UnusableAnswerError

# How far a list may move between two requests, in pages, and still be joined.
PAGES_KEPT = 50
# How much of the top of the list is kept, in pages, to recognize it by at the end.
TOP_PAGES = 10
# Far above any help desk; only a list without an end comes here.
MOST_PAGES = 1_000_000
# Answers in a row without a new row, and looks at the top; a walk that goes well has three and one.
MOST_IDLE = 100
MOST_LOOKS = 25
# How often the API may contradict the end of its own list before it is believed.
MOST_DOUBTS = 5
# Offsets, after the first two, that have to bring the same page before the API is blamed for it.
MOST_SAME = 3
# Pages asked for, as a multiple of those that a desk standing still would take.
MOST_TIMES = 20
# Rows in a page that is numbered, at least: the pages of smaller sizes all end at the same places,
# now and then, and so cannot be joined there.
FEWEST_IN_A_PAGE = 20
# Pages read ahead; fewer where pages have lately not joined.
MOST_TRUST = 64
# How often a list is read whose places and rows do not agree.
MOST_WALKS = 3


class Patience:
    """Fails a reading that does not get on.

    Attributes:
        pages: answers so far.
    """

    def __init__(self) -> None:
        self.pages = 0
        self._furthest = 0
        self._idle = 0

    def spend(self, fresh: Sequence[Any], *, wanted: int, widest: int, steps_back: int) -> None:
        """Count an answer.

        Args:
            fresh: the rows in it that are new.
            wanted: the place that is read now.
            widest: how many rows the largest page had.
            steps_back: how many of the answers were asked for again from further up.

        Raises:
            UnusableAnswerError: there were too many answers for what they brought.
        """
        self._furthest = max(self._furthest, wanted)
        if self.pages > MOST_IDLE + MOST_TIMES * self._furthest // max(1, widest - 1):
            raise UnusableAnswerError(
                f"changed faster than it could be read: after {self.pages} pages, {steps_back} of "
                f"them asked for again from further up, the walk is at offset {wanted}"
            )
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE:
            raise UnusableAnswerError(
                f"sent nothing new in {MOST_IDLE} answers, the last for offset {wanted}, and did "
                "not show that its list has ended"
            )
