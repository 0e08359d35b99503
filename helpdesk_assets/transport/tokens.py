"""OAuth 2.0 access tokens: shared by all requests of a run, and renewed when they expire.

The facts about vendors are from their pages, read in November 2026:

- Zendesk: a refresh deletes the access token and the refresh token before it.
  https://support.zendesk.com/hc/en-us/articles/9182123625370
- Jira: a refresh token can be used once; a rejected one is answered with 403 and invalid_grant.
  https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens
- Zoho: at most ten access tokens in ten minutes; a refresh token stays valid; errors come with
  HTTP 200. https://www.zoho.com/accounts/protocol/oauth/web-apps/access-token-expiry.html
- HubSpot: a rejected refresh token is answered with 400 and the status BAD_REFRESH_TOKEN.
- Front: the client id and secret in HTTP basic authentication; ``expires_at``.
  https://dev.frontapp.com/docs/oauth
- Salesforce: no expiry in the response.
"""

import copy
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from urllib.parse import urlsplit

from dlt.common.configuration import configspec
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests import PreparedRequest, RequestException, Response

from helpdesk_assets.errors import NoTokenError
from helpdesk_assets.transport.bodies import parsed
from helpdesk_assets.transport.failures import RETRIED_STATUSES, reason_of
from helpdesk_assets.transport.token_store import Tokens, TokenStore
from helpdesk_assets.transport.waits import is_throttled

# Seconds before its expiry when a token is renewed, because a request takes some time.
EARLY = 30
# The longest lifetime in seconds that is believed: ten years.
LONGEST = 315_360_000
# Seconds to wait for another process that is renewing the token, retries included.
LONGEST_RENEWAL = 900
# How token servers say that a refresh token is not valid: RFC 6749, Zoho, HubSpot.
INVALID = frozenset({"invalid_grant", "invalid_code", "bad_refresh_token"})
# How they say that the client is not (RFC 6749).
INVALID_CLIENT = frozenset({"invalid_client", "unauthorized_client"})


@configspec
class SharedToken(OAuth2ClientCredentials):
    """A token shared by all requests, obtained by the first one and renewed when it expires.

    ``redaction`` has to be among its ``vars``: it is told about tokens.
    """

    def __post_init__(self) -> None:
        """Begin without a token."""
        super().__post_init__()
        vars(self).update(lock=threading.Lock(), expires_at=0.0, rejected=None)

    def __deepcopy__(self, memo: object) -> "SharedToken":
        """Return a copy for dlt to mask; a lock cannot be copied deeply."""
        return copy.copy(self)

    def is_token_expired(self) -> bool:
        """Return whether a new token is needed."""
        return time.time() >= float(vars(self)["expires_at"])

    def obtain_token(self) -> None:
        """Obtain a token, unless another thread has done so meanwhile.

        Raises:
            NoTokenError: no token could be obtained.
        """
        with vars(self)["lock"]:
            if self.access_token is None or self.is_token_expired():
                self._obtain()

    def renew(self, refused: PreparedRequest) -> None:
        """Discard the token of a rejected request, unless it has been renewed in the meantime."""
        with vars(self)["lock"]:
            if refused.headers.get("Authorization") == f"Bearer {self.access_token}":
                # The token itself stays, for threads that are just about to use it.
                vars(self).update(expires_at=0.0, rejected=self.access_token)

    def _obtain(self) -> None:
        body = self._requested()
        self._use(str(body["access_token"]), _expiry(body, self.default_token_expiration))

    def _use(self, token: str, expires_at: float) -> None:
        vars(self)["redaction"].add(token)
        left = max(0.0, expires_at - time.time())
        self.access_token = token
        vars(self)["expires_at"] = expires_at - min(EARLY, left / 2)

    @property
    def _host(self) -> str:
        return str(urlsplit(self.access_token_url).hostname)

    def _requested(self) -> dict[str, Any]:
        """Request a token, and return the response, which contains one."""
        try:
            response = self.session.post(self.access_token_url, **self.build_access_token_request())
        except RequestException as error:
            raise NoTokenError(
                f"issued no token: the request to {self._host} failed "
                f"({type(error).__name__}): check access_token_url in the profile"
            ) from None
        status = response.status_code
        if status in RETRIED_STATUSES or is_throttled(status, response.headers):
            raise NoTokenError(
                f"issued no token: {self._host} could not answer, even after retries (HTTP "
                f"{status}): run again later"
            )
        try:
            body = parsed(response)
        except (RequestException, ValueError):
            body = None
        body = body if isinstance(body, dict) else {}
        # Some servers send errors with status 200, as Zoho does.
        if not response.ok or (body.get("error") and not body.get("access_token")):
            raise NoTokenError(f"issued no token: {self._refusal(response, body)}")
        if not isinstance(body.get("access_token"), str) or not body["access_token"]:
            raise NoTokenError(
                f"issued no token: the response of {self._host} contains none: check "
                "access_token_url in the profile"
            )
        return body

    def _refusal(self, response: Response, body: dict[str, Any]) -> str:
        """Return why no token was issued, and what to do."""
        return self._client_refused(response)

    def _client_refused(self, response: Response) -> str:
        return (
            f"{self._host} rejected the client id and secret (HTTP {response.status_code}): set "
            "the secrets named in the profile to those of a client with access to tickets"
            f"{self._quoted(response)}"
        )

    def _quoted(self, response: Response) -> str:
        reason = vars(self)["redaction"].text(reason_of(response))
        return f' (it responded: "{reason}")' if reason else ""


@configspec
class ClientCredentials(SharedToken):
    """A token obtained with a client id and secret."""


@configspec
class RefreshToken(SharedToken):
    """A token obtained with a refresh token, the newest of which is in a TokenStore.

    Other processes use the same access token, because renewing it may invalidate theirs, and
    because vendors limit how many are issued.

    ``vars`` also has ``refresh_token`` (the configured one), ``by_header`` (whether the client is
    authenticated by HTTP basic authentication) and ``variable`` (the setting of the token).
    """

    # A session that stops lets a token request that was sent end: its response may not be lost.
    must_finish: ClassVar[bool] = True

    def build_access_token_request(self) -> dict[str, Any]:
        """Return the arguments of the request for a token."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        data = {"grant_type": "refresh_token", "refresh_token": vars(self)["refresh_token"]}
        if vars(self)["by_header"]:
            encoded = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
            vars(self)["redaction"].add(encoded)
            headers["Authorization"] = f"Basic {encoded}"
        else:
            data |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return {"headers": headers, "data": {**data, **self.access_token_request_data}}

    def _obtain(self) -> None:
        # In a thread of its own, because an interrupt of a run is raised in the main thread: it
        # takes effect when the new refresh token has been stored.
        with ThreadPoolExecutor(1, "token") as executor:
            executor.submit(self._obtain_in_turn).result()

    def _obtain_in_turn(self) -> None:
        if "store" not in vars(self):
            vars(self)["store"] = TokenStore(vars(self)["refresh_token"])
        store: TokenStore = vars(self)["store"]
        with store.locked(LONGEST_RENEWAL):
            kept = store.read()
            if kept:
                for token in (kept.refresh_token, kept.access_token):
                    vars(self)["redaction"].add(token)
                vars(self)["refresh_token"] = kept.refresh_token
                if kept.access_token != vars(self)["rejected"] and time.time() < kept.expires_at:
                    self._use(kept.access_token, kept.expires_at)
                    return
            self._renew_into(store)

    def _renew_into(self, store: TokenStore) -> None:
        before = vars(self)["refresh_token"]
        with store.reserved() as keep:
            # A request whose connection breaks is repeated with the same token: if the server has
            # issued another one, that is lost in any case.
            body = self._requested()
            issued = body.get("refresh_token")
            after = issued if isinstance(issued, str) and issued else before
            vars(self)["redaction"].add(after)
            token, expires_at = body["access_token"], _expiry(body, self.default_token_expiration)
            try:
                keep(Tokens(after, token, expires_at))
            except OSError as error:
                if after != before:
                    raise NoTokenError(
                        f"issued a new refresh token, which cannot be stored in {store.file} "
                        f"({error.strerror}): correct that, {self._again()}"
                    ) from None
        vars(self)["refresh_token"] = after
        self._use(token, expires_at)

    def _refusal(self, response: Response, body: dict[str, Any]) -> str:
        status = response.status_code
        codes = {str(body[name]).lower() for name in ("error", "status") if body.get(name)}
        if codes & INVALID:
            store: TokenStore = vars(self)["store"]
            return (
                f"{self._host} rejected the refresh token (HTTP {status}), which has expired, was "
                "revoked, was lost by a process that was killed, or was used by one that does not "
                f"share the folder {store.folder}: {self._again()}{self._quoted(response)}"
            )
        if codes & INVALID_CLIENT or status == 401:
            return self._client_refused(response)
        return (
            f"{self._host} rejected the request for a token (HTTP {status}): compare auth in the "
            f"profile with the API's documentation{self._quoted(response)}"
        )

    def _again(self) -> str:
        variable = vars(self)["variable"]
        return f"authorize again, and set {variable} to the new refresh token"


def _expiry(body: dict[str, Any], default: float) -> float:
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
