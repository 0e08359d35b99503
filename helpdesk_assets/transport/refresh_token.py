"""OAuth 2.0 access tokens that are obtained with a refresh token.

The behavior of vendors, according to their pages in November 2026:

- Zendesk: a refresh deletes the access token and the refresh token before it.
  https://support.zendesk.com/hc/en-us/articles/9182123625370
- Jira: a refresh token can be used once; a rejected one is answered with 403 and invalid_grant.
  https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens
- Zoho: at most ten access tokens in ten minutes; a refresh token stays valid.
  https://www.zoho.com/accounts/protocol/oauth/web-apps/access-token-expiry.html
- HubSpot: a rejected refresh token is answered with 400 and the status BAD_REFRESH_TOKEN.
  https://nango.dev/blog/hubspot-oauth-bad-refresh-token
- Front: the client id and secret in HTTP basic authentication; ``expires_at`` in the response.
  https://dev.frontapp.com/docs/oauth
"""

import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from dlt.common.configuration import configspec
from requests import Response

from helpdesk_assets.errors import NoTokenError
from helpdesk_assets.transport.token_store import Tokens, TokenStore
from helpdesk_assets.transport.tokens import SharedToken, expiry

# Seconds to wait for another process that is renewing the token, retries included.
LONGEST_RENEWAL = 900
# How token servers report that a refresh token is not valid: RFC 6749, Zoho, HubSpot.
INVALID = frozenset({"invalid_grant", "invalid_code", "bad_refresh_token"})
# How they report that the client is not valid (RFC 6749).
INVALID_CLIENT = frozenset({"invalid_client", "unauthorized_client"})


@configspec
class RefreshToken(SharedToken):
    """A token obtained with a refresh token, the newest of which is in a TokenStore.

    Other processes use the same access token, because renewing it may invalidate theirs, and
    because vendors limit how many are issued.

    ``vars`` also has ``refresh_token`` (the configured one), ``by_header`` (whether the client is
    authenticated by HTTP basic authentication) and ``variable`` (the setting of the token).
    """

    # A session that stops lets a token request in progress finish: its response must not be lost.
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
                    self.use(kept.access_token, kept.expires_at)
                    return
            self._renew_into(store)

    def _renew_into(self, store: TokenStore) -> None:
        before = vars(self)["refresh_token"]
        with store.reserved() as keep:
            # A request whose connection breaks is repeated with the same token: if the server has
            # issued another one, that is lost in any case.
            body = self.requested()
            issued = body.get("refresh_token")
            after = issued if isinstance(issued, str) and issued else before
            vars(self)["redaction"].add(after)
            token, expires_at = body["access_token"], expiry(body, self.default_token_expiration)
            try:
                keep(Tokens(after, token, expires_at))
            except OSError as error:
                if after != before:
                    raise NoTokenError(
                        f"issued a new refresh token, which cannot be stored in {store.file} "
                        f"({error.strerror}): correct that, {self._again()}"
                    ) from None
        vars(self)["refresh_token"] = after
        self.use(token, expires_at)

    def refusal(self, response: Response, body: dict[str, Any]) -> str:
        """Return why no token was issued, and what to do."""
        status = response.status_code
        codes = {str(body[name]).lower() for name in ("error", "status") if body.get(name)}
        if codes & INVALID:
            store: TokenStore = vars(self)["store"]
            return (
                f"{self.host} rejected the refresh token (HTTP {status}), which has expired, was "
                "revoked, was lost by a process that was killed, or was used by one that does not "
                f"share the folder {store.folder}: {self._again()}{self.quoted(response)}"
            )
        if codes & INVALID_CLIENT or status == 401:
            return self.client_refused(response)
        return (
            f"{self.host} rejected the request for a token (HTTP {status}): compare auth in the "
            f"profile with the API's documentation{self.quoted(response)}"
        )

    def _again(self) -> str:
        variable = vars(self)["variable"]
        return f"authorize again, and set {variable} to the new refresh token"
