"""Reads several lists of the API as one: one after another, each with a walk of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from helpdesk_assets.paging.checkpoint import ReadBefore
from helpdesk_assets.paging.positions import Paging, Placed, Position
from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.paging.walk import AWalk
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import ID, Identity, keys_of
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


@dataclass(frozen=True)
class Part:
    """One of the lists.

    Attributes:
        variation: how its requests differ.
        walk: how it is read.
        name: marks its rows; None: they are not marked.
    """

    variation: Variation
    walk: AWalk
    name: str | None = None


class PartsWalk:
    """Reads lists one after another, with the attributes of one walk.

    Args:
        parts: the lists, each requested when the one before has ended.
        identity: the paths of the key in a row.
        mark: the field for the name of a row's part.
        before: what an interrupted run has read of them.

    Attributes:
        parts: the lists so far; the last one is being read.
        total: the total number of rows reported by the API, of a single list; otherwise None.
        keys: the keys of all rows read.
    """

    def __init__(
        self,
        parts: Iterator[Part],
        *,
        identity: Identity = ID,
        mark: str = "",
        before: ReadBefore | None = None,
    ) -> None:
        self._coming = parts
        self._before = before
        self.parts = [*([Part(Variation(), before)] if before else []), next(parts)]
        self.has_ended = False
        self._identity = identity
        self._mark = mark
        self.keys = DistinctKeys()

    @property
    def _part(self) -> Part:
        return self.parts[-1]

    def take(self, page: Page) -> list[Row]:
        """Process a response; see CompleteWalk."""
        part = self._part
        fresh = part.walk.take(page)
        keys = keys_of(fresh, self._identity)
        self.keys.update(keys)
        if self._before:
            self._before.note(keys)
        if part.walk.has_ended:
            following = next(self._coming, None)
            if following:
                self.parts.append(following)
            else:
                self.has_ended = True
        if part.name is None:
            return fresh
        return [{**row, self._mark: part.name} for row in fresh]

    def following(self, in_flight: int) -> Sequence[Position]:
        """Return the positions that are probably needed next."""
        here = len(self.parts) - 1
        return [Placed(here, position) for position in self._part.walk.following(in_flight)]

    @property
    def paging(self) -> Paging:
        """How the pages of the current list are requested."""
        return self._part.walk.paging

    @property
    def position(self) -> Placed:
        """The next position to request."""
        return Placed(len(self.parts) - 1, self._part.walk.position)

    @property
    def is_at_end(self) -> bool:
        """Whether all rows of the current list have been read according to the API."""
        return self._part.walk.is_at_end

    @property
    def is_probing(self) -> bool:
        """Whether the API may reject the next request."""
        return self._part.walk.is_probing

    @property
    def joins(self) -> bool:
        """Whether the lists were seen to overlap what an interrupted run has read."""
        return self._before is None or self._before.joins

    @property
    def unverified(self) -> str | None:
        """Why completeness cannot be verified; None if it is verified for all lists."""
        found = [part.walk.unverified for part in self.parts if part.walk.unverified]
        if not found and self._part.name is not None and len(self.parts) > 1:
            return "rows may have moved from one of the requests of passes to another meanwhile"
        return found[0] if found else None

    @property
    def pages(self) -> int:
        """The number of responses processed."""
        return sum(part.walk.pages for part in self.parts)

    @property
    def overlap_retries(self) -> int:
        """The number of pages requested again because they did not overlap."""
        return sum(part.walk.overlap_retries for part in self.parts)

    @property
    def total(self) -> int | None:
        """The total number of rows reported by the API for the first list."""
        return self._part.walk.total if len(self.parts) == 1 else None

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read."""
        return len(self.keys)
