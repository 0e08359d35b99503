"""Where the tickets come from: the help desk's API, its address and its key."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import dlt
from dlt.extract import DltSource
from pydantic import Field

from helpdesk_assets.client.failures import http_failure, setting_failure, unexpected_failure
from helpdesk_assets.client.session import HelpDeskSession
from helpdesk_assets.source import ENDPOINT, help_desk_source

SET_BASE_URL = (
    "set SOURCES__HELP_DESK__BASE_URL, or base_url under [sources.help_desk] in .dlt/config.toml, "
    "to its address, such as https://api.example.com."
)
SET_API_KEY = "set API_KEY, or api_key in .dlt/secrets.toml, to the key it gave you."


def _endpoint_url(base_url: str) -> str:
    """Return the URL that tickets are asked for, without a password or query it may hold."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/") + ENDPOINT, "", ""))


class HelpDeskApi(dg.ConfigurableResource[Any]):
    """The help desk's REST API: its address and the key to it."""

    base_url: str | None = Field(
        default=None,
        description=(
            "Scheme and host of the API, and whatever comes before /v1/tickets. When left out: "
            "SOURCES__HELP_DESK__BASE_URL, or base_url under [sources.help_desk] in "
            ".dlt/config.toml."
        ),
    )
    api_key: str | None = Field(
        default=None,
        description=(
            "The key to the API. Best left out, so that no definition and no run holds it: "
            "API_KEY, or api_key in .dlt/secrets.toml."
        ),
        json_schema_extra={"dagster__is_secret": True},
    )

    def resolved_base_url(self) -> str:
        """Return the API's address. Raises dg.Failure when it is missing or no URL."""
        base_url = (self.base_url or dlt.config.get("sources.help_desk.base_url") or "").strip()
        if not base_url:
            raise setting_failure(f"The help desk's address is missing: {SET_BASE_URL}")
        if not re.match(r"https?://[^/?#]", base_url):
            raise setting_failure(
                "The help desk's address does not begin with http:// or https:// and a host: "
                + SET_BASE_URL
            )
        return base_url

    def resolved_api_key(self) -> str:
        """Return the API's key. Raises dg.Failure when it is missing."""
        api_key = str(self.api_key or dlt.secrets.get("api_key") or "").strip()
        if not api_key:
            raise setting_failure(f"The help desk's API key is missing: {SET_API_KEY}")
        return api_key

    @contextmanager
    def source(self) -> Iterator[tuple[DltSource, HelpDeskSession]]:
        """Make the source for one run, and the session that counts its requests.

        Whatever is raised inside leaves as a dg.Failure without the key in it: a sentence for
        what HTTP does to people, a redacted traceback for the rest.
        """
        base_url, api_key = self.resolved_base_url(), self.resolved_api_key()
        session = HelpDeskSession()
        try:
            yield help_desk_source(base_url=base_url, api_key=api_key, session=session), session
        except dg.Failure:
            raise
        except Exception as error:
            # From None: the text of the error itself may hold the key.
            raise (
                http_failure(error, url=_endpoint_url(base_url), requests=session.requests)
                or unexpected_failure(error, secret=api_key)
            ) from None
