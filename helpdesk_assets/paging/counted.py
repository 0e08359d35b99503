"""Complete paging: a walk through counted pages that shows it has left no ticket out.

Offsets count rows, and rows move while they are counted: when a ticket is deleted, all that come
after it move one place up, and one of them slips over the border into the page already read.

So the pages of a reading overlap (see Reading). It ends when the API has shown that nothing
follows (see End) and when the top of the list, read once more, is known (see Top): tickets that
were put there meanwhile, be they new or moved there from further down, are read by that too.

What it shows: every ticket that existed from the first request to the last has been read, in a
list that is ordered, either way, by what a ticket keeps (its id) or by what every change of it
moves (the time of its last change). What cannot be shown raises UnusableAnswerError.

It is shown of places, and tickets are wanted. So the walk has to have read as many different ones
as it walked over places, in one order (see Order). Otherwise it reads the list again, by pages that
begin elsewhere: where rows hold their places, they are the same ones in the same order then. And a
row that is deleted after it was read makes up for one that was not: so a list that has changed
meanwhile is read again, too, unless no rows stand where pages meet that its order may not tell
apart (see Borders). Where it changes each time it is read, it is not verified.
"""

from collections.abc import Hashable

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.bounds import MOST_PAGES, MOST_WALKS
from helpdesk_assets.paging.gaps import LEFT_OUT
from helpdesk_assets.paging.order import Order
from helpdesk_assets.paging.positions import Counted, OffsetPaging, Window
from helpdesk_assets.paging.reading import Reading
from helpdesk_assets.paging.stand import PageSize, Stand
from helpdesk_assets.tables.keys import ID, Identity
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.pages import Page


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
        has_ended: whether the end has been shown, and no row was left out.
        unverified: why it cannot be said that no row was left out; None where it was shown.
        pages: answers taken in.
    """

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
        self._brief = brief
        self._most_pages = most_pages
        self._order_param = order_param
        self._size = PageSize(self.paging)
        self.has_ended = False
        self.unverified: str | None = None
        self.pages = 0
        self._walks = 0
        self._steps_before = 0
        self._read_before: set[Hashable] = set()
        self._in_order: list[Hashable] = []
        self._reading = self._begin(sparse=False)

    def _begin(self, *, sparse: bool) -> Reading:
        """Begin at the top; of what was read before, nothing is known any more."""
        self._walks += 1
        order = Order(self._identity, notes_contents=self._walks > 1)
        top = self.paging.window(0, self._size.limit)
        stand = Stand(self.paging, self._identity, self._size, order, self._brief, top, sparse)
        # Each time by more than the last, so that its pages begin elsewhere.
        return Reading(stand, least_overlap=self._walks)

    @property
    def position(self) -> Window:
        """The window that is wanted next."""
        return self._reading.stand.position

    @property
    def total(self) -> int | None:
        """How many rows the API last said there are; None when it does not say."""
        return self._reading.stand.total

    @property
    def steps_back(self) -> int:
        """How many pages did not join and were asked for again from further up."""
        return self._steps_before + self._reading.steps_back

    @property
    def rows_walked(self) -> int:
        """How many different rows have been read."""
        read = self._reading.stand.order.keys
        return len(self._read_before | read if self._read_before else read)

    @property
    def is_probing(self) -> bool:
        """Whether what is wanted lies beyond the end, so that an API may refuse it."""
        return self._reading.is_probing

    @property
    def is_at_end(self) -> bool:
        """Whether, by what the API says, all rows have been read, and the end is to be shown."""
        return self._reading.is_at_end

    def following(self, in_flight: int) -> list[Window]:
        """Return the windows that will be wanted after the present one if the desk stands still.

        What is read ahead is judged like any other page when its turn comes. The end of the list,
        and its top once more, are only asked for when all before them has been read: a ticket that
        moves there meanwhile would be seen neither there nor where it was.

        Args:
            in_flight: how many may be asked for at once.
        """
        return self._reading.following(in_flight)

    def take(self, page: Page) -> list[Row]:
        """Take an answer in, and return the rows in it that are new or have changed.

        Args:
            page: the answer to a request for ``position``.

        Raises:
            UnusableAnswerError: rows are left out, or it cannot be seen that they are not.
        """
        self.pages += 1
        if self.pages > self._most_pages:
            raise UnusableAnswerError(f"sent {self._most_pages} pages, and its list did not end")
        before = self._read_before
        fresh = self._reading.take(page)
        if self._reading.has_ended:
            self._finish()
        if before:
            # One that has changed since is for the next walk, as if it had done so after this one.
            keys = self._reading.stand.keys(fresh)
            fresh = [row for row, key in zip(fresh, keys, strict=True) if key not in before]
        return fresh

    def _finish(self) -> None:
        """End where as many different rows as places were read, in one order; else read again."""
        reading, order = self._reading, self._reading.stand.order
        # A row that is deleted after it was read makes up for one that was not read at all.
        is_sure = not reading.has_moved or order.is_unique
        # What is in the same order in pages that begin elsewhere holds its place; and what has an
        # id that another has, but differs from it, is a row of its own.
        holds = order.in_order == self._in_order and len(order.contents) >= reading.places
        if holds or (reading.is_whole and (is_sure or self._walks > 1)):
            self.has_ended = True
            if not (holds or is_sure):
                self.unverified = (
                    "the list changed each time it was read, and where pages meet its order does "
                    f"not tell rows apart: {self._remedy}"
                )
            return
        missing = len(order.keys) < reading.places
        if missing and reading.stand.sparse and len(order.in_order) == len(order.keys):
            raise UnusableAnswerError(
                f"says it has {reading.places} rows, and its pages held {len(order.keys)}: "
                f"{LEFT_OUT}"
            )
        if self._walks == MOST_WALKS:
            seen = (
                f"has {len(order.keys)} different rows in the {reading.places} places of its list"
                if missing
                else "lists rows that have not changed in another order from page to page"
            )
            raise UnusableAnswerError(
                f"{seen}, also when it is read again, so that others may be missing: {self._remedy}"
            )
        self._in_order = order.in_order
        self._read_before = self._read_before | order.keys
        self._steps_before += reading.steps_back
        if reading.stand.sparse:
            self._size.reset()
        self._reading = self._begin(sparse=reading.stand.sparse)

    @property
    def _remedy(self) -> str:
        param = self._order_param or "a parameter for that"
        return (
            f"order the list by something unique, such as the id, with {param} among the params of "
            "its profile"
        )
