"""Authentication of requests: a profile's ``auth`` as dlt's classes, with the secrets filled in."""

import copy
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote_plus, urlsplit

from dlt.common.configuration import configspec
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    AuthConfigBase,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from requests import HTTPError, PreparedRequest, RequestException, Session

from helpdesk_assets.errors import NoTokenError
from helpdesk_assets.profiles.client import (
    SECRET,
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
)
from helpdesk_assets.transport.redaction import Redaction

# Seconds before its expiry when a token is renewed, because a request takes some time.
EARLY = 30


@configspec
class QueryKey(APIKeyAuth):
    """An API key in the query, which a link sent by the API may contain already."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the key to the request's URL, unless it is there."""
        query = str(request.url).partition("?")[2]
        if f"&{quote_plus(self.name)}=" not in f"&{query}":
            request = super().__call__(request)
        return request


@configspec
class ClientCredentials(OAuth2ClientCredentials):
    """A token shared by all requests, obtained by the first one and renewed when it expires."""

    def __deepcopy__(self, memo: object) -> "ClientCredentials":
        """Return a copy for dlt to mask; a lock cannot be copied deeply."""
        return copy.copy(self)

    def obtain_token(self) -> None:
        """Obtain a token.

        Raises:
            NoTokenError: no token could be obtained.
        """
        with vars(self)["lock"]:
            if self.access_token is not None and not self.is_token_expired():
                return
            host = urlsplit(self.access_token_url).hostname
            try:
                super().obtain_token()
            except HTTPError as error:
                status = error.response.status_code
                raise NoTokenError(
                    f"issued no token: {host} rejected the client id and secret (HTTP {status}): "
                    "set the secrets named in the profile to those of a client with access to "
                    "tickets"
                ) from None
            except (RequestException, ValueError) as error:
                raise NoTokenError(
                    f"issued no token: the request to {host} failed ({type(error).__name__}): "
                    "check access_token_url in the profile"
                ) from None
            if self.access_token in (None, "None", ""):
                raise NoTokenError(
                    f"issued no token: the response of {host} contains none: check "
                    "access_token_url in the profile"
                )
            vars(self)["redaction"].add(str(self.access_token))
            left = self.token_expiry.timestamp() - time.time()
            self.token_expiry = self.token_expiry.subtract(seconds=min(EARLY, left / 2))

    def renew(self, refused: PreparedRequest) -> None:
        """Discard the token of a rejected request, unless it was renewed meanwhile."""
        with vars(self)["lock"]:
            if refused.headers.get("Authorization") == f"Bearer {self.access_token}":
                self.access_token = None


def authentication(
    auth: Auth, *, secret: Callable[[str], str], redaction: Redaction, session: Session
) -> AuthConfigBase:
    """Return the authentication of requests.

    Args:
        auth: the profile's ``auth``.
        secret: returns a secret by name.
        redaction: is told about values derived from the secrets.
        session: requests tokens.
    """

    def filled(text: str) -> str:
        return SECRET.sub(lambda match: secret(match[1]), text)

    if isinstance(auth, ApiKeyAuth):
        kind = QueryKey if auth.location == "query" else APIKeyAuth
        return kind(name=auth.name, api_key=filled(auth.api_key), location=auth.location)
    if isinstance(auth, BearerAuth):
        return BearerTokenAuth(token=filled(auth.token))
    if isinstance(auth, BasicAuth):
        name, password = filled(auth.username), filled(auth.password)
        redaction.add(b64encode(f"{name}:{password}".encode()).decode())
        return HttpBasicAuth(username=name, password=password)
    credentials = ClientCredentials(
        access_token_url=auth.access_token_url,
        client_id=filled(auth.client_id),
        client_secret=filled(auth.client_secret),
        access_token_request_data=dict(auth.access_token_request_data),
        session=session,
    )
    vars(credentials).update(lock=threading.Lock(), redaction=redaction)
    return credentials
