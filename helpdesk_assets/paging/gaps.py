"""Detects rows that an API counts but omits from its pages.

Such a page is short, and its last row is found at a higher position than expected, with or without
other rows after it. The last page of a changing list looks similar.
"""

from helpdesk_assets.paging.stand import Stand
from helpdesk_assets.tables.rows import Row

LEFT_OUT = (
    "it counts rows that it omits from its pages, so completeness cannot be verified; exclude "
    "these rows with a filter under params in its profile"
)


class Gaps:
    """Looks for omitted rows while reading, and records in the state whether there are any."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._was_short = self._was_last = False
        self._total_before: int | None = None

    def note(self, page: list[Row], *, is_first_way_down: bool) -> None:
        """Inspect a page that overlaps the one before.

        Args:
            page: the rows of the page.
            is_first_way_down: whether no page had to be requested again so far.
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
