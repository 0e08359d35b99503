"""Complete paging: a walk through counted pages that shows it has left no ticket out.

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

It is shown of places, and tickets are wanted. So the walk has to have read as many different ones
as it walked over places, in one order (see Order). Otherwise it reads the list again, by pages that
begin elsewhere: where rows hold their places, they are the same ones in the same order then. And a
row that is deleted after it was read makes up for one that was not: so a list that has changed
meanwhile is read again, too, unless no rows stand where pages meet that its order may not tell
apart (see Borders).
"""

import sys
from collections.abc import Hashable

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.known import KnownRows
from helpdesk_assets.paging.order import Order
from helpdesk_assets.paging.positions import Counted, OffsetPaging, Window
from helpdesk_assets.tables.keys import ID, Identity, keys_of
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page

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
LEFT_OUT = (
    "it leaves rows out of its pages after it has counted them, so that it cannot be seen that "
    "none is missing; leave them out by a filter among the params of its profile"
)
# Where rows are looked for beyond an end that nothing confirms, in pages from it.
PROBES = (1, 2, 3, 4)
FAR = 5


class CompleteWalk:
    """Decides which page to ask for next, and takes in what came.

    Args:
        paging: how the API counts; it may send fewer rows than it is asked for.
        identity: where in a row the parts of its key are.
        brief: whether one short page ends the walk when the API also says that this is all. Meant
            for a list of what has changed, of which the next walk reads the end again.
        most_pages: answers after which the walk fails rather than go on.
        order_param: the parameter that the list is ordered by, where the profile has one.

    Attributes:
        position: the window that is wanted next.
        has_ended: whether the end has been shown, and no row was left out.
        pages: answers taken in.
        steps_back: pages that did not join and were asked for again from further up.
        total: how many rows the API last said there are; None when it does not say.
    """

    is_verified = True

    def __init__(
        self,
        paging: Counted | None = None,
        *,
        identity: Identity = ID,
        brief: bool = False,
        most_pages: int = MOST_PAGES,
        order_param: str | None = None,
    ) -> None:
        self._identity = identity
        self.paging: Counted = paging or OffsetPaging()
        self.limit = self.paging.limit
        self.brief = brief
        self.most_pages = most_pages
        self._order_param = order_param
        self.has_ended = False
        self.pages = 0
        self.steps_back = 0
        self.total: int | None = None
        self._widest = 0
        self._sparse = False
        self._walks = 0
        self._read_before: set[Hashable] = set()
        self._in_order: list[Hashable] = []
        self._begin()

    def _begin(self) -> None:
        """Begin at the top; of what was read before, nothing is known any more."""
        self._walks += 1
        self.position = self.paging.window(0, self.limit)
        self._wanted = 0
        self._phase = self._walk
        self._known = KnownRows(PAGES_KEPT, self._identity)
        self._top = KnownRows(TOP_PAGES, self._identity)
        self._order = Order(self._identity, notes_contents=self._walks > 1)
        # Each time by more than the last, so that its pages begin elsewhere.
        self._least_overlap = self._overlap = self._walks
        self._places = self._total_there = 0
        self._was_short = self._was_last = False
        self._total_before: int | None = None
        self._first_total: int | None = None
        self._seen_near_end = False
        self._end_page: list[Row] = []
        self._probes = 0
        self._pages_before, self._steps_before = self.pages, self.steps_back
        self._looks = 0
        self._doubts = 0
        self._singles = 0
        self._previous: list[Row] = []
        self._last: Row | None = None
        self._furthest_read = 0
        self._repeated: list[Row] = []
        self._same = 0
        self._return_to = 0
        self._reach = -1
        self._was_full = False
        self._has_more = False
        self._furthest = 0
        self._idle = 0
        self._trust = MOST_TRUST

    @property
    def rows_walked(self) -> int:
        """How many different rows have been read."""
        return len(self._read_before | self._order.keys if self._walks > 1 else self._order.keys)

    @property
    def is_probing(self) -> bool:
        """Whether what is wanted lies beyond the end, so that an API may refuse it."""
        return self._phase in (self._probe, self._far_beyond)

    @property
    def is_at_end(self) -> bool:
        """Whether, by what the API says, all rows have been read, and the end is to be shown."""
        return self._phase == self._walk and 0 < self._wanted == (self.total or 0) - 1

    def following(self, in_flight: int) -> list[Window]:
        """Return the windows that will be wanted after the present one if the desk stands still.

        What is read ahead is judged like any other page when its turn comes. The end of the list,
        and its top once more, are only asked for when all before them has been read: a ticket that
        moves there meanwhile would be seen neither there nor where it was.

        Args:
            in_flight: how many may be asked for at once.
        """
        if self._phase != self._walk or self._overlap > 1 or self._widest < 2 or not self._wanted:
            return []
        if self._order.pinned:
            return []
        if self.is_at_end:
            end = self.paging.window_at(self._wanted + 1, self.limit)
            return [end, self.paging.window(0, self.limit)]
        if self.total is not None and self.total > self._wanted:
            # Some more than can be on their way, so that none waits for rows to be written.
            ahead, until = 2 * in_flight, self.total - 1
        elif self._was_full:
            ahead, until = in_flight - 1, sys.maxsize
        else:
            return []
        windows: list[Window] = []
        window = self.position
        while len(windows) < min(ahead, self._trust):
            wanted = window.offset + min(window.size, self._widest) - 1
            if wanted >= until or wanted <= window.offset:
                break
            try:
                window = self.paging.window(wanted, self.limit)
            except UnusableAnswerError:
                # Said when that page is truly wanted.
                break
            windows.append(window)
        return windows

    def take(self, page: Page) -> list[Row]:
        """Take an answer in, and return the rows in it that are new or have changed.

        Args:
            page: the answer to a request for ``position``.

        Raises:
            UnusableAnswerError: rows are left out, or it cannot be seen that they are not.
        """
        before = self._read_before
        fresh = self._take(page)
        if before:
            # One that has changed since is for the next walk, as if it had done so after this one.
            keys = self._keys(fresh)
            fresh = [row for row, key in zip(fresh, keys, strict=True) if key not in before]
        if not self.has_ended:
            self.position = self._window()
        return fresh

    def _window(self) -> Window:
        """Return the window that shows what is wanted."""
        if self.is_probing:
            try:
                return self.paging.window_at(self._wanted, self.paging.limit)
            except UnusableAnswerError:
                # The API has no pages so far down.
                self._look_again()
        if self._phase == self._find_end:
            return self.paging.window_at(self._wanted, self.limit)
        return self.paging.window(self._wanted, self.limit)

    def _take(self, page: Page) -> list[Row]:
        rows = page.rows
        self.pages += 1
        self.total, self._has_more = page.total, page.has_more is True
        if self.pages == self._pages_before + 1:
            self._first_total = self.total
        self._reach = self.position.offset + len(rows) - 1
        known = self._wanted - self.position.offset + 1
        if self._is_as_expected(rows, known) and self._order.add(rows[known:]):
            fresh = rows[known:]
            self._remember(rows)
            self._refuse_to_go_on_for_ever(fresh)
            self._previous = rows
            self._last = rows[-1]
            self._wanted = self._furthest_read = self._reach
            self._trust = min(2 * self._trust, MOST_TRUST)
            self._was_full = True
            return fresh
        known_rows = [self._known.has(row) or self._top.has(row) for row in rows]
        as_it_is = self.position.offset == 0 or self._phase == self._try_other_offset
        places = self._order.own(rows, known_rows, self._previous, as_it_is=as_it_is)
        repeated = self._is_repeated(rows)
        rows = [rows[place] for place in places]
        known_rows = [known_rows[place] for place in places]
        self._reach = self.position.offset + len(rows) - 1
        fresh = [row for row, known in zip(rows, known_rows, strict=True) if not known]
        self._refuse_to_go_on_for_ever(fresh)
        self._adopt_size(rows)
        if repeated:
            return []
        if self._phase == self._walk and (True in known_rows or not self.position.offset):
            self._note_gaps(rows)
            near_top = self.position.offset < self.position.size
            self._order.judge(rows, known_rows, near_top=near_top)
        # A row that is known and unchanged has not moved either: it joins. A page that does not
        # join is not taken in, or it would be known itself and hide what lies before it.
        walks = self._walks
        if not self._phase(rows, len(rows) - len(fresh)):
            return []
        if self._walks == walks:
            self._known.add(rows)
            self._last = rows[-1] if rows else None
            self._furthest_read = max(self._furthest_read, self._reach)
        return fresh

    def _note_gaps(self, page: list[Row]) -> None:
        """Note that rows are left out of pages after they were counted.

        Such a page is short, and the row it ends with is found further down than could be counted:
        with others after it, or not. Some of that is seen of the last page of a desk that moves.
        """
        is_first_way_down = self.steps_back == self._steps_before and not self._seen_near_end
        if self._was_short and is_first_way_down and self._last in page:
            place = page.index(self._last)
            lag = place - (self._wanted - self.position.offset)
            after = self._keys(page[place + 1 :])
            if after and not self._was_last:
                self._sparse |= lag > 0 and not self._order.keys.intersection(after)
            elif not after and self.total == self._total_before:
                self._sparse |= lag > 1
        self._total_before = self.total
        self._was_short = len(page) < self.position.size
        self._was_last = self.total is not None and self.position.offset + len(page) >= self.total

    def _adopt_size(self, page: list[Row]) -> None:
        """Learn how many rows the API sends at most; where they are one page, ask for so many."""
        self._widest = max(self._widest, len(page))
        most = self._widest
        if self.paging.limit_is_a_page and not self._sparse:
            # A page of fewer is a short list.
            most = max(most, FEWEST_IN_A_PAGE)
            self.limit = min(self.limit, most)
        self._was_full = len(page) >= min(self.position.size, most)

    def _is_as_expected(self, page: list[Row], known: int) -> bool:
        """Tell a full page that begins with the rows the one before ended with; most are so."""
        return (
            self._phase == self._walk
            and self._overlap == 1
            and len(page) == min(self.position.size, self._widest) > known
            and self.position.offset > 0
            # Not where the walk has gone back and reads again what it has read.
            and self._wanted == self._furthest_read
            and page[known - 1] == self._last
            and (known == 1 or page[:known] == self._previous[-known:])
        )

    def _remember(self, page: list[Row]) -> None:
        self._known.add(page)
        if self.pages <= TOP_PAGES:
            self._top.add([row for row in page if not self._top.knows(row)])

    def _walk(self, page: list[Row], known: int) -> bool:
        """Go on from the last row of a page that joins; go back from one that does not."""
        joins = known > 0
        if not page and self._order.pinned and self._order.keys <= self._order.pinned:
            # There are none but those that come with every page.
            self._end_is_shown()
            return False
        if self.position.offset > 0 and not joins:
            self.steps_back += 1
            self._trust = 1
            self._overlap *= 4
            self._wanted = max(0, self._wanted - self._overlap)
            return False
        # A desk that moves is read with more overlap, until it has been still for a while.
        at_rest, least = len(page) == known, self._least_overlap
        less = max(least, min(self._overlap, self._widest // 2) * 3 // 4)
        self._overlap = least if at_rest else less
        if self.position.offset == 0 or self.pages <= TOP_PAGES:
            # As it first stood: a ticket that is listed again further down counts as it does there.
            self._top.add([row for row in page if not self._top.knows(row)])
        if self._is_all(page):
            self._places = len(page)
            self._finish()
        elif self._reach > self._wanted:
            self._wanted = max(self._wanted, self._reach - self._overlap) + 1
        elif page and self._was_full and self.paging.limit_is_a_page:
            raise UnusableAnswerError(
                f"sends {self._widest} rows a page at most, and pages so small cannot be joined "
                f"at offset {self._wanted + 1}"
            )
        elif page:
            self._wanted = self._reach + 1
            self._phase = self._find_end
        else:
            self._end_is_shown()
        return True

    def _is_all(self, page: list[Row]) -> bool:
        """Tell whether a first page is the whole of a brief list, by all that the API says."""
        return (
            self.brief
            and self.position.offset == 0
            and len(page) < self.position.size
            and self.total == len(page)
            and not self._has_more
        )

    def _find_end(self, page: list[Row], known: int) -> bool:
        """Expect an empty page after the last row, which stood alone on the page before."""
        # An API that answers so many pages and no more may not let itself be asked for the end
        # alone; then it is the last rows once more, and nothing after them.
        if not page or (self._reach < self._wanted and known == len(page) < self.position.size):
            self._end_is_shown()
            return False
        if self._sparse and page[-1] == self._last and len(page) < self._widest:
            # It lies further down than could be counted; and up to there, nothing follows it.
            self._wanted = self.position.offset + self.position.size - 1
            return False
        self._seen_near_end = True
        if known == len(page):
            # It may be what comes, whatever is asked for beyond the end.
            if self._end_page == page:
                self._places = self._wanted
                self._wanted = (self._places // self.limit + FAR) * self.limit
                self._phase = self._far_beyond
                return False
            self._end_page = page
        if self._widest == 1:
            # A desk of one ticket may just have got its second.
            self._singles += 1
            if self._singles > MOST_DOUBTS:
                raise UnusableAnswerError(
                    f"sends one row a page although {self.limit} are asked for, and pages of "
                    "one cannot be joined"
                )
        self._wanted -= 1
        self._phase = self._walk
        return False

    def _far_beyond(self, page: list[Row], known: int) -> bool:
        """Compare what comes far beyond the end with what came just there."""
        self._wanted = self._places
        if page == self._end_page:
            self._end_is_shown()
        else:
            self._wanted -= 1
            self._phase = self._walk
        self._end_page = []
        return False

    def _end_is_shown(self) -> None:
        """Take the end for true, unless the API itself says that more rows follow."""
        self._places, self._total_there = self._wanted, self.total or 0
        read = max(self._wanted, len(self._order.keys) if self._order.pinned else 0)
        says_more = self._has_more or (self.total is not None and self.total > read)
        if not says_more:
            self._confirm()
        elif self._doubts < MOST_DOUBTS:
            # It may have counted a moment before or after it listed.
            self._doubts += 1
            self._wanted = max(0, self._wanted - 1)
            self._phase = self._walk
        elif self._has_more:
            raise UnusableAnswerError(f"says that more follow after {read} rows, and sends none")
        else:
            raise UnusableAnswerError(
                f"says it has {self.total} rows, and its list ends after {read}"
            )

    def _confirm(self) -> None:
        """Look beyond an end that no total confirms, for pages may be empty in mid-list."""
        unsure = self._sparse or (self.total is None and not self.brief)
        if not unsure or self._probes == len(PROBES):
            self._look_again()
            return
        size = self.paging.limit
        beyond = (self._places // size + PROBES[self._probes]) * size
        self._probes += 1
        self._wanted, self._phase = beyond, self._probe

    def _probe(self, page: list[Row], known: int) -> bool:
        """Expect nothing beyond the end."""
        if not page:
            self._confirm()
        elif self._doubts < MOST_DOUBTS:
            # So many may have been added meanwhile.
            self._doubts += 1
            self._probes = 0
            self._wanted = max(0, self._places - 1)
            self._phase = self._walk
        else:
            raise UnusableAnswerError(
                f"sends no row for offset {self._places}, and some for {self.position.offset}: "
                f"{LEFT_OUT}"
            )
        return False

    def _look_again(self) -> None:
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise UnusableAnswerError(
                f"changed the top of its list faster than it could be read, {MOST_LOOKS} times"
            )
        self._wanted = 0
        self._phase = self._look_at_top
        self._seen_at_top: list[list[Row]] = []

    def _look_at_top(self, page: list[Row], known: int) -> bool:
        """Read what has been put on top since it was read last, down to what is known.

        The walk is complete when one answer, and so one moment, shows all of it.
        """
        first = self.position.offset == 0
        # With the page before, that is: rows from further down are known as well, and do not show
        # that none lies between.
        if not first and not any(row in self._seen_at_top[-1] for row in page):
            self._look_again()
            return False
        reaches_down = any(self._top.has(row) for row in page)
        self._seen_at_top.append(list(page))
        self._order.keys.update(self._keys(page))
        if first and (reaches_down or not page):
            self._finish()
        elif reaches_down or self._reach <= self._wanted:
            for seen in self._seen_at_top:
                self._top.add(seen)
            self._look_again()
        else:
            self._wanted = self._reach
        return True

    @property
    def _has_moved(self) -> bool:
        """Whether the list has been seen to change while it was read."""
        return self._first_total != self.total or self.steps_back > self._steps_before

    def _finish(self) -> None:
        """End where as many different rows as places were read, in one order; else read again."""
        order, read = self._order, len(self._order.keys)
        agrees = not order.broken and read >= max(self._places, self._total_there)
        # A row that is deleted after it was read makes up for one that was not read at all.
        is_sure = self._walks > 1 or not self._has_moved or order.is_unique
        # Where rows are left out of pages that were counted, places are no rows.
        places = max(len(order.in_order) if self._sparse else self._places, self._total_there)
        missing = read < places
        # What is in the same order in pages that begin elsewhere holds its place; and what has an
        # id that another has, but differs from it, is a row of its own.
        holds = order.in_order == self._in_order and len(order.contents) >= places
        if (agrees and is_sure) or holds:
            self.has_ended = True
        elif missing and self._sparse and len(order.in_order) == read:
            raise UnusableAnswerError(
                f"says it has {places} rows, and its pages held {read}: {LEFT_OUT}"
            )
        elif self._walks < MOST_WALKS:
            self._in_order = order.in_order
            if self._sparse:
                self.limit = self.paging.limit
            self._read_before = self._read_before | order.keys
            self._begin()
        else:
            seen = (
                f"has {read} different rows in the {places} places of its list"
                if missing
                else "lists rows that have not changed in another order from page to page"
            )
            param = self._order_param or "a parameter for that"
            raise UnusableAnswerError(
                f"{seen}, also when it is read again, so that others may be missing: order the "
                f"list by something unique, such as the id, with {param} among the params of its "
                "profile"
            )

    def _refuse_to_go_on_for_ever(self, fresh: list[Row]) -> None:
        self._furthest = max(self._furthest, self._wanted)
        if self.pages > self.most_pages:
            raise UnusableAnswerError(f"sent {self.most_pages} pages, and its list did not end")
        pages = self.pages - self._pages_before
        if pages > MOST_IDLE + MOST_TIMES * self._furthest // max(1, self._widest - 1):
            raise UnusableAnswerError(
                f"changed faster than it could be read: after {pages} pages, "
                f"{self.steps_back} of them asked for again from further up, the walk is at "
                f"offset {self._wanted}"
            )
        self._idle = 0 if fresh else self._idle + 1
        if self._idle > MOST_IDLE:
            raise UnusableAnswerError(
                f"sent nothing new in {MOST_IDLE} answers, the last for offset {self._wanted}, and "
                "did not show that its list has ended"
            )

    def _is_repeated(self, page: list[Row]) -> bool:
        """Tell whether two offsets brought one and the same page, and then ask for others.

        The last pages of a list are shorter, and each may well be the one before.
        """
        repeated = (
            self._phase == self._walk
            and self.position.offset > 0
            and len(page) == min(self.position.size, self._widest) > 1
            and self._keys(page) == self._keys(self._previous[: len(page)])
        )
        self._previous = page
        if repeated:
            self._repeated, self._return_to = page, self._wanted
            self._wanted += len(page) // 2
            self._phase = self._try_other_offset
        return repeated

    def _try_other_offset(self, page: list[Row], known: int) -> bool:
        """Refuse an API that ignores offset; a list may have moved just so far, but not again."""
        shared = min(len(page), len(self._repeated))
        if page and self._keys(page[:shared]) == self._keys(self._repeated[:shared]):
            self._same += 1
            if self._same == MOST_SAME:
                place = self.paging.place(self.paging.window(self._return_to, self.limit))
                raise UnusableAnswerError(
                    f"sent the same {len(page)} rows for {place} as for one before: it ignores "
                    f"{place.partition(' ')[0]}, so that what follows them cannot be read"
                )
            self._wanted += max(1, len(page) // 2)
            return False
        self._same = 0
        self._wanted = self._return_to
        self._phase = self._walk
        return False

    def _keys(self, page: list[Row]) -> list[Hashable]:
        return keys_of(page, self._identity)
