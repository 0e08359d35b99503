"""Authentication of requests: a profile's ``auth`` as dlt's classes, with the secrets filled in."""

from base64 import b64encode
from collections.abc import Callable
from functools import partial
from urllib.parse import quote_plus

from dlt.common.configuration import configspec
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    AuthConfigBase,
    BearerTokenAuth,
    HttpBasicAuth,
)
from requests import PreparedRequest, Session

from helpdesk_assets.profiles.client import (
    SECRET,
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    with_secrets,
)
from helpdesk_assets.settings import Section
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.refresh_token import RefreshToken
from helpdesk_assets.transport.tokens import ClientCredentials, SharedToken


@configspec
class NoAuth(AuthConfigBase):
    """No authentication. Without an object, requests would look for a password in a .netrc file."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request as it is."""
        return request


@configspec
class QueryKey(APIKeyAuth):
    """An API key in the query, which a link sent by the API may contain already."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the key to the request's URL, unless it is there."""
        query = str(request.url).partition("?")[2]
        if f"&{quote_plus(self.name)}=" not in f"&{query}":
            request = super().__call__(request)
        return request


def authentication(
    auth: Auth | None,
    *,
    base_url: str,
    secret: Callable[[str], str],
    redaction: Redaction,
    session: Session,
) -> AuthConfigBase:
    """Return the authentication of requests.

    Args:
        auth: the profile's ``auth``. Without it, requests are sent without authentication.
        base_url: the base URL of the API, which the path of a token URL follows.
        secret: returns a secret by name.
        redaction: values derived from the secrets are added to it.
        session: requests tokens.
    """
    fill = partial(with_secrets, secret=secret)
    if auth is None:
        return NoAuth()
    if isinstance(auth, ApiKeyAuth):
        kind = QueryKey if auth.location == "query" else APIKeyAuth
        return kind(name=auth.name, api_key=fill(auth.api_key), location=auth.location)
    if isinstance(auth, BearerAuth):
        return BearerTokenAuth(token=fill(auth.token))
    if isinstance(auth, BasicAuth):
        name, password = fill(auth.username), fill(auth.password)
        redaction.add(b64encode(f"{name}:{password}".encode()).decode())
        return HttpBasicAuth(username=name, password=password)
    url = fill(auth.access_token_url)
    shared: type[SharedToken] = (
        ClientCredentials if isinstance(auth, ClientCredentialsAuth) else RefreshToken
    )
    credentials = shared(
        access_token_url=f"{base_url.rstrip('/')}{url}" if url.startswith("/") else url,
        client_id=fill(auth.client_id),
        client_secret=fill(auth.client_secret),
        access_token_request_data={
            name: fill(value) for name, value in auth.access_token_request_data.items()
        },
        session=session,
    )
    vars(credentials).update(redaction=redaction, prefix=auth.token_prefix)
    if not isinstance(auth, ClientCredentialsAuth):
        (name, *_) = SECRET.findall(auth.refresh_token)
        vars(credentials).update(
            refresh_token=fill(auth.refresh_token),
            by_header=auth.client_authentication == "basic",
            variable=Section("sources").variable(name),
        )
    return credentials
