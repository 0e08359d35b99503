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
from helpdesk_assets.client.redaction import Redaction
from helpdesk_assets.client.session import HelpDeskSession
from helpdesk_assets.source import ENDPOINT, Walk, help_desk_source

DEFAULT_REJECTED_SHARE = 0.05
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

    rejected_share: float | None = Field(
        default=None,
        description=(
            "The most of the tickets read, 0 to 1, that may be unreadable before the run fails. "
            "When left out: SOURCES__HELP_DESK__REJECTED_SHARE, or rejected_share under "
            f"[sources.help_desk] in .dlt/config.toml, or {DEFAULT_REJECTED_SHARE:g}."
        ),
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

    def resolved_rejected_share(self) -> float:
        """Return the share of rows that may be rejected. Raises dg.Failure when it is none."""
        share = self.rejected_share
        if share is None:
            share = dlt.config.get("sources.help_desk.rejected_share", float)
        if share is None:
            return DEFAULT_REJECTED_SHARE
        if not 0 <= share <= 1:
            raise setting_failure(
                "The share of tickets that may be rejected is not between 0 and 1: set "
                "SOURCES__HELP_DESK__REJECTED_SHARE to such a number, such as 0.05."
            )
        return share

    @contextmanager
    def source(self, run_id: str) -> Iterator[tuple[DltSource, Walk]]:
        """Make the source for one run, and the walk that takes down what came of it.

        Whatever is raised or logged inside leaves without the key in it: as a dg.Failure, with a
        sentence for what APIs do to people.

        Args:
            run_id: what rejected rows are marked with.
        """
        base_url, api_key = self.resolved_base_url(), self.resolved_api_key()
        redaction = Redaction(api_key)
        session = HelpDeskSession(redaction)
        walk = Walk(session, run_id=run_id, rejected_share=self.resolved_rejected_share())
        try:
            with redaction.of_logs():
                yield help_desk_source(base_url=base_url, api_key=api_key, walk=walk), walk
        except dg.Failure:
            raise
        except Exception as error:
            # From None: the text of the error itself may hold the key.
            raise (
                http_failure(error, url=_endpoint_url(base_url), requests=session.requests)
                or unexpected_failure(error, redaction)
            ) from None
