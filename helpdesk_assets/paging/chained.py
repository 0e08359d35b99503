"""Reads a list page by page, following the cursor or link in each page to the next.

Such pages cannot overlap, so only the API can ensure that no row lies between them. It does if a
cursor is a position among the rows (an id, a time) and not a count, because then other changes do
not affect it. Detectable problems fail the walk: links in a loop, a missing link although more
rows follow, and fewer rows than the API reports.
"""

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import (
    MOST_IDLE,
    MOST_PAGES,
    MOST_TOP_READS,
    PAGES_KEPT,
    TOP_PAGES,
)
from helpdesk_assets.paging.known import KnownRows
from helpdesk_assets.paging.positions import ChainPaging
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.tables.keys import ID, Identity, keys_of
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

# Pages have round sizes, so a first page with at least this many rows, a round number, may be full.
FEWEST_IN_FULL = 10


class ChainWalk:
    """Decides which page to request next, and processes responses.

    Args:
        paging: how pages are requested.
        identity: the paths of the key in a row.
        brief: whether a first page without a next one ends the walk. Meant for a list of changes,
            the end of which is read again by the next sync.
        most_pages: the number of responses after which the walk fails.
        size: the page size that was requested; None if unknown.
        strict: whether the end has to be indicated explicitly, as for lists without a parent.
        start: the cursor to begin with; None: the first page.
        grows_at_end: whether the list is an export to which changes are added at its end, so that
            its top does not change, and its last cursor continues there.

    Attributes:
        position: the cursor or link of the next page; None for the first page.
        last_cursor: the newest cursor that the API sent, also on its last page; None: none.
        has_ended: whether the last page was read, and the top, read again, was unchanged.
        unverified: why completeness cannot be verified: even if the number of rows matches, they
            may not be the same rows.
        pages, overlap_retries, total: see CompleteWalk.
    """

    is_at_end = False
    unverified: str | None = "this kind of paging cannot verify that no rows were skipped"
    overlap_retries = 0

    def __init__(
        self,
        paging: ChainPaging | None = None,
        *,
        identity: Identity = ID,
        brief: bool = False,
        most_pages: int = MOST_PAGES,
        size: int | None = None,
        strict: bool = True,
        start: str | None = None,
        grows_at_end: bool = False,
    ) -> None:
        self.paging = paging or ChainPaging()
        self.brief = brief
        self._identity = identity
        self.most_pages = most_pages
        self.position = self._start = self.last_cursor = start
        self.grows_at_end = grows_at_end
        self.has_ended = False
        self.pages = 0
        self.total: int | None = None
        self._known = KnownRows(PAGES_KEPT, identity)
        self._top = KnownRows(TOP_PAGES, identity)
        self._keys = DistinctKeys()
        self._positions = DistinctKeys()
        self._idle = 0
        self._top_reads = 0
        self._is_reading_top = False
        self._size = size
        self._strict = strict
        self._is_doubted = False

    @property
    def is_probing(self) -> bool:
        """Whether the API may reject the next request; not if it named the page itself."""
        return False

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read."""
        return len(self._keys)

    def following(self, in_flight: int) -> list[str | None]:
        """Return an empty list: the next page is known only after the current one."""
        return []

    def take(self, page: Page) -> list[Row]:
        """Process a response, and return the rows in it that are new or have changed.

        Args:
            page: the response to a request for ``position``.

        Raises:
            UnusableAnswerError: rows are missing, or the end of the list is unclear.
        """
        first = self.position == self._start
        self.pages += 1
        self.total = page.total
        reaches_down = any(self._top.has(row) for row in page.rows)
        fresh = [row for row in page.rows if not (self._known.has(row) or self._top.has(row))]
        self._raise_if_endless(fresh)
        self._known.add(page.rows)
        self._keys.update(keys_of(page.rows, self._identity))
        if self._is_reading_top or self.pages <= TOP_PAGES:
            self._top.add([row for row in page.rows if not self._top.knows(row)])
        self.last_cursor = page.following or self.last_cursor
        is_silent = page.has_more is None and not page.following and not page.names_next
        if self.grows_at_end and is_silent:
            raise UnusableAnswerError(
                f"does not say after {len(self._keys)} rows whether more follow: check "
                "is_last_path or has_more_path in its profile"
            )
        following = self._following(page, fresh)
        if following == self.position and not page.rows:
            # Such a cursor stands for the place in the list, and nothing follows there.
            following = None
        if page.has_more and not page.following:
            raise UnusableAnswerError(
                f"reports more rows after {len(self._keys)}, but sends no link to the next page"
            )
        if following is not None and not (self._is_reading_top and reaches_down):
            self._go_on(following, fresh)
        elif not self._is_reading_top and not (self.brief and first) and not self.grows_at_end:
            self._read_top_again()
        elif self._is_reading_top and not first:
            # The top has changed meanwhile; a single response has to show all of it.
            self._read_top_again()
        else:
            self._end()
        return fresh

    def _following(self, page: Page, fresh: list[Row]) -> str | None:
        """Return the next position, if any; the end must be indicated explicitly and correctly."""
        if self._is_doubted:
            self._is_doubted = False
            if fresh:
                raise UnusableAnswerError(
                    "reports that its first page is the last one, but sent more rows after it: "
                    "has_more_path in its profile may refer to a flag with the opposite meaning, "
                    "such as isLast"
                )
            return None
        if self.pages > 1 or self.brief or not self._strict:
            return page.following if page.has_more is not False else None
        if page.has_more is False and page.following and page.rows:
            # Checked once, because a flag with the opposite meaning looks the same here.
            self._is_doubted = True
            return page.following
        silent = not page.names_next and page.has_more is None and page.total is None
        if silent and self._is_full(page):
            raise UnusableAnswerError(
                f"sent a full first page of {len(page.rows)} rows without a link to the next page: "
                "check cursor_path or next_url_path in its profile, or add has_more_path or "
                "total_path"
            )
        return page.following if page.has_more is not False else None

    def _is_full(self, page: Page) -> bool:
        rows = len(page.rows)
        if self._size is not None:
            return rows >= self._size
        return rows >= FEWEST_IN_FULL and (rows % 10 == 0 or rows % 25 == 0)

    def _go_on(self, following: str, fresh: list[Row]) -> None:
        # A cursor that stays the same may be that of a position which the API keeps.
        if following in self._positions and not (following == self.position and fresh):
            raise UnusableAnswerError(f"links its pages in a loop, after {len(self._keys)} rows")
        self._positions.update([following])
        self.position = following

    def _read_top_again(self) -> None:
        """Request the top again: rows added there meanwhile have not been read."""
        self._top_reads += 1
        if self._top_reads > MOST_TOP_READS:
            raise UnusableAnswerError(
                f"changed the top of its list faster than it could be read, {MOST_TOP_READS} times"
            )
        self._is_reading_top = True
        self._positions = DistinctKeys()
        self.position = self._start

    def _end(self) -> None:
        if self.total is not None and len(self._keys) < self.total:
            raise UnusableAnswerError(
                f"reports {self.total} rows, but its pages contained {len(self._keys)}"
            )
        self.has_ended = True

    def _raise_if_endless(self, fresh: list[Row]) -> None:
        if self.pages > self.most_pages:
            raise UnusableAnswerError(
                f"sent {self.most_pages} pages, and the end of its list was not reached"
            )
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE:
            raise UnusableAnswerError(
                f"sent no new rows in {MOST_IDLE} responses, after {len(self._keys)} rows, and the "
                "end of its list was not reached"
            )


class SinglePageWalk(ChainWalk):
    """Reads a list that is a single response, which shows all of it at one time."""

    unverified = None

    def __init__(self, *, identity: Identity = ID) -> None:
        super().__init__(identity=identity, brief=True, strict=False)
