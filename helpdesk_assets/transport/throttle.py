"""When requests may be sent: not faster than they should be, and all of them late when one is."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyrate_limiter import Limiter

# Answers without a 429 after which one more request is sent at the same time.
CALM = 5


class Throttle:
    """Lets requests through, from as many threads as there are.

    After an answer of 429 nobody sends anything until the API's pause is over, and then one
    request at a time at first. So a request waits here, rather than spend its attempts on an API
    that says no to all of them.

    Args:
        most: requests at the same time.
        per_second: requests a second; None: as many as there are.

    Attributes:
        stopped: set when nothing is to be sent any more.
    """

    def __init__(self, most: int, per_second: float | None = None) -> None:
        self._most = most
        self._allowed = most
        self._sending = 0
        self._calm = 0
        self._resume_at = 0.0
        self._changed = threading.Condition()
        self.stopped = threading.Event()
        self._limiter = _limiter(per_second) if per_second else None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn to send a request, which lasts until its answer has been read.

        Raises:
            CancelledError: nothing is to be sent any more.
        """
        with self._changed:
            while True:
                if self.stopped.is_set():
                    raise CancelledError
                pause = self._resume_at - time.monotonic()
                if self._sending < self._allowed and pause <= 0:
                    break
                self._changed.wait(pause if pause > 0 else None)
            self._sending += 1
        try:
            if self._limiter:
                self._limiter.try_acquire("help desk")
            yield
        finally:
            with self._changed:
                self._sending -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody send anything any more."""
        with self._changed:
            self.stopped.set()
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Let nobody send anything for a while: the API has said that it was too much."""
        with self._changed:
            self._allowed, self._calm = 1, 0
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)
            self._changed.notify_all()

    def went_well(self) -> None:
        """Take note of an answer; after a few, more requests are sent at the same time again."""
        if self._allowed == self._most:
            return
        with self._changed:
            self._calm += 1
            if self._calm >= CALM:
                self._allowed, self._calm = self._allowed + 1, 0
                self._changed.notify_all()


def _limiter(per_second: float) -> "Limiter":
    # Imported where it is needed, for most APIs have no such limit: it takes a tenth of a second.
    from pyrate_limiter import Limiter, Rate

    return Limiter(
        Rate(int(per_second), 1000) if per_second >= 1 else Rate(1, int(1000 / per_second))
    )
