"""The part of a profile that says how the API is reached, and how requests are let in."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

SECRET = re.compile(r'dlt\.secrets\["([A-Za-z_][\w.]*)"\]')


def _named(value: str) -> str:
    if not SECRET.search(value):
        raise ValueError('dlt.secrets["..."], for secrets stay out of a profile')
    return value


def _as_it_is(value: str) -> str:
    if SECRET.search(value):
        raise ValueError("no secret, as it would be sent as it is spelled: name it under auth")
    return value


Secret = Annotated[str, AfterValidator(_named)]
Plain = Annotated[str, AfterValidator(_as_it_is)]


class Part(BaseModel):
    """A part of a profile: what it may hold is known, and it stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiKeyAuth(Part):
    """A key, in the query or in a header."""

    type: Literal["api_key"]
    name: str = "Authorization"
    api_key: Secret
    location: Literal["query", "header"] = "header"


class BearerAuth(Part):
    """A token in the header Authorization, after the word Bearer."""

    type: Literal["bearer"]
    token: Secret


class BasicAuth(Part):
    """A name and a password, by HTTP's basic authentication."""

    type: Literal["http_basic"]
    username: str
    password: str

    @model_validator(mode="after")
    def _one_is_named(self) -> "BasicAuth":
        if not SECRET.search(self.username + self.password):
            raise ValueError('dlt.secrets["..."] in username or password')
        return self


class ClientCredentialsAuth(Part):
    """A token that is asked for with a client's id and secret, by OAuth 2 client credentials."""

    type: Literal["oauth2_client_credentials"]
    access_token_url: str
    client_id: str
    client_secret: Secret
    access_token_request_data: dict[str, Plain] = {}


Auth = ApiKeyAuth | BearerAuth | BasicAuth | ClientCredentialsAuth


class Client(Part):
    """How the API is reached."""

    base_url: str | None = None
    headers: dict[str, Plain] = {}
    auth: Annotated[Auth, Field(discriminator="type")]


def secrets_of(auth: Auth) -> list[str]:
    """Return the names of the secrets that an ``auth`` takes, each once."""
    texts = (value for value in vars(auth).values() if isinstance(value, str))
    return list(dict.fromkeys(name for text in texts for name in SECRET.findall(text)))
