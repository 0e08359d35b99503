"""The session that sends a run's requests: dlt's own, with the API's retry rule."""

import time
from typing import Any, cast

from dlt.common.configuration import configspec
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.sources.helpers.requests import Client
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError, PreparedRequest, Response, Session
from requests.exceptions import ChunkedEncodingError, SSLError, Timeout
from tenacity import wait_random

from helpdesk_assets.client.answers import BoundedAdapter, check_answer
from helpdesk_assets.client.failures import RETRIED_STATUSES
from helpdesk_assets.client.redaction import Redaction

RETRIED_ERRORS = (RequestsConnectionError, Timeout, ChunkedEncodingError)
# So that clients which failed together do not come back together; a share of the first wait.
JITTER = 0.25


@configspec
class RetryPolicy(BaseConfiguration):
    """How requests are repeated: dlt's ``[runtime]`` settings, with this API's rule as default.

    After the nth failure the next request waits ``request_backoff_factor * 2 ** (n - 1)``
    seconds, or as long as the API asks for in ``Retry-After``, and in either case no longer than
    ``request_max_retry_delay`` seconds, plus a little chance. ``request_retry_budget`` is how
    many seconds a run may spend on that in all; a request that fails after that is not repeated.
    """

    request_max_attempts: int = 4
    request_backoff_factor: float = 2
    request_max_retry_delay: float = 60
    request_retry_budget: float = 900
    request_connect_timeout: float = 10
    request_timeout: float = 60
    request_answer_timeout: float = 120

    __section__ = "runtime"


class HelpDeskSession:
    """Sends the requests of one run, counts them, and keeps the key out of their errors.

    Attributes:
        requests: requests sent, the repeated ones included.
        retries: requests that repeated one before them.
        requests_session: what dlt's REST client sends with.
    """

    def __init__(self, redaction: Redaction, policy: RetryPolicy | None = None) -> None:
        self._policy = policy or resolve_configuration(RetryPolicy())
        self._redaction = redaction
        self._failing_since: float | None = None
        self._spent = 0.0
        self.requests = 0
        self.retries = 0
        # The rule is one predicate, not dlt's lists: a certificate that is not trusted is a
        # ConnectionError to requests, and asking again does not mend it.
        self.requests_session: Session = Client(
            raise_for_status=False,
            status_codes=(),
            exceptions=(),
            retry_condition=self._is_transient,
            request_max_attempts=self._policy.request_max_attempts,
            request_backoff_factor=self._policy.request_backoff_factor,
            request_max_retry_delay=self._policy.request_max_retry_delay,
            request_timeout=(self._policy.request_connect_timeout, self._policy.request_timeout),
        ).session
        for scheme in ("http://", "https://"):
            self.requests_session.mount(scheme, BoundedAdapter(self._policy.request_answer_timeout))
        # What tenacity wraps has no type that tells of it.
        self._send_with_retries = cast(Any, self.requests_session.send)
        self._send_with_retries.retry.wait += wait_random(
            0, JITTER * self._policy.request_backoff_factor
        )
        vars(self.requests_session)["send"] = self._send

    def _send(self, request: PreparedRequest, **options: Any) -> Response:
        before = self.requests
        try:
            response: Response = self._send_with_retries(request, **options)
            check_answer(response)
        except Exception as error:
            self._redaction.clean(error)
            raise
        finally:
            self.retries += self.requests - before - 1
        return response

    def _is_transient(self, response: Response | None, error: BaseException | None) -> bool:
        """Decide whether to ask again; called once after each request."""
        self.requests += 1
        if response is None and isinstance(error, HTTPError):
            response = error.response
        if response is not None:
            transient = response.status_code in RETRIED_STATUSES
        else:
            transient = isinstance(error, RETRIED_ERRORS) and not isinstance(error, SSLError)
        return self._can_afford_it() if transient else self._went_well()

    def _can_afford_it(self) -> bool:
        """Tell whether the run has time left to repeat a request that has just failed."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        return self._spent + now - self._failing_since <= self._policy.request_retry_budget

    def _went_well(self) -> bool:
        """Book the time since the first failure before this answer; nothing is to be repeated."""
        if self._failing_since is not None:
            self._spent += time.monotonic() - self._failing_since
            self._failing_since = None
        return False
