"""What all walks have in common, and a walk that is chosen when the first page has arrived."""

from collections.abc import Sequence
from typing import Protocol

from helpdesk_assets.paging.positions import Paging, Position
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


class AWalk(Protocol):
    """What all walks have in common; see CompleteWalk."""

    @property
    def paging(self) -> Paging:
        """How pages are requested."""

    @property
    def position(self) -> Position:
        """The next position to request."""

    @property
    def has_ended(self) -> bool:
        """Whether the end was confirmed."""

    @property
    def is_at_end(self) -> bool:
        """Whether all rows have been read, and the end is to be confirmed."""

    @property
    def is_probing(self) -> bool:
        """Whether the API may reject the next request."""

    @property
    def unverified(self) -> str | None:
        """Why completeness cannot be verified; None if it is verified."""

    @property
    def pages(self) -> int:
        """The number of responses processed."""

    @property
    def overlap_retries(self) -> int:
        """The number of pages requested again because they did not overlap."""

    @property
    def total(self) -> int | None:
        """The total number of rows reported by the API."""

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read."""

    def following(self, in_flight: int) -> Sequence[Position]:
        """Return the positions that are probably needed next."""

    def take(self, page: Page) -> list[Row]:
        """Process a response, and return the rows in it that are new or have changed."""


class ChosenWalk:
    """Passes everything on to another walk, which depends on what the API sends.

    Args:
        walk: the walk to begin with; subclasses may replace it as ``chosen``.
    """

    def __init__(self, walk: AWalk) -> None:
        self.chosen = walk

    def take(self, page: Page) -> list[Row]:
        """Process a response; see CompleteWalk."""
        return self.chosen.take(page)

    def following(self, in_flight: int) -> Sequence[Position]:
        """Return the positions that are probably needed next."""
        return self.chosen.following(in_flight)

    @property
    def paging(self) -> Paging:
        """How pages are requested."""
        return self.chosen.paging

    @property
    def position(self) -> Position:
        """The next position to request."""
        return self.chosen.position

    @property
    def has_ended(self) -> bool:
        """Whether the end was confirmed."""
        return self.chosen.has_ended

    @property
    def is_at_end(self) -> bool:
        """Whether all rows have been read, and the end is to be confirmed."""
        return self.chosen.is_at_end

    @property
    def is_probing(self) -> bool:
        """Whether the API may reject the next request."""
        return self.chosen.is_probing

    @property
    def unverified(self) -> str | None:
        """Why completeness cannot be verified; None if it is verified."""
        return self.chosen.unverified

    @property
    def pages(self) -> int:
        """The number of responses processed."""
        return self.chosen.pages

    @property
    def overlap_retries(self) -> int:
        """The number of pages requested again because they did not overlap."""
        return self.chosen.overlap_retries

    @property
    def total(self) -> int | None:
        """The total number of rows reported by the API."""
        return self.chosen.total

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read."""
        return self.chosen.rows_walked
