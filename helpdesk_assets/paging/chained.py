"""A walk from page to page by the cursor, or the address, that each of them has for the next.

Such a page cannot be asked for with some rows of the one before, so nothing but the API's word
says that none lies between. Where cursors stand for a place among rows (an id, a time) and not for
a number of them, that word is good: rows that come and go elsewhere do not move it. What can be
seen is refused: a chain that goes in circles, one that breaks off while the API says that more
follow, and fewer rows than the API says it has.
"""

from collections.abc import Hashable

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_IDLE, MOST_LOOKS, MOST_PAGES, PAGES_KEPT, TOP_PAGES
from helpdesk_assets.paging.known import KnownRows
from helpdesk_assets.paging.positions import ChainPaging
from helpdesk_assets.tables.keys import ID, Identity, key_of
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

# Pages are of round sizes; a first page of so many rows, and of a round number, may be a full one.
FEWEST_IN_FULL = 10


class ChainWalk:
    """Decides which page to ask for next, and takes in what came.

    Args:
        paging: how the API is asked.
        identity: where in a row the parts of its key are.
        brief: whether a first page that nothing follows ends the walk. Meant for a list of what
            has changed, of which the next walk reads the end again.
        most_pages: answers after which the walk fails rather than go on.
        size: how many rows the API was asked to send in a page; None where that is not known.
        strict: whether the end has to be said, as it has to be where a list is read by itself.

    Attributes:
        position: the cursor or address that is wanted next; None is the first page.
        has_ended: whether the chain has ended, and its top, read once more, was known.
        unverified: why it cannot be said that no row was left out: as many rows as the API says it
            has may be others than it has.
        pages, steps_back, total: as of a CompleteWalk.
    """

    is_at_end = False
    is_probing = False
    unverified = "paging of this kind cannot verify that no row was left out"
    steps_back = 0

    def __init__(
        self,
        paging: ChainPaging | None = None,
        *,
        identity: Identity = ID,
        brief: bool = False,
        most_pages: int = MOST_PAGES,
        size: int | None = None,
        strict: bool = True,
    ) -> None:
        self.paging = paging or ChainPaging()
        self.brief = brief
        self._identity = identity
        self.most_pages = most_pages
        self.position: str | None = None
        self.has_ended = False
        self.pages = 0
        self.total: int | None = None
        self._known = KnownRows(PAGES_KEPT, identity)
        self._top = KnownRows(TOP_PAGES, identity)
        self._keys: set[Hashable] = set()
        self._positions: set[str] = set()
        self._idle = 0
        self._looks = 0
        self._is_looking = False
        self._size = size
        self._strict = strict
        self._is_doubted = False

    @property
    def rows_walked(self) -> int:
        """How many different rows have been read."""
        return len(self._keys)

    def following(self, in_flight: int) -> list[str | None]:
        """Return nothing: what follows a page is known when it has come."""
        return []

    def take(self, page: Page) -> list[Row]:
        """Take an answer in, and return the rows in it that are new or have changed.

        Args:
            page: the answer to a request for ``position``.

        Raises:
            UnusableAnswerError: rows are left out, or it cannot be seen where the list ends.
        """
        first = self.position is None
        self.pages += 1
        self.total = page.total
        reaches_down = any(self._top.has(row) for row in page.rows)
        fresh = [row for row in page.rows if not (self._known.has(row) or self._top.has(row))]
        self._refuse_to_go_on_for_ever(fresh)
        self._known.add(page.rows)
        self._keys.update(key_of(row, self._identity) for row in page.rows)
        if self._is_looking or self.pages <= TOP_PAGES:
            self._top.add([row for row in page.rows if not self._top.knows(row)])
        following = self._following(page, fresh)
        if page.has_more and not page.following:
            raise UnusableAnswerError(
                f"says that more follow after {len(self._keys)} rows, and not where"
            )
        if following is not None and not (self._is_looking and reaches_down):
            self._go_on(following)
        elif not self._is_looking and not (self.brief and first):
            self._look_again()
        elif self._is_looking and not first:
            # Its top has moved on meanwhile; one answer, and so one moment, has to show it.
            self._look_again()
        else:
            self._end()
        return fresh

    def _following(self, page: Page, fresh: list[Row]) -> str | None:
        """Return where to go on, if anywhere: that nothing follows has to be said, and be true."""
        if self._is_doubted:
            self._is_doubted = False
            if fresh:
                raise UnusableAnswerError(
                    "says that nothing follows its first page, and sent more rows after it: "
                    "has_more_path in its profile may be of a flag of the opposite sense, such as "
                    "isLast"
                )
            return None
        if self.pages > 1 or self.brief or not self._strict:
            return page.following if page.has_more is not False else None
        if page.has_more is False and page.following and page.rows:
            # Looked into once, for a flag of the opposite sense says the same here.
            self._is_doubted = True
            return page.following
        silent = not page.names_next and page.has_more is None and page.total is None
        if silent and self._is_full(page):
            raise UnusableAnswerError(
                f"sent a full first page of {len(page.rows)} rows, and nothing where the next one "
                "should be named: check cursor_path or next_url_path in its profile, or add "
                "has_more_path or total_path"
            )
        return page.following if page.has_more is not False else None

    def _is_full(self, page: Page) -> bool:
        rows = len(page.rows)
        if self._size is not None:
            return rows >= self._size
        return rows >= FEWEST_IN_FULL and (rows % 10 == 0 or rows % 25 == 0)

    def _go_on(self, following: str) -> None:
        if following in self._positions:
            raise UnusableAnswerError(
                f"leads from page to page in a circle, after {len(self._keys)} rows"
            )
        self._positions.add(following)
        self.position = following

    def _look_again(self) -> None:
        """Ask for the top once more: what was put there meanwhile has not been read."""
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise UnusableAnswerError(
                f"changed the top of its list faster than it could be read, {MOST_LOOKS} times"
            )
        self._is_looking = True
        self._positions.clear()
        self.position = None

    def _end(self) -> None:
        if self.total is not None and len(self._keys) < self.total:
            raise UnusableAnswerError(
                f"says it has {self.total} rows, and its pages held {len(self._keys)}"
            )
        self.has_ended = True

    def _refuse_to_go_on_for_ever(self, fresh: list[Row]) -> None:
        if self.pages > self.most_pages:
            raise UnusableAnswerError(f"sent {self.most_pages} pages, and its list did not end")
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE:
            raise UnusableAnswerError(
                f"sent nothing new in {MOST_IDLE} answers, after {len(self._keys)} rows, and "
                "did not show that its list has ended"
            )
