"""Pages in flight: several are asked for at once, and handed out in the order they are wanted."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

Page = TypeVar("Page")

MOST_IN_FLIGHT = 32
# Seconds between two questions whether to go on waiting for a page.
PATIENCE = 10


class PagesInFlight(Generic[Page]):
    """Asks for pages before they are wanted.

    Args:
        fetch: asks for the page at a position; called in other threads.
        most: how many are asked for at the same time.
        still_waiting: called now and then while a page is waited for; what it raises ends that.
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
        """Return the page at a position; meanwhile, those that will follow are asked for.

        Args:
            position: of the page wanted now. Pages asked for that are neither this nor among the
                following were guessed wrong: what they bring is not looked at.
            following: positions of pages that will probably be wanted next, in that order.
        """
        self.ask(position, following)
        future = self._asked.pop(position)
        while wait([future], PATIENCE).not_done:
            self._still_waiting()
        return future.result()

    def ask(self, position: Any, following: Sequence[Any]) -> None:
        """Ask for the page wanted now and those that follow, and do not wait for them."""
        if position not in self._asked:
            for future in self._asked.values():
                future.cancel()
            self._asked.clear()
        for wanted in (position, *following):
            if wanted not in self._asked:
                self._asked[wanted] = self._threads.submit(self._fetch, wanted)

    def close(self) -> None:
        """Ask for nothing any more, and wait until nothing is under way.

        Whoever closes it has ended what could last: a thread that outlived the run would log what
        nobody takes the secrets out of any more.
        """
        self._threads.shutdown(cancel_futures=True)
