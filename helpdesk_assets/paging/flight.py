"""Pages in flight: requested in parallel, and returned in order."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

Page = TypeVar("Page")

MOST_IN_FLIGHT = 32
# Seconds between two checks whether to keep waiting for a page.
PATIENCE = 10


class PagesInFlight(Generic[Page]):
    """Requests pages ahead.

    Args:
        fetch: requests the page at a position; called in other threads.
        most: the maximum number of parallel requests.
        still_waiting: called regularly while waiting for a page; may raise an error to stop.
    """

    def __init__(
        self,
        fetch: Callable[[Any], Page],
        most: int,
        still_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._still_waiting = still_waiting
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="page")
        self._asked: dict[Any, Future[Page]] = {}

    def page(self, position: Any, following: Sequence[Any]) -> Page:
        """Return the page at a position, and request the following pages meanwhile.

        Args:
            position: the position of the page. If it was not requested ahead, all pages that were
                are discarded.
            following: the positions of the pages that are probably needed next, in order.
        """
        self.ask(position, following)
        future = self._asked.pop(position)
        while wait([future], PATIENCE).not_done:
            self._still_waiting()
        return future.result()

    def ask(self, position: Any, following: Sequence[Any]) -> None:
        """Request the page at a position and the following ones, without waiting for them."""
        if position not in self._asked:
            for future in self._asked.values():
                future.cancel()
            self._asked.clear()
        for wanted in (position, *following):
            if wanted not in self._asked:
                self._asked[wanted] = self._threads.submit(self._fetch, wanted)

    def close(self) -> None:
        """Cancel pending requests, and wait for those in progress.

        The caller must have ended long requests before. A thread that outlives the run could log
        secrets, because redaction has ended.
        """
        self._threads.shutdown(cancel_futures=True)
