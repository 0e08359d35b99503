"""The session that sends a run's requests: dlt's own, with the API's retry rule."""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.sources.helpers.requests import Client
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError, PreparedRequest, Response, Session
from requests.exceptions import ChunkedEncodingError, SSLError, Timeout
from tenacity import RetryCallState, sleep_using_event, wait_exponential, wait_random

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.transport.exchange import BoundedAdapter
from helpdesk_assets.transport.failures import RETRIED_STATUSES
from helpdesk_assets.transport.pages import Page, PageFormat
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.redirects import MOST_REDIRECTS, redirected
from helpdesk_assets.transport.throttle import Throttle
from helpdesk_assets.transport.unpacking import ACCEPTED
from helpdesk_assets.transport.waits import TOO_MANY, seconds_asked

RETRIED_ERRORS = (RequestsConnectionError, Timeout, ChunkedEncodingError)
# So that clients which failed together do not come back together; a share of the first wait.
JITTER = 0.25
REFUSED = 401


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


class HelpDeskSession:
    """Sends the requests of one run, counts them, and keeps the key out of their errors.

    Several threads may send with it at the same time.

    Args:
        redaction: of the key.
        policy: how requests are repeated; by default as configured.
        in_flight: requests at the same time.
        per_second: requests a second; None: as many as the API answers.
        page_format: where in an answer things are.

    Attributes:
        in_flight: as above.
        auth: puts into a request what lets it in; one that has ``renew`` gets another token when
            the one in a request is refused.
        began: when the first request was sent, by the API's own clock (the header Date of its
            answer) or by this machine's, whichever was earlier; None before the first page.
        ahead: by how many seconds, roughly, the API's clock is ahead of this machine's; None where
            it does not say.
        retries: requests that repeated one before them.
        requests_session: dlt's own, which sends.
        token_session: another of them, which asks for tokens and has no pages in flight.
    """

    def __init__(
        self,
        redaction: Redaction,
        policy: RetryPolicy | None = None,
        *,
        in_flight: int = 1,
        per_second: float | None = None,
        page_format: PageFormat | None = None,
    ) -> None:
        self._page_format = page_format or PageFormat()
        self._policy = policy or resolve_configuration(RetryPolicy())
        self._redaction = redaction
        self.in_flight = in_flight
        self.auth: Callable[[PreparedRequest], Any] = lambda request: request
        self._throttle = Throttle(in_flight, per_second)
        self._lock = threading.Lock()
        self._failing = 0
        self._failing_since = 0.0
        self._spent = 0.0
        self._thread = threading.local()
        self._first_sent: tuple[datetime, float] | None = None
        self.began: datetime | None = None
        self.ahead: float | None = None
        self.retries = 0
        self._page_came = time.monotonic()
        self._adapters: list[BoundedAdapter] = []
        self.requests_session = self._session()
        self.token_session = self._session()
        # A token is asked for where the profile says, and nowhere else.
        self.token_session.max_redirects = 0
        # So that requests does not look for a password in a file .netrc.
        self.token_session.auth = lambda request: request
        # dlt's rule, with this API's own waits; what tenacity wraps has no type that tells of it.
        retry = cast(Any, self.requests_session.send).retry
        self._backoff = wait_exponential(
            multiplier=self._policy.request_backoff_factor, max=self._policy.request_max_retry_delay
        )
        self._chance = wait_random(0, JITTER * self._policy.request_backoff_factor)
        retry.wait = self._wait_together
        retry.sleep = sleep_using_event(self._throttle.stopped)
        self._send_with_retries = retry.wraps(self._send_once)
        self._environment = cache(self._settings_of_environment)

    @property
    def requests(self) -> int:
        """Requests sent: the repeated ones, those redirected to and those for tokens included."""
        return sum(adapter.sent for adapter in self._adapters)

    @property
    def waited(self) -> float:
        """Seconds during which at least one request was being repeated, or waited for that."""
        with self._lock:
            now = time.monotonic() - self._failing_since if self._failing else 0
            return self._spent + now

    def _session(self) -> Session:
        # The rule is one predicate, not dlt's lists: a certificate that is not trusted is a
        # ConnectionError to requests, and asking again does not mend it.
        session: Session = Client(
            raise_for_status=False,
            status_codes=(),
            exceptions=(),
            retry_condition=self._is_transient,
            request_max_attempts=self._policy.request_max_attempts,
            request_backoff_factor=self._policy.request_backoff_factor,
            request_max_retry_delay=self._policy.request_max_retry_delay,
            request_timeout=(self._policy.request_connect_timeout, self._policy.request_timeout),
        ).session
        adapter = BoundedAdapter(
            answer_seconds=self._policy.request_answer_timeout,
            most_megabytes=self._policy.request_max_answer_mb,
            throttle=self._throttle,
            connections=self.in_flight,
        )
        self._adapters.append(adapter)
        session.headers["Accept-Encoding"] = ACCEPTED
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)
        return session

    def send(self, request: PreparedRequest, place: str) -> Page:
        """Return the page that a request is answered with; it is let in, and sent, here alone.

        A token that is refused before its time is renewed, once.

        Args:
            request: what to send.
            place: what is asked for, in words.

        Raises:
            requests.RequestException: it failed, also when it was repeated.
            UnusableAnswerError: it is no page, or leads where the key is not meant for.
        """
        try:
            try:
                return self._send(request, place)
            except HTTPError as error:
                renew = getattr(self.auth, "renew", None)
                if renew is None or _status(error.response) != REFUSED:
                    raise
                renew(error.request)
                return self._send(request, place)
        except Exception as error:
            self._redaction.clean(error)
            raise

    def _send(self, request: PreparedRequest, place: str) -> Page:
        self._thread.attempts, self._thread.failing = 0, False
        self._first_sent = self._first_sent or (datetime.now(timezone.utc), time.monotonic())
        try:
            page: Page = self._send_with_retries(request, place)
        finally:
            with self._lock:
                self.retries += max(0, self._thread.attempts - 1)
                if self._thread.failing:
                    self._count_failing(-1)
        self._throttle.went_well()
        self._page_came = time.monotonic()
        return page

    def _send_once(self, request: PreparedRequest, place: str) -> Page:
        """Send a request, and follow where it is redirected to."""
        for _ in range(1 + MOST_REDIRECTS):
            self.auth(request)
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(str(request.url)))
            # Not by the session's own send, which the reader stands in for.
            session = self.requests_session
            response = type(session).send(
                session, request, **self._environment(origin), allow_redirects=False
            )
            if not response.is_redirect:
                response.raise_for_status()
                page = self._page_format.page(response, place)
                if self.began is None and self._first_sent:
                    self._note_clocks(response, *self._first_sent)
                return page
            request = redirected(request, response)
        raise UnusableAnswerError(
            f"redirects {MOST_REDIRECTS} times and again for {place}: set "
            "SOURCES__HELP_DESK__BASE_URL to where its API is"
        )

    def _settings_of_environment(self, origin: str) -> Mapping[str, Any]:
        """Return the proxies and certificates that the environment has for an address."""
        settings: Mapping[str, Any] = self.requests_session.merge_environment_settings(
            origin, {}, None, None, None
        )
        return settings

    def refuse_to_wait_for_ever(self) -> None:
        """Raise requests.Timeout when no page has come for much longer than one can take."""
        if time.monotonic() - self._page_came > 2 * self._policy.longest:
            raise Timeout("No page arrived.")

    def _note_clocks(self, response: Response, sent: datetime, monotonic: float) -> None:
        """Note when the first request was sent, by the clock that says the earlier time.

        An answer is dated when it is made, so that the time since then is taken off.
        """
        self.began = sent
        lasted = timedelta(seconds=time.monotonic() - monotonic)
        try:
            answered = parsedate_to_datetime(response.headers.get("Date", ""))
            # A date of the zone -0000 comes without one, and is of UTC.
            by_the_api = answered.replace(tzinfo=answered.tzinfo or timezone.utc) - lasted
        except (TypeError, ValueError, OverflowError):
            return
        self.ahead = (by_the_api - sent).total_seconds()
        self.began = min(sent, by_the_api.astimezone(timezone.utc))

    def stop(self) -> None:
        """Send nothing any more: what is under way is ended, and what waits is given up."""
        self._throttle.stop()
        for adapter in self._adapters:
            adapter.stop()

    def _is_transient(self, response: Response | None, error: BaseException | None) -> bool:
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
        status = _status(answer)
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


def _status(response: Response | None) -> int:
    return 0 if response is None else response.status_code
