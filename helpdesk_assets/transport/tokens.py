"""OAuth 2.0 access tokens: shared by all requests of a run, and renewed when they expire."""

import copy
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests import PreparedRequest, RequestException, Response

from helpdesk_assets.errors import NoTokenError
from helpdesk_assets.transport.bodies import parsed
from helpdesk_assets.transport.failures import RETRIED_STATUSES, reason_of
from helpdesk_assets.transport.waits import is_throttled

# Seconds before its expiry when a token is renewed, because a request takes some time.
EARLY = 30
# The longest plausible lifetime, in seconds: ten years.
LONGEST = 315_360_000


@configspec
class SharedToken(OAuth2ClientCredentials):
    """A token shared by all requests, obtained by the first one and renewed when it expires.

    ``vars`` must have ``redaction``, to which tokens are added, and ``prefix``, which precedes the
    token in the Authorization header: ``Bearer`` for most vendors.
    """

    def __post_init__(self) -> None:
        """Begin without a token."""
        super().__post_init__()
        vars(self).update(lock=threading.Lock(), expires_at=0.0, rejected=None)

    def __deepcopy__(self, memo: object) -> "SharedToken":
        """Return a copy for dlt to mask; a lock cannot be copied deeply."""
        return copy.copy(self)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request."""
        request = super().__call__(request)
        token = str(request.headers["Authorization"]).removeprefix("Bearer ")
        request.headers["Authorization"] = f"{vars(self)['prefix']} {token}"
        return request

    def is_token_expired(self) -> bool:
        """Return whether a new token is needed."""
        return time.time() >= float(vars(self)["expires_at"])

    def obtain_token(self) -> None:
        """Obtain a token, unless another thread has obtained one.

        Raises:
            NoTokenError: no token could be obtained.
        """
        with vars(self)["lock"]:
            if self.access_token is None or self.is_token_expired():
                self._obtain()

    def renew(self, refused: PreparedRequest) -> None:
        """Discard the token of a rejected request, unless it has been renewed in the meantime."""
        with vars(self)["lock"]:
            sent = f"{vars(self)['prefix']} {self.access_token}"
            if refused.headers.get("Authorization") == sent:
                # The token itself stays, for threads that are just about to use it.
                vars(self).update(expires_at=0.0, rejected=self.access_token)

    def _obtain(self) -> None:
        body = self.requested()
        self.use(str(body["access_token"]), expiry(body, self.default_token_expiration))

    def use(self, token: str, expires_at: float) -> None:
        """Use a token from now on, until shortly before it expires, in seconds since 1970."""
        vars(self)["redaction"].add(token)
        left = max(0.0, expires_at - time.time())
        self.access_token = token
        vars(self)["expires_at"] = expires_at - min(EARLY, left / 2)

    @property
    def host(self) -> str:
        """The host that issues tokens."""
        return str(urlsplit(self.access_token_url).hostname)

    def requested(self) -> dict[str, Any]:
        """Request a token, and return the response: an object with an ``access_token``.

        Raises:
            NoTokenError: the server issued none.
        """
        try:
            response = self.session.post(self.access_token_url, **self.build_access_token_request())
        except RequestException as error:
            raise NoTokenError(
                f"issued no token: the request to {self.host} failed "
                f"({type(error).__name__}): check access_token_url in the profile"
            ) from None
        status = response.status_code
        if status in RETRIED_STATUSES or is_throttled(status, response.headers):
            raise NoTokenError(
                f"issued no token: {self.host} could not answer, even after retries (HTTP "
                f"{status}): run again later"
            )
        try:
            body = parsed(response)
        except (RequestException, ValueError):
            body = None
        body = body if isinstance(body, dict) else {}
        # Some servers send errors with status 200, as Zoho does.
        if not response.ok or (body.get("error") and not body.get("access_token")):
            raise NoTokenError(f"issued no token: {self.refusal(response, body)}")
        if not isinstance(body.get("access_token"), str) or not body["access_token"]:
            raise NoTokenError(
                f"issued no token: the response of {self.host} contains none: check "
                "access_token_url in the profile"
            )
        return body

    def refusal(self, response: Response, body: dict[str, Any]) -> str:
        """Return why no token was issued, and what to do."""
        return self.client_refused(response)

    def client_refused(self, response: Response) -> str:
        """Return the message for a rejected client id and secret."""
        return (
            f"{self.host} rejected the client id and secret (HTTP {response.status_code}): set "
            "the secrets named in the profile to those of a client with access to tickets"
            f"{self.quoted(response)}"
        )

    def quoted(self, response: Response) -> str:
        """Return the explanation of a response without secrets; empty if there is none."""
        reason = vars(self)["redaction"].text(reason_of(response))
        return f' (it responded: "{reason}")' if reason else ""


@configspec
class ClientCredentials(SharedToken):
    """A token obtained with a client id and secret."""


def expiry(body: dict[str, Any], default: float) -> float:
    """Return when a token expires, in seconds since 1970."""
    now = time.time()
    for name, since in (("expires_in", now), ("expires_at", 0.0)):
        try:
            at = since + float(body[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if at > now:
            return min(at, now + LONGEST)
    return now + default
