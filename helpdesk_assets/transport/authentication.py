"""How requests are let in: a profile's ``auth``, with the secrets in it, as dlt's own classes."""

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

# How long before it expires a token is taken for expired, seconds: a request takes a while.
EARLY = 30


@configspec
class QueryKey(APIKeyAuth):
    """A key in the query, which an address that the API sent may have already."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the key into the request's address, unless it is there."""
        query = str(request.url).partition("?")[2]
        if f"&{quote_plus(self.name)}=" not in f"&{query}":
            request = super().__call__(request)
        return request


@configspec
class ClientCredentials(OAuth2ClientCredentials):
    """A token that all requests share, asked for by the first and again when it expires."""

    def __deepcopy__(self, memo: object) -> "ClientCredentials":
        """Return a copy for dlt to mask; a lock cannot be copied deeply."""
        return copy.copy(self)

    def obtain_token(self) -> None:
        """Ask for a token.

        Raises:
            NoTokenError: there is none.
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
                    f"gave no token: {host} refused the client's id and secret (HTTP {status}): "
                    "set the secrets that the profile names to those of a client that may read "
                    "tickets"
                ) from None
            except (RequestException, ValueError) as error:
                raise NoTokenError(
                    f"gave no token: asking {host} for one failed ({type(error).__name__}): check "
                    "access_token_url of the profile"
                ) from None
            if self.access_token in (None, "None", ""):
                raise NoTokenError(
                    f"gave no token: {host} answered without one: check access_token_url of the "
                    "profile"
                )
            vars(self)["redaction"].add(str(self.access_token))
            left = self.token_expiry.timestamp() - time.time()
            self.token_expiry = self.token_expiry.subtract(seconds=min(EARLY, left / 2))

    def renew(self, refused: PreparedRequest) -> None:
        """Forget the token that a request was refused with, unless another has come since."""
        with vars(self)["lock"]:
            if refused.headers.get("Authorization") == f"Bearer {self.access_token}":
                self.access_token = None


def authentication(
    auth: Auth, *, secret: Callable[[str], str], redaction: Redaction, session: Session
) -> AuthConfigBase:
    """Return what lets requests in.

    Args:
        auth: as the profile has it.
        secret: returns a secret by its name.
        redaction: learns of what is made of the secrets.
        session: asks for tokens.
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
