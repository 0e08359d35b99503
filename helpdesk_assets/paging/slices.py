"""Reads a list that the API ends early, such as after 10,000 rows, in overlapping slices.

The list is sorted by a time, ascending, and has a filter for it. Where the API returns no further
rows, the list is requested again, starting at a time just before the last row, so that the new
slice contains rows that were read before: then no row lies between the slices.

Rows that change meanwhile move to the end of the list, and are read there again.
"""

from collections.abc import Callable, Collection, Hashable, Iterator
from datetime import datetime, timedelta
from typing import Any

from helpdesk_assets.errors import CannotContinueError, UnusableAnswerError
from helpdesk_assets.paging.checkpoint import ReadBefore
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.parts import Part
from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.tables.keys import Identity, key_of
from helpdesk_assets.tables.paths import Path, value_at
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.tables.times import Times
from helpdesk_assets.transport.pages import Page

# By how many rows slices overlap, if their times allow it. At least half of these rows have to be
# in the next slice: a few may have been deleted meanwhile, or changed and moved further down.
BACK = 10
# Filters may exclude their start, and times may be rounded, so the start is set earlier.
EARLIER = timedelta(seconds=1)


class Slice(CompleteWalk):
    """A walk that may end early, and keeps the last rows that it has read.

    Args:
        start: the time from which its rows are requested; None: there is none.
        expected: the keys of the last rows of the slice before, which it has to contain.

    Attributes:
        start, expected: as above.
        tail: the last rows read.
    """

    def __init__(
        self,
        *,
        start: datetime | None = None,
        expected: Collection[Hashable] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options, ends_early=True)
        self.start = start
        self.expected = expected
        self.tail: list[Row] = []

    @property
    def joins(self) -> bool:
        """Whether it contains enough of the rows that it has to."""
        missing = sum(not self.has_read(key) for key in self.expected)
        return 2 * missing <= len(self.expected)

    def has_read(self, key: Hashable) -> bool:
        """Return whether a row with that key was read."""
        return key in self._reading.state.order.keys or key in self._read_before

    def take(self, page: Page) -> list[Row]:
        """Process a response; see CompleteWalk."""
        fresh = super().take(page)
        self.tail = [*self.tail, *fresh][-BACK:]
        return fresh

    def _forget_keys(self) -> None:
        """Keep the keys, which tell whether the slice joins the one before."""


def slices(
    walk: Callable[..., Slice],
    variation: Callable[[datetime], Variation],
    *,
    cursor: Path,
    times: Times,
    identity: Identity,
    before: ReadBefore | None = None,
) -> Iterator[Part]:
    """Yield the slices of a list, each when the one before has ended.

    Args:
        walk: creates the walk of a slice, from its start and the keys that it has to contain.
        variation: returns how to request rows from a time on.
        cursor: the path of the time in a row.
        times: the format of times in rows.
        identity: the paths of the key in a row.
        before: what an interrupted run has read before them.

    Raises:
        UnusableAnswerError: the slices do not overlap, or more rows than the API returns have the
            same time.
        CannotContinueError: they do not overlap what the interrupted run has read.
    """
    start = before.up_to.start if before else None
    current, part = walk(start=start), variation(start) if start else Variation()
    while True:
        yield Part(part, current)
        if not current.joins:
            raise UnusableAnswerError(
                "did not return the last rows of its list again when it was read on from their "
                "time, so rows may be missing: check that the list is sorted by cursor_path of "
                "incremental in its profile, ascending, and that its filter is for the same time"
            )
        if not current.ended_early:
            if before and not before.joins:
                raise CannotContinueError(
                    "did not return the last rows again that an interrupted load had read, so rows "
                    "may be missing: run again to read all rows from the beginning"
                )
            return
        tail = current.tail
        times_of_tail = [_time_of(row, cursor, times) for row in (tail[0], tail[-1])]
        later = [time for time in map(_start, times_of_tail) if start is None or time > start]
        if not later:
            raise UnusableAnswerError(
                f"has more rows with the same time at {'.'.join(cursor)} than it returns of a "
                "list, so its list cannot be read on from there: add passes to its profile, each "
                "with a filter for a part of the rows"
            )
        start = later[0]
        expected = {key_of(row, identity) for row in tail if _time_of(row, cursor, times) >= start}
        current, part = walk(start=start, expected=expected), variation(start)


def _start(time: datetime) -> datetime:
    return (time - EARLIER).replace(microsecond=0)


def _time_of(row: Row, cursor: Path, times: Times) -> datetime:
    try:
        return times.instant(value_at(row, cursor))
    except (TypeError, ValueError, OverflowError):
        raise UnusableAnswerError(
            f"sent a row without a readable time at {'.'.join(cursor)}, by which its list is read "
            "on: correct cursor_path of incremental, or format, in its profile"
        ) from None
