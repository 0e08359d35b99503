"""Where the tickets come from: the help desk's API, its address and its key."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import dlt
from dlt.common.configuration.resolve import resolve_configuration
from dlt.extract import DltSource
from pydantic import Field

from helpdesk_assets.client.failures import http_failure, setting_failure, unexpected_failure
from helpdesk_assets.client.flight import MOST_IN_FLIGHT
from helpdesk_assets.client.reader import CompleteReader
from helpdesk_assets.client.redaction import Redaction
from helpdesk_assets.client.session import HelpDeskSession, RetryPolicy
from helpdesk_assets.client.walk import CompleteWalk
from helpdesk_assets.resources.settings import settings_explained
from helpdesk_assets.source import ENDPOINT, IncrementalSync, Walk, help_desk_source
from helpdesk_assets.tickets import Tickets

DEFAULT_IN_FLIGHT = 4
DEFAULT_LAG = 300.0
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


@settings_explained()
def _retry_policy() -> RetryPolicy:
    return resolve_configuration(RetryPolicy())


class Incremental(dg.Config):
    """How to ask for what has changed since the last load, where the API offers it."""

    cursor_path: str | None = Field(
        default=None,
        description=(
            "The field that says when a ticket last changed, such as updated_at. When left out: "
            "SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH, or cursor_path under "
            "[sources.help_desk.incremental] in .dlt/config.toml; or each load reads every ticket."
        ),
    )
    start_param: str | None = Field(
        default=None,
        description=(
            "The query parameter that asks for tickets changed since a time, such as "
            "updated_since. When left out: SOURCES__HELP_DESK__INCREMENTAL__START_PARAM, or "
            "start_param under [sources.help_desk.incremental] in .dlt/config.toml."
        ),
    )
    lag: float | None = Field(
        default=None,
        description=(
            "Seconds to go back behind the newest change known, for clocks that differ and changes "
            "that show late. When left out: SOURCES__HELP_DESK__INCREMENTAL__LAG, or lag under "
            f"[sources.help_desk.incremental] in .dlt/config.toml, or {DEFAULT_LAG:g}."
        ),
    )


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
    pages_in_flight: int | None = Field(
        default=None,
        description=(
            "How many pages are asked for at the same time, 1 to 32. When left out: "
            "SOURCES__HELP_DESK__PAGES_IN_FLIGHT, or pages_in_flight under [sources.help_desk] in "
            f".dlt/config.toml, or {DEFAULT_IN_FLIGHT}."
        ),
    )
    requests_per_second: float | None = Field(
        default=None,
        description=(
            "The most requests to send a second, for APIs that ban whoever sends more. When left "
            "out: SOURCES__HELP_DESK__REQUESTS_PER_SECOND, or requests_per_second under "
            "[sources.help_desk] in .dlt/config.toml, or as many as the API answers."
        ),
    )
    rejected_share: float | None = Field(
        default=None,
        description=(
            "The most of the tickets read, 0 to 1, that may be unreadable before the run fails. "
            "When left out: SOURCES__HELP_DESK__REJECTED_SHARE, or rejected_share under "
            f"[sources.help_desk] in .dlt/config.toml, or {DEFAULT_REJECTED_SHARE:g}."
        ),
    )
    incremental: Incremental = Field(
        default=Incremental(),
        description="How to ask for what has changed only. Left out, each load reads every ticket.",
    )

    @settings_explained()
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

    @settings_explained()
    def resolved_api_key(self) -> str:
        """Return the API's key. Raises dg.Failure when it is missing."""
        api_key = str(self.api_key or dlt.secrets.get("api_key") or "").strip()
        if not api_key:
            raise setting_failure(f"The help desk's API key is missing: {SET_API_KEY}")
        return api_key

    def resolved_pages_in_flight(self) -> int:
        """Return how many pages to ask for at once. Raises dg.Failure when it is out of bounds."""
        most = int(self._number("pages_in_flight", DEFAULT_IN_FLIGHT))
        if not 1 <= most <= MOST_IN_FLIGHT:
            raise setting_failure(
                "The number of pages to ask for at the same time is not between 1 and "
                f"{MOST_IN_FLIGHT}: set SOURCES__HELP_DESK__PAGES_IN_FLIGHT to such a number, such "
                f"as {DEFAULT_IN_FLIGHT}."
            )
        return most

    def resolved_requests_per_second(self) -> float | None:
        """Return the limit on requests; None without one. Raises dg.Failure when it is none."""
        per_second: float | None = self._number("requests_per_second", None)
        if per_second is not None and not 0.001 <= per_second <= 10_000:
            raise setting_failure(
                "The number of requests a second is not between 0.001 and 10000: set "
                "SOURCES__HELP_DESK__REQUESTS_PER_SECOND to such a number, such as 10, or not at "
                "all."
            )
        return per_second

    def resolved_rejected_share(self) -> float:
        """Return the share of rows that may be rejected. Raises dg.Failure when it is none."""
        share: float = self._number("rejected_share", DEFAULT_REJECTED_SHARE)
        if not 0 <= share <= 1:
            raise setting_failure(
                "The share of tickets that may be rejected is not between 0 and 1: set "
                "SOURCES__HELP_DESK__REJECTED_SHARE to such a number, such as 0.05."
            )
        return share

    @settings_explained()
    def resolved_incremental(self) -> IncrementalSync | None:
        """Return how to ask for changes; None reads all. Raises dg.Failure when it is half set."""
        under = "sources.help_desk.incremental."
        cursor_path = self.incremental.cursor_path or dlt.config.get(f"{under}cursor_path", str)
        start_param = self.incremental.start_param or dlt.config.get(f"{under}start_param", str)
        lag = self.incremental.lag
        if lag is None:
            lag = dlt.config.get(f"{under}lag", float)
        if not cursor_path and not start_param:
            return None
        if not cursor_path or not start_param:
            raise setting_failure(
                "To load what has changed only, two settings are needed and one is missing: set "
                "both SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH, such as updated_at, and "
                "SOURCES__HELP_DESK__INCREMENTAL__START_PARAM, such as updated_since; or neither."
            )
        lag = DEFAULT_LAG if lag is None else lag
        if lag < 0:
            raise setting_failure(
                "The lag of the incremental sync is negative: set SOURCES__HELP_DESK__INCREMENTAL__"
                f"LAG to 0 or more seconds, such as {DEFAULT_LAG:g}."
            )
        return IncrementalSync(cursor_path, start_param, lag)

    @settings_explained()
    def _number(self, name: str, default: Any) -> Any:
        """Return a setting: the resource's, or else dlt's, or else the default."""
        number = getattr(self, name)
        if number is None:
            number = dlt.config.get(f"sources.help_desk.{name}", float)
        return default if number is None else number

    @contextmanager
    def source(
        self, run_id: str, *, full_refresh: bool = False
    ) -> Iterator[tuple[DltSource, Walk]]:
        """Make the source for one run, and the walk that takes down what came of it.

        Whatever is raised or logged inside leaves without the key in it: as a dg.Failure, with a
        sentence for what APIs do to people.

        Args:
            run_id: what rejected rows are marked with.
            full_refresh: read every ticket, also where the API can say which have changed.
        """
        base_url, api_key = self.resolved_base_url(), self.resolved_api_key()
        redaction = Redaction(api_key)
        incremental = None if full_refresh else self.resolved_incremental()
        session = HelpDeskSession(
            redaction,
            _retry_policy(),
            in_flight=self.resolved_pages_in_flight(),
            per_second=self.resolved_requests_per_second(),
        )
        walk = Walk(
            CompleteReader(session, CompleteWalk(brief=incremental is not None)),
            Tickets(
                run_id=run_id,
                rejected_share=self.resolved_rejected_share(),
                cursor=incremental.cursor_path if incremental else None,
            ),
            incremental,
        )
        try:
            with redaction.of_logs(), walk.reader.open():
                yield help_desk_source(base_url=base_url, api_key=api_key, walk=walk), walk
        except dg.Failure:
            raise
        except Exception as error:
            # From None: the text of the error itself may hold the key.
            raise (
                http_failure(error, url=_endpoint_url(base_url), requests=session.requests)
                or unexpected_failure(error, redaction)
            ) from None
