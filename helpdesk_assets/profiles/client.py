"""The client section of a profile: base URL, headers and authentication."""

import re
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# The usual prefix of a token in the Authorization header (RFC 6750).
BEARER = "Bearer"
SECRET = re.compile(r'dlt\.secrets\["([A-Za-z_][\w.]*)"\]')


def _named(value: str) -> str:
    if not SECRET.search(value):
        raise ValueError('dlt.secrets["..."], because a profile must not contain secrets')
    return value


def _as_it_is(value: str) -> str:
    if SECRET.search(value):
        raise ValueError(
            "a plain value, because a secret reference would be sent literally here: secrets "
            "belong in headers, and in the other settings of auth"
        )
    return value


def _header(value: str) -> str:
    if "dlt.secrets" in SECRET.sub("", value):
        raise ValueError('secrets in the form dlt.secrets["..."], with double quotes')
    if not value.isprintable():
        raise ValueError("a value on one line, without control characters")
    return value


def _token_url(value: str) -> str:
    # Vendors with several regions issue tokens at an address that is a setting, too.
    by_setting = SECRET.match(value)
    filled = f"https://example.com{value[by_setting.end() :]}" if by_setting else value
    try:
        url = urlsplit(filled)
        is_full = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc
    except ValueError:
        is_full = False
    is_path = value.startswith("/") and not value.startswith("//")
    if not (is_full or is_path) or not value.isprintable() or " " in value or "\\" in value:
        raise ValueError(
            "a path after the base URL, such as /oauth/token, or a full URL, such as "
            "https://login.example.com/oauth/token"
        )
    _as_it_is(filled)
    return value


Secret = Annotated[str, AfterValidator(_named)]
Plain = Annotated[str, AfterValidator(_as_it_is)]
Header = Annotated[str, AfterValidator(_header)]
TokenUrl = Annotated[str, AfterValidator(_token_url)]


class Part(BaseModel):
    """A section of a profile: immutable, and without unknown settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ApiKeyAuth(Part):
    """An API key in the query or in a header."""

    type: Literal["api_key"]
    name: str = "Authorization"
    api_key: Secret
    location: Literal["query", "header"] = "header"


class BearerAuth(Part):
    """A bearer token in the Authorization header."""

    type: Literal["bearer"]
    token: Secret


class BasicAuth(Part):
    """HTTP basic authentication."""

    type: Literal["http_basic"]
    username: str
    password: str

    @model_validator(mode="after")
    def _one_is_named(self) -> "BasicAuth":
        if not SECRET.search(self.username + self.password):
            raise ValueError('dlt.secrets["..."] in username or password')
        return self


class ClientCredentialsAuth(Part):
    """An OAuth 2.0 token, obtained with client credentials.

    ``token_prefix`` is what the Authorization header has before the token.
    """

    type: Literal["oauth2_client_credentials"]
    access_token_url: TokenUrl
    client_id: str
    client_secret: Secret
    access_token_request_data: dict[str, str] = {}
    token_prefix: str = BEARER


class RefreshTokenAuth(Part):
    """An OAuth 2.0 token, obtained with a refresh token.

    ``client_authentication`` is where the client id and secret are sent: in the body, or as HTTP
    basic authentication, which Front requires (https://dev.frontapp.com/docs/oauth).
    """

    type: Literal["oauth2_refresh_token"]
    access_token_url: TokenUrl
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    client_authentication: Literal["body", "basic"] = "body"
    access_token_request_data: dict[str, str] = {}
    token_prefix: str = BEARER


Auth = ApiKeyAuth | BearerAuth | BasicAuth | ClientCredentialsAuth | RefreshTokenAuth


class Client(Part):
    """How to connect to the API. Without ``auth``, only the headers are sent."""

    base_url: str | None = None
    headers: dict[str, Header] = {}
    auth: Annotated[Auth, Field(discriminator="type")] | None = None


def secrets_of(client: Client) -> list[str]:
    """Return the distinct names of the secrets in ``auth`` and in headers."""
    of_auth = list(vars(client.auth).values()) if client.auth else []
    nested = [value for each in of_auth if isinstance(each, dict) for value in each.values()]
    values = [*of_auth, *nested, *client.headers.values()]
    texts = (value for value in values if isinstance(value, str))
    return list(dict.fromkeys(name for text in texts for name in SECRET.findall(text)))


def with_secrets(text: str, secret: Callable[[str], str]) -> str:
    """Return a text with its references replaced by the secrets, which are looked up by name."""
    return SECRET.sub(lambda match: secret(match[1]), text)
