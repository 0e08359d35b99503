"""Complete paging: a walk through offset pages that shows it has left no ticket out.

Offsets count rows, and rows move while they are counted: when a ticket is deleted, all that come
after it move one place up, and one of them slips over the border into the page already read.

So each page begins with the last row of the page before it. A page that holds a row the walk has
read, unchanged, joins it: nothing can lie between. One that does not is asked for again from
further up. The walk ends when the API has shown that nothing follows (the last row alone, and
after it an empty page) and when the top of the list, read once more, is known: tickets that were
put there meanwhile, be they new or moved there from further down, are read by that too.

What it shows: every ticket that existed from the first request to the last has been read, in a
list that is ordered, either way, by what a ticket keeps (its id) or by what every change of it
moves (the time of its last change). What cannot be shown raises UnusableAnswerError.
"""

import json
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

Row = dict[str, Any]

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
# Pages asked for, as a multiple of those that a desk standing still would take.
MOST_TIMES = 20


class UnusableAnswerError(Exception):
    """What the API sent cannot be loaded without losing tickets.

    The text goes on after "The help desk at URL": it says what it did and at which offset, and
    holds nothing of the answer's body.
    """


class KnownRows:
    """The rows of the last pages that were read, to recognize them by."""

    def __init__(self, pages: int) -> None:
        self._most = pages
        self._pages: deque[dict[Hashable, Row]] = deque()
        self._rows: dict[Hashable, Row] = {}

    def add(self, page: Sequence[Row]) -> None:
        """Remember a page, and forget the oldest where there are too many."""
        rows = {_key(row): row for row in page}
        self._pages.append(rows)
        self._rows.update(rows)
        if len(self._pages) > self._most:
            for key, row in self._pages.popleft().items():
                if self._rows.get(key) is row:
                    del self._rows[key]

    def knows(self, row: Row) -> bool:
        """Tell whether a row of that id has been read, however it was then."""
        return _key(row) in self._rows

    def has(self, row: Row) -> bool:
        """Tell whether a row has been read, and as it last was is what it is now."""
        return self._rows.get(_key(row)) == row


class CompleteOffsetPaginator(BasePaginator):
    """Pages by offset and limit, as dlt's own paginator does, and leaves no row out.

    Args:
        limit: rows to ask for; the API may send fewer.
        most_pages: answers after which the walk fails rather than go on.

    Attributes:
        pages: answers taken in.
        steps_back: pages that did not join and were asked for again from further up.
        total: how many rows the API last said there are; None when it does not say.
        is_complete: whether the walk has ended and left nothing out.
    """

    def __init__(self, limit: int = 100, *, most_pages: int = MOST_PAGES) -> None:
        super().__init__()
        self.limit = limit
        self.most_pages = most_pages
        self._begin()

    def _begin(self) -> None:
        self.pages = 0
        self.steps_back = 0
        self.total: int | None = None
        self.is_complete = False
        self.page_offset = 0
        self._offset = 0
        self._phase = self._walk
        self._known = KnownRows(PAGES_KEPT)
        self._top = KnownRows(TOP_PAGES)
        self._looks = 0
        self._doubts = 0
        self._previous: list[Hashable] = []
        self._repeated = False
        self._has_more = False
        self._widest = 0
        self._furthest = 0
        self._idle = 0
        self._overlap = 1

    def init_request(self, request: Request) -> None:
        """Begin a walk."""
        self._has_next_page = True
        self._begin()
        self.update_request(request)

    def update_request(self, request: Request) -> None:
        """Ask for the page that the walk needs next."""
        request.params = {**(request.params or {}), "offset": self._offset, "limit": self.limit}

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take a page in, and leave in ``data`` only the rows that are new or have changed.

        Raises:
            UnusableAnswerError: rows are left out, or it cannot be seen that they are not.
        """
        page: list[Row] = data if data is not None else []
        self.pages += 1
        self.page_offset = self._offset
        self._note_totals(response.json())
        fresh = [row for row in page if not (self._known.has(row) or self._top.has(row))]
        self._refuse_to_go_on_for_ever(fresh)
        self._widest = max(self._widest, len(page))
        # A row that is known and unchanged has not moved either: it joins. A page that does not
        # join is not taken in, or it would be known itself and hide what lies before it.
        if not self._is_repeated(page) and self._phase(page, len(page) - len(fresh)):
            self._known.add(page)
            page[:] = fresh
        else:
            page.clear()

    def _walk(self, page: list[Row], known: int) -> bool:
        """Go on from the last row of a page that joins; go back from one that does not."""
        joins = known > 0
        if self._offset > 0 and not joins:
            self.steps_back += 1
            self._overlap *= 4
            self._offset = max(0, self._offset - self._overlap)
            return False
        # A desk that moves is read with more overlap, until it has been still for a while.
        at_rest = len(page) == known
        self._overlap = 1 if at_rest else max(1, min(self._overlap, self._widest // 2) * 3 // 4)
        if self._offset == 0 or self.pages <= TOP_PAGES:
            # As it first stood: a ticket that is listed again further down counts as it does there.
            self._top.add([row for row in page if not self._top.knows(row)])
        if len(page) > 1:
            self._offset += max(1, len(page) - self._overlap)
        elif page:
            self._offset += 1
            self._phase = self._find_end
        else:
            self._end_is_shown()
        return True

    def _find_end(self, page: list[Row], known: int) -> bool:
        """Expect an empty page after the last row, which stood alone on the page before."""
        if not page:
            self._end_is_shown()
        elif self._widest > 1:
            self._offset -= 1
            self._phase = self._walk
        else:
            raise UnusableAnswerError(
                f"sends one ticket a page although {self.limit} are asked for, and pages of one "
                "cannot be joined"
            )
        return False

    def _end_is_shown(self) -> None:
        """Take the end for true, unless the API itself says that more tickets follow."""
        says_more = self._has_more or (self.total is not None and self.total > self._offset)
        if not says_more:
            self._look_again()
        elif self._doubts < MOST_DOUBTS:
            # It may have counted a moment before or after it listed.
            self._doubts += 1
            self._offset = max(0, self._offset - 1)
            self._phase = self._walk
        elif self._has_more:
            raise UnusableAnswerError(
                f"says that more follow after {self._offset} tickets, and sends none"
            )
        else:
            raise UnusableAnswerError(
                f"says it has {self.total} tickets, and its list ends after {self._offset}"
            )

    def _look_again(self) -> None:
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise UnusableAnswerError(
                f"changed the top of its list faster than it could be read, {MOST_LOOKS} times"
            )
        self._offset = 0
        self._phase = self._look_at_top
        self._seen_at_top: list[list[Row]] = []

    def _look_at_top(self, page: list[Row], known: int) -> bool:
        """Read what has been put on top since it was read last, down to what is known.

        The walk is complete when one answer, and so one moment, shows all of it.
        """
        first = self._offset == 0
        if not first and not known:
            self._look_again()
            return False
        reaches_down = any(self._top.has(row) for row in page)
        self._seen_at_top.append(list(page))
        if first and (reaches_down or not page):
            self.is_complete = True
            self._has_next_page = False
        elif reaches_down or len(page) <= 1:
            for seen in self._seen_at_top:
                self._top.add(seen)
            self._look_again()
        else:
            self._offset += len(page) - 1
        return True

    def _note_totals(self, body: Any) -> None:
        """Note what the API says of its list's length; it ends no walk, but may contradict one."""
        said = body if isinstance(body, dict) else {}
        try:
            self.total = int(said["total"])
        except (KeyError, TypeError, ValueError):
            self.total = None
        self._has_more = said.get("has_more") is True

    def _refuse_to_go_on_for_ever(self, fresh: list[Row]) -> None:
        self._furthest = max(self._furthest, self._offset)
        if self.pages > self.most_pages:
            raise UnusableAnswerError(f"sent {self.most_pages} pages, and its list did not end")
        if self.pages > MOST_IDLE + MOST_TIMES * self._furthest // max(1, self._widest - 1):
            raise UnusableAnswerError(
                f"changed faster than it could be read: after {self.pages} pages, "
                f"{self.steps_back} of them asked for again from further up, the walk is at "
                f"offset {self._offset}"
            )
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE:
            raise UnusableAnswerError(
                f"sent nothing new in {MOST_IDLE} answers, the last for offset {self._offset}, and "
                "did not show that its list has ended"
            )

    def _is_repeated(self, page: list[Row]) -> bool:
        """Tell whether to ask once more, because two offsets brought one and the same page.

        A list that grew by a page at its top does that once; twice, it is the API. The last pages
        of a list are shorter, and each may well be the one before.
        """
        keys = [_key(row) for row in page]
        full = len(keys) > 1 and len(keys) == self._widest
        repeated = self._offset > 0 and full and keys == self._previous
        self._previous = keys
        if repeated and self._repeated:
            raise UnusableAnswerError(
                f"sent the same {len(keys)} tickets for offset {self._offset} as for one before: "
                "it ignores offset, so that what follows them cannot be read"
            )
        self._repeated = repeated
        return repeated


def _key(row: Row) -> Hashable:
    """Return what a row is recognized by: its id, or all of it where it has none."""
    identity = row.get("id")
    if isinstance(identity, (int, str)):
        return identity
    return json.dumps(row, sort_keys=True)
