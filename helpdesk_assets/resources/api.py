"""Where the tickets come from: the help desk's API, its profile, its address and its secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, cast, get_args
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.connection import Connection, Settings, connected, set_secrets
from helpdesk_assets.load.deletes import Deletes
from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.load.window import date_window
from helpdesk_assets.profiles import DEFAULT_PROFILE, load_profile
from helpdesk_assets.profiles.client import secrets_of
from helpdesk_assets.profiles.model import Profile, Resource
from helpdesk_assets.resources.numbers import (
    DEFAULT_DELETED_SHARE,
    DEFAULT_IN_FLIGHT,
    DEFAULT_LAG,
    DEFAULT_REJECTED_SHARE,
    NUMBERS,
)
from helpdesk_assets.resources.secret import KeepsSecrets
from helpdesk_assets.settings import DEFAULT_DESK, Section, described, explained, secret_of_desk
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.schema import TABLE, Table

DEFAULT_DELETES: Deletes = "soft"
SET_BASE_URL = (
    "set SOURCES__HELP_DESK__BASE_URL, or base_url under [sources.help_desk] in .dlt/config.toml, "
    "to its address, such as https://api.example.com."
)


class Incremental(dg.Config):
    """How to ask for what has changed since the last load, where the API offers it."""

    cursor_path: str | None = Field(
        default=None,
        description=(
            "The field that says when a ticket last changed, such as updated_at, for the check "
            "of the API to compare; what is asked for does not depend on it. "
            + described("sources", "incremental.cursor_path", default="the profile's")
        ),
    )
    start_param: str | None = Field(
        default=None,
        description=(
            "The query parameter that asks for tickets changed since a time, such as "
            "updated_since. "
            + described("sources", "incremental.start_param", default="the profile's")
        ),
    )
    lag: float | None = Field(
        default=None,
        description=(
            "Seconds to go back behind the beginning of the last complete sync, for changes that "
            "show late. " + described("sources", "incremental.lag", default=f"{DEFAULT_LAG:g}")
        ),
    )


class HelpDeskApi(KeepsSecrets):
    """The help desk's REST API: what kind it is, its address, and the key to it.

    The settings of another desk than the default one have its name in place of HELP_DESK:
    SOURCES__EU__BASE_URL.
    """

    desk: str = Field(
        default=DEFAULT_DESK, description="The name of the help desk, whose settings these are."
    )
    profile: str | None = Field(
        default=None,
        description=(
            "The API's vendor, by the field mapping for it: the name of a built-in profile, or the "
            "path of one. " + described("sources", "profile", default=DEFAULT_PROFILE)
        ),
    )
    base_url: str | None = Field(
        default=None,
        description=(
            "Scheme and host of the API, and whatever comes before the path in its profile, such "
            "as /v1/tickets. " + described("sources", "base_url", default="the profile's")
        ),
    )
    api_key: str | None = Field(
        default=None,
        description=(
            "The key to the API. Best left to dlt, so that no definition holds it. Environment: "
            "SOURCES__HELP_DESK__API_KEY, then API_KEY. File: api_key in .dlt/secrets.toml."
        ),
        json_schema_extra={"dagster__is_secret": True},
    )
    pages_in_flight: int | None = Field(
        default=None,
        description=(
            "How many pages are asked for at the same time, 1 to 32; where each page says how to "
            "ask for the next, it is one. "
            + described("sources", "pages_in_flight", default=f"{DEFAULT_IN_FLIGHT}")
        ),
    )
    requests_per_second: float | None = Field(
        default=None,
        description=(
            "The most requests to send a second, for APIs that ban whoever sends more. "
            + described("sources", "requests_per_second", default="no limit")
        ),
    )
    rejected_share: float | None = Field(
        default=None,
        description=(
            "The most of the tickets read, 0 to 1, that may be unreadable before the run fails. "
            + described("sources", "rejected_share", default=f"{DEFAULT_REJECTED_SHARE:g}")
        ),
    )
    deletes: str | None = Field(
        default=None,
        description=(
            "How deleted tickets are handled: soft sets deleted_at, "
            "hard deletes its row, off leaves it as it was. "
            + described("sources", "deletes", default=DEFAULT_DELETES)
        ),
    )
    deleted_share: float | None = Field(
        default=None,
        description=(
            "The most of all tickets, 0 to 1, that may disappear at once without a warning; more "
            "are marked even where deletes is hard. "
            + described("sources", "deleted_share", default=f"{DEFAULT_DELETED_SHARE:g}")
        ),
    )
    incremental: Incremental = Field(
        default=Incremental(),
        description="How to load what has changed only. Default: each load reads every ticket.",
    )

    @property
    def settings(self) -> Section:
        """Where its settings are."""
        return Section("sources", self.desk)

    @explained
    def resolved_profile(self) -> Profile:
        """Return the profile. Raises dg.Failure when there is none, or it has a mistake."""
        return load_profile(self.profile or self.settings.config("profile", str))

    def resolved_resource(self, profile: Profile, name: str) -> Resource:
        """Return a resource of the profile. Raises dg.Failure when it lists none of that name."""
        try:
            return profile.resource(name)
        except KeyError:
            raise setting_failure(
                f"The profile {profile.name} lists no {name}, which was there when Dagster loaded "
                "its definitions: set SOURCES__HELP_DESK__PROFILE, for Dagster too, to the profile "
                "that has it, or reload the definitions."
            ) from None

    @explained
    def resolved_base_url(self, profile: Profile) -> str:
        """Return the API's address. Raises dg.Failure when it is missing or no URL."""
        configured = self.base_url or self.settings.config("base_url")
        base_url = (configured or profile.client.base_url or "").strip()
        if not base_url:
            raise setting_failure(f"The help desk's address is missing: {SET_BASE_URL}")
        if not re.match(r"https?://[^/?#]", base_url):
            raise setting_failure(
                "The help desk's address does not begin with http:// or https:// and a host: "
                + SET_BASE_URL
            )
        try:
            parts = urlsplit(base_url)
            is_plain = parts.hostname and not (parts.username or parts.password or parts.port == 0)
        except ValueError:
            is_plain = False
        if not is_plain:
            raise setting_failure(
                "The help desk's address holds a name or password, or is none that a browser would "
                f"take: {SET_BASE_URL} Secrets go by the auth of its profile."
            )
        if parts.query or parts.fragment:
            raise setting_failure(
                "The help desk's address has a part after ? or #, which comes from the profile's "
                f"params: {SET_BASE_URL}"
            )
        return base_url

    @explained
    def secret(self, name: str) -> str:
        """Return a secret that the profile names. Raises dg.Failure when it is missing."""
        given = self.api_key if name == "api_key" else None
        secret = str(given or "").strip() or secret_of_desk(self.desk, name)
        if not secret:
            what = "API key" if name == "api_key" else f"secret {name}"
            raise setting_failure(
                f"The help desk's {what} is missing: set {set_secrets([name], self.desk)}, to "
                "the one it gave you."
            )
        return secret

    @explained
    def number(self, name: str) -> Any:
        """Return a setting: the resource's, or else dlt's, or else the default.

        Raises:
            dg.Failure: it is out of bounds.
        """
        number: Any = attrgetter(name)(self)
        if number is None:
            number = self.settings.config(name, float)
        setting = NUMBERS[name]
        if number is None:
            return setting.default
        if not setting.lowest <= number <= setting.highest:
            raise setting_failure(
                f"The {setting.what} is not between {setting.lowest:g} and {setting.highest:g}: "
                f"set {self.settings.variable(name)} to such a number, such as "
                f"{setting.example:g}, or not at all."
            )
        return number

    @explained
    def resolved_deletes(self) -> Deletes:
        """Return what becomes of tickets that are gone. Raises dg.Failure when it is no such."""
        how = self.deletes or self.settings.config("deletes", str) or DEFAULT_DELETES
        if how not in get_args(Deletes):
            raise setting_failure(
                f"What becomes of deleted tickets is none of {', '.join(get_args(Deletes))}: set "
                f"SOURCES__HELP_DESK__DELETES to one of them, such as {DEFAULT_DELETES}."
            )
        return cast(Deletes, how)

    @explained
    def resolved_changes(self, profile: Profile, resource: Resource) -> Filter | None:
        """Return how to ask for changes; None reads all. Raises dg.Failure when it is half set.

        The settings are of the tickets; other resources have what the profile says.
        """
        described = resource.endpoint.incremental
        cursor_path, start_param = self._incremental() if resource.name == TABLE else (None, None)
        if cursor_path and not start_param and not described:
            raise setting_failure(
                "To load what has changed only, the query parameter that asks for it is missing: "
                "set SOURCES__HELP_DESK__INCREMENTAL__START_PARAM, such as updated_since, or do "
                "not set SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH."
            )
        if described:
            cursor_path = cursor_path or described.cursor_path
            start_param = start_param or described.start_param
        lag = self.number("incremental.lag")
        if not start_param:
            return None
        return Filter(
            start_param,
            times=profile.times(described),
            cursor=path_of(cursor_path) or None,
            lag=lag,
        )

    def _incremental(self) -> tuple[str | None, str | None]:
        return (
            self.incremental.cursor_path or self.settings.config("incremental.cursor_path", str),
            self.incremental.start_param or self.settings.config("incremental.start_param", str),
        )

    def resolved_window(self, table: Table, window: tuple[str, str]) -> Asked:
        """Return how to ask for the rows of a date range; see date_window."""
        profile = self.resolved_profile()
        return date_window(profile, self.resolved_resource(profile, table.name), *window)

    @contextmanager
    def connection(self, run_id: str = "", table: Table | None = None) -> Iterator[Connection]:
        """Make what it takes to read a list of the desk.

        Whatever is raised or logged inside leaves without the secrets in it: as a dg.Failure, with
        a user-facing error message.

        Args:
            run_id: what rejected rows are marked with.
            table: what is read; its columns are the profile's. Default: the tickets.
        """
        with connected(self._resolved(table or Table(desk=self.desk)), run_id) as connection:
            yield connection

    @explained
    def _resolved(self, table: Table) -> Settings:
        """Look up everything that a connection takes. Raises dg.Failure when something is wrong."""
        profile = self.resolved_profile()
        resource = self.resolved_resource(profile, table.name)
        return Settings(
            profile=profile,
            resource=resource,
            table=profile.table(table),
            base_url=self.resolved_base_url(profile),
            secrets={name: self.secret(name) for name in secrets_of(profile.client.auth)},
            changes=self.resolved_changes(profile, resource),
            pages_in_flight=int(self.number("pages_in_flight")),
            requests_per_second=self.number("requests_per_second"),
            rejected_share=self.number("rejected_share"),
            deleted_share=self.number("deleted_share"),
        )
