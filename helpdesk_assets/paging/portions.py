"""The parents whose lists are loaded together, and the results of reading them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from helpdesk_assets.paging.lengths import FirstPage, PageLengths


@dataclass(frozen=True)
class Portion:
    """Parents whose lists are loaded together.

    Attributes:
        parents: their ids.
        stored: how many rows of theirs the table has, by id.
        is_last: whether these are the last ones.
    """

    parents: Sequence[Any]
    stored: Mapping[Any, int] = field(default_factory=dict)
    is_last: bool = True


@dataclass(frozen=True)
class ParentRead:
    """The result of reading the list of one parent.

    Attributes:
        parent: its id.
        rows: the number of distinct rows in the list.
        total: the total number of rows reported by the API; None if it reports none.
        is_verified: whether the list is verified complete.
        first: its first page; None if there was none.
    """

    parent: Any
    rows: int = 0
    total: int | None = None
    is_verified: bool = False
    first: FirstPage | None = None


@dataclass
class WalkOfWalks:
    """The result of reading the lists of many parents, with the attributes of one walk.

    Attributes:
        has_ended: whether all lists of the last portion have been read.
        pages, overlap_retries: the sums over all lists.
        total: the total number of rows reported by the API; None if it reports none.
        rows_walked: the number of distinct rows read.
        of: the number of parents.
        lists: the number of lists read.
        portion: the results of the last portion.
        parents_gone: the number of parents that no longer exist.
        parents_refused: the number of parents whose list is not accessible with the API key; their
            rows from earlier loads are kept.
        lengths: the lengths of first pages.
        unverified_list: why completeness cannot be verified for some list; None if it is verified.
    """

    has_ended: bool = False
    pages: int = 0
    overlap_retries: int = 0
    total: int | None = None
    rows_walked: int = 0
    of: int = 0
    lists: int = 0
    portion: list[ParentRead] = field(default_factory=list)
    parents_gone: int = 0
    parents_refused: int = 0
    lengths: PageLengths = field(default_factory=PageLengths)
    unverified_list: str | None = None

    @property
    def unverified(self) -> str | None:
        """Why completeness cannot be verified for all lists; None if it is verified."""
        if self.parents_refused:
            return "the API key has no access to some of the lists"
        return self.unverified_list or self.lengths.unverified

    @property
    def asked(self) -> int:
        """The number of parents whose lists were requested."""
        return self.lists + self.parents_gone + self.parents_refused

    @property
    def read(self) -> list[Any]:
        """The parents of the last portion whose lists were read."""
        return [read.parent for read in self.portion if read.first]

    @property
    def verified(self) -> list[Any]:
        """The parents of the last portion whose lists are verified complete."""
        return [read.parent for read in self.portion if read.is_verified]
