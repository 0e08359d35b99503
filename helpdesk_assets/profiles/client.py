"""The client section of a profile: base URL, headers and authentication."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

SECRET = re.compile(r'dlt\.secrets\["([A-Za-z_][\w.]*)"\]')


def _named(value: str) -> str:
    if not SECRET.search(value):
        raise ValueError('dlt.secrets["..."], because a profile must not contain secrets')
    return value


def _as_it_is(value: str) -> str:
    if SECRET.search(value):
        raise ValueError(
            "a plain value, because a secret reference would be sent literally: move it to auth"
        )
    return value


Secret = Annotated[str, AfterValidator(_named)]
Plain = Annotated[str, AfterValidator(_as_it_is)]


class Part(BaseModel):
    """A section of a profile: immutable, and without unknown settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """An OAuth 2.0 token, obtained with client credentials."""

    type: Literal["oauth2_client_credentials"]
    access_token_url: str
    client_id: str
    client_secret: Secret
    access_token_request_data: dict[str, Plain] = {}


Auth = ApiKeyAuth | BearerAuth | BasicAuth | ClientCredentialsAuth


class Client(Part):
    """How to connect to the API."""

    base_url: str | None = None
    headers: dict[str, Plain] = {}
    auth: Annotated[Auth, Field(discriminator="type")]


def secrets_of(auth: Auth) -> list[str]:
    """Return the distinct names of the secrets in an ``auth``."""
    texts = (value for value in vars(auth).values() if isinstance(value, str))
    return list(dict.fromkeys(name for text in texts for name in SECRET.findall(text)))
