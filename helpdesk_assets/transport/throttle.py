"""Limits the rate of requests, and pauses all of them after HTTP 429."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyrate_limiter import Limiter

# Number of responses without HTTP 429 after which one more parallel request is allowed.
CALM = 5


class Throttle:
    """Limits the requests of several threads.

    After HTTP 429, no requests are sent until the API's pause is over, and then one at a time at
    first. So requests wait here instead of using up their attempts.

    Args:
        most: the maximum number of parallel requests.
        per_second: the maximum number of requests per second; None: no limit.

    Attributes:
        stopped: set when no more requests are to be sent.
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
        """Wait for a turn to send a request, which lasts until its response has been read.

        Raises:
            CancelledError: no more requests are to be sent.
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
        """Allow no more requests."""
        with self._changed:
            self.stopped.set()
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Pause all requests, after HTTP 429."""
        with self._changed:
            self._allowed, self._calm = 1, 0
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)
            self._changed.notify_all()

    def note_success(self) -> None:
        """Note a successful response; after a few of them, allow more parallel requests again."""
        if self._allowed == self._most:
            return
        with self._changed:
            self._calm += 1
            if self._calm >= CALM:
                self._allowed, self._calm = self._allowed + 1, 0
                self._changed.notify_all()


def _limiter(per_second: float) -> "Limiter":
    # Imported when needed: it takes a tenth of a second, and most APIs have no such limit.
    from pyrate_limiter import Limiter, Rate

    return Limiter(
        Rate(int(per_second), 1000) if per_second >= 1 else Rate(1, int(1000 / per_second))
    )
