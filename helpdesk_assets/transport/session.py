"""The session that sends a run's requests: dlt's session with this project's retry policy."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

from dlt.common.configuration.resolve import resolve_configuration
from dlt.sources.helpers.requests import Client
from requests import HTTPError, PreparedRequest, Session
from requests.exceptions import Timeout

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.transport.clocks import Clocks
from helpdesk_assets.transport.exchange import BoundedAdapter
from helpdesk_assets.transport.pages import Page, PageFormat
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.redirects import MOST_REDIRECTS, redirected
from helpdesk_assets.transport.retries import Retries, RetryPolicy, status_of
from helpdesk_assets.transport.throttle import Throttle
from helpdesk_assets.transport.unpacking import ACCEPTED

REFUSED = 401


class HelpDeskSession:
    """Sends and counts the requests of one run, and removes secrets from errors.

    It is thread-safe.

    Args:
        redaction: removes the secrets.
        policy: the retry policy. Default: as configured.
        in_flight: the maximum number of parallel requests.
        per_second: the maximum number of requests per second; None: no limit.
        page_format: the structure of responses.

    Attributes:
        in_flight: as above.
        auth: authenticates requests; if it has ``renew``, it is called when a token is rejected,
            and if it has ``must_finish``, a token request in progress is not ended by ``stop``.
        requests_session: dlt's session, which sends the requests.
        token_session: a separate session for requesting tokens.
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
        self._retries = Retries(self._policy, self._throttle)
        self._token_retries = Retries(self._policy, self._throttle)
        self._clocks = Clocks()
        self._page_came = time.monotonic()
        self._adapters: list[BoundedAdapter] = []
        self.requests_session = self._session(self._retries)
        self.token_session = self._session(self._token_retries)
        # Tokens are requested only from the URL in the profile.
        self.token_session.max_redirects = 0
        # The empty auth keeps requests from looking for a password in a .netrc file.
        self.token_session.auth = lambda request: request
        vars(self.token_session)["send"] = self._token_retries.counted(self.token_session.send)
        # dlt's retrying, with this project's waits; tenacity's wrapper is not typed.
        retrying = cast(Any, self.requests_session.send).retry
        self._retries.attach(retrying)
        self._send_with_retries = retrying.wraps(self._send_once)
        self._environment = cache(self._settings_of_environment)

    @property
    def requests(self) -> int:
        """Number of requests sent, including retries, redirects and token requests."""
        return sum(adapter.sent for adapter in self._adapters)

    @property
    def retries(self) -> int:
        """Number of retries."""
        return self._retries.count + self._token_retries.count

    @property
    def waited(self) -> float:
        """Seconds during which at least one request was being retried or waited for a retry."""
        return self._retries.waited + self._token_retries.waited

    @property
    def began(self) -> datetime | None:
        """When the first request was sent, by the earlier of two clocks; see Clocks."""
        return self._clocks.began

    @property
    def ahead(self) -> float | None:
        """By how many seconds the API's clock is ahead of this machine's; see Clocks."""
        return self._clocks.ahead

    def _session(self, retries: Retries) -> Session:
        # The policy is one predicate instead of dlt's lists: an untrusted certificate is a
        # ConnectionError in requests, and a retry does not help.
        session: Session = Client(
            raise_for_status=False,
            status_codes=(),
            exceptions=(),
            retry_condition=retries.is_transient,
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
        """Authenticate and send a request, and return the page in the response.

        A token that is rejected before its expiry is renewed once.

        Args:
            request: the request.
            place: what is requested, for error messages.

        Raises:
            requests.RequestException: the request failed, even after retries.
            UnusableAnswerError: the response is not a page, or redirects to another host.
        """
        try:
            try:
                return self._send(request, place)
            except HTTPError as error:
                renew = getattr(self.auth, "renew", None)
                if renew is None or status_of(error.response) != REFUSED:
                    raise
                renew(error.request)
                return self._send(request, place)
        except Exception as error:
            self._redaction.clean(error)
            raise

    def _send(self, request: PreparedRequest, place: str) -> Page:
        self._retries.begin()
        self._clocks.note_sent()
        try:
            page: Page = self._send_with_retries(request, place)
        finally:
            self._retries.end()
        self._throttle.note_success()
        self._page_came = time.monotonic()
        return page

    def _send_once(self, request: PreparedRequest, place: str) -> Page:
        """Send a request, and follow redirects."""
        for _ in range(1 + MOST_REDIRECTS):
            self.auth(request)
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(str(request.url)))
            # Not with the session's own send, which the reader has replaced.
            session = self.requests_session
            response = type(session).send(
                session, request, **self._environment(origin), allow_redirects=False
            )
            if not response.is_redirect:
                response.raise_for_status()
                page = self._page_format.page(response, place)
                self._clocks.note_answered(response)
                return page
            request = redirected(request, response)
        raise UnusableAnswerError(
            f"redirects more than {MOST_REDIRECTS} times for {place}: set "
            "SOURCES__HELP_DESK__BASE_URL to the base URL of its API"
        )

    def _settings_of_environment(self, origin: str) -> Mapping[str, Any]:
        """Return the proxies and certificates that the environment sets for a URL."""
        settings: Mapping[str, Any] = self.requests_session.merge_environment_settings(
            origin, {}, None, None, None
        )
        return settings

    def raise_if_stalled(self) -> None:
        """Raise requests.Timeout if no page has arrived for much longer than one can take."""
        if time.monotonic() - self._page_came > 2 * self._policy.longest:
            raise Timeout("No page arrived.")

    def renew_retry_budget(self) -> None:
        """Allow as much time for retries again, because what was read so far has been loaded."""
        self._retries.renew_budget()

    def stop(self) -> None:
        """Send no more requests; end those in progress, and cancel those that wait."""
        self._throttle.stop()
        of_pages, of_tokens = self._adapters
        of_pages.stop()
        if not getattr(self.auth, "must_finish", False):
            of_tokens.stop()
