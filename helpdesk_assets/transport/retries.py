"""Which requests are repeated, when, and for how long in all."""

import threading
import time
from typing import Any

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError, Response
from requests.exceptions import ChunkedEncodingError, SSLError, Timeout
from tenacity import RetryCallState, sleep_using_event, wait_exponential, wait_random

from helpdesk_assets.transport.failures import RETRIED_STATUSES
from helpdesk_assets.transport.throttle import Throttle
from helpdesk_assets.transport.waits import TOO_MANY, seconds_asked

RETRIED_ERRORS = (RequestsConnectionError, Timeout, ChunkedEncodingError)
# So that clients which failed together do not come back together; a share of the first wait.
JITTER = 0.25


@configspec
class RetryPolicy(BaseConfiguration):
    """How requests are repeated: dlt's ``[runtime]`` settings, with this API's rule as default.

    After the nth failure the next request waits ``request_backoff_factor * 2 ** (n - 1)``
    seconds, or as long as the API asks for (see ``transport.waits``), and in either case no longer
    than ``request_max_retry_delay`` seconds, plus a little chance. ``request_retry_budget`` is how
    many seconds a run may spend on that in all; a request that fails after that is not repeated.
    An exchange takes ``request_answer_timeout`` seconds at most, wherever it is slow, and its
    answer is ``request_max_answer_mb`` million bytes at most, unpacked.
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
        """The seconds that a page may take, with all that can go wrong on the way to it."""
        each = self.request_connect_timeout + self.request_answer_timeout
        return self.request_max_attempts * (each + (1 + JITTER) * self.request_max_retry_delay)


class Retries:
    """Decides for each failed request of a run whether it is repeated, and counts.

    Several threads may repeat requests at the same time.

    Args:
        policy: the rule.
        throttle: through which requests are let.

    Attributes:
        count: requests that repeated one before them.
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
        self.count = 0

    def attach(self, retrying: Any) -> None:
        """Make tenacity's retrying, which dlt has set up, wait by this rule."""
        retrying.wait = self._wait_together
        retrying.sleep = sleep_using_event(self._throttle.stopped)

    def begin(self) -> None:
        """Begin with a request that is to be sent by this thread."""
        self._thread.attempts, self._thread.failing = 0, False

    def end(self) -> None:
        """End with that request, whatever came of it."""
        with self._lock:
            self.count += max(0, self._thread.attempts - 1)
            if self._thread.failing:
                self._count_failing(-1)

    @property
    def waited(self) -> float:
        """Seconds during which at least one request was being repeated, or waited for that."""
        with self._lock:
            now = time.monotonic() - self._failing_since if self._failing else 0
            return self._spent + now

    def is_transient(self, response: Response | None, error: BaseException | None) -> bool:
        """Decide whether to ask again; called once after each request."""
        self._thread.attempts = getattr(self._thread, "attempts", 0) + 1
        if response is None and isinstance(error, HTTPError):
            response = error.response
        if response is not None:
            transient = response.status_code in RETRIED_STATUSES
        else:
            transient = isinstance(error, RETRIED_ERRORS) and not isinstance(error, SSLError)
        return transient and self._can_afford_it()

    def _wait_together(self, state: RetryCallState) -> float:
        """Return the seconds to wait; all requests do when the API says they are too many."""
        outcome = state.outcome
        answer = getattr(outcome and outcome.exception(), "response", None)
        status = status_of(answer)
        seconds = seconds_asked(status, answer.headers) if answer is not None else 0
        seconds = min(seconds, self._policy.request_max_retry_delay) or self._backoff(state)
        seconds += self._chance(state)
        if status == TOO_MANY:
            self._throttle.pause(seconds)
        return seconds

    def _can_afford_it(self) -> bool:
        """Tell whether the run has time left to repeat a request that has just failed."""
        with self._lock:
            if not getattr(self._thread, "failing", False):
                self._thread.failing = True
                self._count_failing(1)
            spent = self._spent + time.monotonic() - self._failing_since
        return spent <= self._policy.request_retry_budget and not self._throttle.stopped.is_set()

    def _count_failing(self, change: int) -> None:
        """Keep the time during which at least one request was being repeated."""
        now = time.monotonic()
        if self._failing == 0:
            self._failing_since = now
        self._failing += change
        if self._failing == 0:
            self._spent += now - self._failing_since


def status_of(response: Response | None) -> int:
    """Return the status of an answer; 0 where there is none."""
    return 0 if response is None else response.status_code
