"""The session that sends a run's requests: dlt's own, with the API's retry rule."""

from dlt.common.configuration import configspec
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.sources.helpers.requests import Client
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError, Response, Session
from requests.exceptions import ChunkedEncodingError, SSLError, Timeout

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
RETRIED_ERRORS = (RequestsConnectionError, Timeout, ChunkedEncodingError)


@configspec
class RetryPolicy(BaseConfiguration):
    """How requests are repeated: dlt's ``[runtime]`` settings, with this API's rule as default.

    After the nth failure the next request waits ``request_backoff_factor * 2 ** (n - 1)``
    seconds, or as long as the API asks for in ``Retry-After``, and in either case no longer than
    ``request_max_retry_delay`` seconds.
    """

    request_max_attempts: int = 4
    request_backoff_factor: float = 2
    request_max_retry_delay: float = 60
    request_timeout: float = 60

    __section__ = "runtime"


class HelpDeskSession:
    """Sends the requests of one run and counts them.

    Attributes:
        requests: requests sent, the repeated ones included.
        pages: answers that were a page of tickets.
        requests_session: what dlt's REST client sends with.
    """

    def __init__(self, policy: RetryPolicy | None = None) -> None:
        policy = policy or resolve_configuration(RetryPolicy())
        self.requests = 0
        self.pages = 0
        # The rule is one predicate, not dlt's lists: a certificate that is not trusted is a
        # ConnectionError to requests, and asking again does not mend it.
        self.requests_session: Session = Client(
            raise_for_status=False,
            status_codes=(),
            exceptions=(),
            retry_condition=self._is_transient,
            request_max_attempts=policy.request_max_attempts,
            request_backoff_factor=policy.request_backoff_factor,
            request_max_retry_delay=policy.request_max_retry_delay,
            request_timeout=policy.request_timeout,
        ).session

    @property
    def retries(self) -> int:
        """Requests that repeated one before them, in a run in which every page arrived."""
        return self.requests - self.pages

    def _is_transient(self, response: Response | None, error: BaseException | None) -> bool:
        """Decide whether to ask again; called once after each request."""
        self.requests += 1
        if response is None and isinstance(error, HTTPError):
            response = error.response
        if response is not None:
            return response.status_code in RETRIED_STATUSES
        return isinstance(error, RETRIED_ERRORS) and not isinstance(error, SSLError)
