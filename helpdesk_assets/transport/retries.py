"""Decides which requests are retried, when, and for how long in total."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError, Response
from requests.exceptions import ChunkedEncodingError, SSLError, Timeout
from tenacity import RetryCallState, sleep_using_event, wait_exponential, wait_random

from helpdesk_assets.transport.failures import RETRIED_STATUSES
from helpdesk_assets.transport.throttle import Throttle
from helpdesk_assets.transport.waits import is_throttled, seconds_asked

P = ParamSpec("P")
R = TypeVar("R")

RETRIED_ERRORS = (RequestsConnectionError, Timeout, ChunkedEncodingError)
# As a share of the first wait, so that clients that failed together do not retry together.
JITTER = 0.25


@configspec
class RetryPolicy(BaseConfiguration):
    """How requests are retried: dlt's ``[runtime]`` settings, with this project's defaults.

    After the nth failure, the next request waits ``request_backoff_factor * 2 ** (n - 1)``
    seconds, or as long as the API asks for (see ``transport.waits``), but at most
    ``request_max_retry_delay`` seconds, plus jitter. A run may spend ``request_retry_budget``
    seconds on retries in total, and a list by parent as many in each of its portions; after that,
    failed requests are not retried. An exchange takes at most ``request_answer_timeout`` seconds,
    and a decompressed response has at most ``request_max_answer_mb`` million bytes.
    """

    request_max_attempts: int = 4
    request_backoff_factor: float = 2
    request_max_retry_delay: float = 60
    request_retry_budget: float = 900
    request_connect_timeout: float = 10
    request_timeout: float = 60
    request_answer_timeout: float = 120
    request_max_answer_mb: float = 32

    __section__ = "runtime"

    @property
    def longest(self) -> float:
        """The maximum number of seconds for a page, including all retries."""
        each = self.request_connect_timeout + self.request_answer_timeout
        return self.request_max_attempts * (each + (1 + JITTER) * self.request_max_retry_delay)


class Retries:
    """Decides for each failed request of a run whether to retry it, and counts retries.

    It is thread-safe.

    Args:
        policy: the retry policy.
        throttle: limits the requests.

    Attributes:
        count: the number of retries.
    """

    def __init__(self, policy: RetryPolicy, throttle: Throttle) -> None:
        self._policy = policy
        self._throttle = throttle
        self._backoff = wait_exponential(
            multiplier=policy.request_backoff_factor, max=policy.request_max_retry_delay
        )
        self._chance = wait_random(0, JITTER * policy.request_backoff_factor)
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._failing = 0
        self._failing_since = 0.0
        self._spent = 0.0
        self._spent_before = 0.0
        self.count = 0

    def attach(self, retrying: Any) -> None:
        """Make tenacity's retrying, as set up by dlt, wait according to the policy."""
        retrying.wait = self._wait_together
        retrying.sleep = sleep_using_event(self._throttle.stopped)

    def begin(self) -> None:
        """Begin a request of this thread."""
        self._thread.attempts, self._thread.failing = 0, False

    def end(self) -> None:
        """End the request of this thread, successful or not."""
        with self._lock:
            self.count += max(0, self._thread.attempts - 1)
            if self._thread.failing:
                self._count_failing(-1)

    def counted(self, send: Callable[P, R]) -> Callable[P, R]:
        """Return a function that sends a request with retries, with its begin and end noted."""

        @wraps(send)
        def noted(*args: P.args, **kwargs: P.kwargs) -> R:
            self.begin()
            try:
                return send(*args, **kwargs)
            finally:
                self.end()

        return noted

    def renew_budget(self) -> None:
        """Allow as much time for retries again, because what was read so far has been loaded."""
        with self._lock:
            self._spent_before = self._spent

    @property
    def waited(self) -> float:
        """Seconds during which at least one request was being retried or waited for a retry."""
        with self._lock:
            now = time.monotonic() - self._failing_since if self._failing else 0
            return self._spent + now

    def is_transient(self, response: Response | None, error: BaseException | None) -> bool:
        """Decide whether to retry; called once after each request."""
        self._thread.attempts = getattr(self._thread, "attempts", 0) + 1
        if response is None and isinstance(error, HTTPError):
            response = error.response
        if response is not None:
            status = response.status_code
            transient = status in RETRIED_STATUSES or is_throttled(status, response.headers)
        else:
            transient = isinstance(error, RETRIED_ERRORS) and not isinstance(error, SSLError)
        return transient and self._can_afford_it()

    def _wait_together(self, state: RetryCallState) -> float:
        """Return the seconds to wait; after too many requests, all requests wait."""
        outcome = state.outcome
        answer = getattr(outcome and outcome.exception(), "response", None)
        status = status_of(answer)
        seconds = seconds_asked(status, answer.headers) if answer is not None else 0
        seconds = min(seconds, self._policy.request_max_retry_delay) or self._backoff(state)
        seconds += self._chance(state)
        if answer is not None and is_throttled(status, answer.headers):
            self._throttle.pause(seconds)
        return seconds

    def _can_afford_it(self) -> bool:
        """Return whether the retry budget of the run allows another retry."""
        with self._lock:
            if not getattr(self._thread, "failing", False):
                self._thread.failing = True
                self._count_failing(1)
            spent = self._spent - self._spent_before + time.monotonic() - self._failing_since
        return spent <= self._policy.request_retry_budget and not self._throttle.stopped.is_set()

    def _count_failing(self, change: int) -> None:
        """Measure the time during which at least one request was being retried."""
        now = time.monotonic()
        if self._failing == 0:
            self._failing_since = now
        self._failing += change
        if self._failing == 0:
            self._spent += now - self._failing_since


def status_of(response: Response | None) -> int:
    """Return the status of a response; 0 without a response."""
    return 0 if response is None else response.status_code
