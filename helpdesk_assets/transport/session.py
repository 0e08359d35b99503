"""The session that sends a run's requests: dlt's own, with the API's retry rule."""

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
        self._retries = Retries(self._policy, self._throttle)
        self._clocks = Clocks()
        self._page_came = time.monotonic()
        self._adapters: list[BoundedAdapter] = []
        self.requests_session = self._session()
        self.token_session = self._session()
        # A token is asked for where the profile says, and nowhere else.
        self.token_session.max_redirects = 0
        # So that requests does not look for a password in a file .netrc.
        self.token_session.auth = lambda request: request
        # dlt's rule, with this API's own waits; what tenacity wraps has no type that tells of it.
        retrying = cast(Any, self.requests_session.send).retry
        self._retries.attach(retrying)
        self._send_with_retries = retrying.wraps(self._send_once)
        self._environment = cache(self._settings_of_environment)

    @property
    def requests(self) -> int:
        """Requests sent: the repeated ones, those redirected to and those for tokens included."""
        return sum(adapter.sent for adapter in self._adapters)

    @property
    def retries(self) -> int:
        """Requests that repeated one before them."""
        return self._retries.count

    @property
    def waited(self) -> float:
        """Seconds during which at least one request was being repeated, or waited for that."""
        return self._retries.waited

    @property
    def began(self) -> datetime | None:
        """When the first request was sent, by the clock that says the earlier time; see Clocks."""
        return self._clocks.began

    @property
    def ahead(self) -> float | None:
        """By how many seconds, roughly, the API's clock is ahead of this machine's; see Clocks."""
        return self._clocks.ahead

    def _session(self) -> Session:
        # The rule is one predicate, not dlt's lists: a certificate that is not trusted is a
        # ConnectionError to requests, and asking again does not mend it.
        session: Session = Client(
            raise_for_status=False,
            status_codes=(),
            exceptions=(),
            retry_condition=self._retries.is_transient,
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
                self._clocks.note_answered(response)
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

    def stop(self) -> None:
        """Send nothing any more: what is under way is ended, and what waits is given up."""
        self._throttle.stop()
        for adapter in self._adapters:
            adapter.stop()
