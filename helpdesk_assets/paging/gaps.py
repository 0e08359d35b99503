"""Rows that an API leaves out of its pages after it has counted them.

Such a page is short, and the row it ends with is found further down than could be counted: with
others after it, or not. Some of that is seen of the last page of a desk that moves.
"""

from helpdesk_assets.paging.stand import Stand
from helpdesk_assets.tables.rows import Row

LEFT_OUT = (
    "it leaves rows out of its pages after it has counted them, so that it cannot be seen that "
    "none is missing; leave them out by a filter among the params of its profile"
)


class Gaps:
    """Looks for such rows on the way down, and notes in the stand that there are some."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._was_short = self._was_last = False
        self._total_before: int | None = None

    def note(self, page: list[Row], *, is_first_way_down: bool) -> None:
        """Look at a page that joins.

        Args:
            page: its rows.
            is_first_way_down: whether no page had to be asked for again so far.
        """
        stand = self._stand
        if self._was_short and is_first_way_down and stand.last in page:
            place = page.index(stand.last)
            lag = place - (stand.wanted - stand.position.offset)
            after = stand.keys(page[place + 1 :])
            if after and not self._was_last:
                stand.sparse |= lag > 0 and not stand.order.keys.intersection(after)
            elif not after and stand.total == self._total_before:
                stand.sparse |= lag > 1
        self._total_before = stand.total
        self._was_short = len(page) < stand.position.size
        until = stand.position.offset + len(page)
        self._was_last = stand.total is not None and until >= stand.total
