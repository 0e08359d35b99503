"""The resource for the help desk's API: its profile, base URL and secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import attrgetter
from typing import Any, cast, get_args
from urllib.parse import quote, urlsplit

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.connection import Connection, connected, set_secrets
from helpdesk_assets.load.deletes import Deletes
from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.load.settings import Settings
from helpdesk_assets.load.window import date_window, part_window, undated_window
from helpdesk_assets.profiles import load_profile
from helpdesk_assets.profiles.client import secrets_of
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.resource import Resource
from helpdesk_assets.resources.api_settings import DEFAULT_DELETES, ApiSettings
from helpdesk_assets.resources.numbers import NUMBERS
from helpdesk_assets.settings import explained, secret_of_desk
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.schema import TABLE, Table
from helpdesk_assets.warehouse.parts import Part

# The name of the secret with the key of hashes, and the minimum number of its characters.
HASH_KEY = "hash_key"
LEAST_HASH_KEY = 16
# What is not escaped in a base URL.
URL_CHARACTERS = "/:?#[]@!$&'()*+,;=%~"
SET_BASE_URL = (
    "set SOURCES__HELP_DESK__BASE_URL, or base_url under [sources.help_desk] in .dlt/config.toml, "
    "to the API's base URL, such as https://api.example.com."
)


class HelpDeskApi(ApiSettings):
    """The help desk's REST API: its profile, base URL and API key.

    For a help desk other than the default one, settings contain its name instead of HELP_DESK,
    such as SOURCES__EU__BASE_URL.
    """

    @explained
    def resolved_profile(self) -> Profile:
        """Return the profile. Raises dg.Failure if it does not exist or is invalid."""
        return load_profile(self.profile or self.settings.config("profile", str))

    def resolved_resource(self, profile: Profile, name: str) -> Resource:
        """Return a resource of the profile. Raises dg.Failure if the profile does not list it."""
        try:
            return profile.resource(name)
        except KeyError:
            raise setting_failure(
                f"The profile {profile.name} does not list {name}, which was listed when Dagster "
                "loaded its definitions: set SOURCES__HELP_DESK__PROFILE to the same profile for "
                "the run and for Dagster, or reload the definitions."
            ) from None

    @explained
    def resolved_base_url(self, profile: Profile) -> str:
        """Return the API's base URL. Raises dg.Failure if it is missing or invalid."""
        configured = self.base_url or self.settings.config("base_url")
        base_url = (configured or profile.client.base_url or "").strip()
        if not base_url:
            raise setting_failure(f"The help desk's base URL is missing: {SET_BASE_URL}")
        if not re.match(r"https?://[^/?#]", base_url):
            raise setting_failure(
                "The help desk's base URL does not start with http:// or https:// and a host: "
                + SET_BASE_URL
            )
        try:
            parts = urlsplit(base_url)
            is_plain = parts.hostname and not (parts.username or parts.password or parts.port == 0)
        except ValueError:
            is_plain = False
        if not is_plain:
            raise setting_failure(
                "The help desk's base URL is invalid, or contains a user name or password: "
                f"{SET_BASE_URL} Secrets belong under auth in its profile."
            )
        if parts.query or parts.fragment:
            raise setting_failure(
                "The help desk's base URL contains a query or fragment (? or #), which belongs "
                f"under params in the profile: {SET_BASE_URL}"
            )
        return base_url

    def resolved_ticket_url(self, profile: Profile) -> str | None:
        """Return where people open a ticket, with columns in braces; None if it is not known.

        See ``helpdesk_assets.profiles.ticket_url.url_of`` for the URL of one ticket.

        Raises:
            dg.Failure: the profile has a path, and the base URL is missing or invalid.
        """
        address = profile.ticket_url
        if address is None or not address.startswith("/"):
            return address
        # Braces in a base URL are no columns.
        base_url = self.resolved_base_url(profile).rstrip("/")
        return quote(base_url, safe=URL_CHARACTERS) + address

    @explained
    def secret(self, name: str) -> str:
        """Return a secret that the profile names. Raises dg.Failure if it is missing or invalid."""
        given = self.api_key if name == "api_key" else None
        secret = str(given or "").strip() or secret_of_desk(self.desk, name)
        what = "API key" if name == "api_key" else f"secret {name}"
        if not secret:
            raise setting_failure(
                f"The help desk's {what} is missing: set {set_secrets([name], self.desk)}, to "
                "the value issued by the help desk."
            )
        if any(letter < " " or letter == "\x7f" for letter in secret):
            raise setting_failure(
                f"The help desk's {what} contains a line break or another control character: set "
                f"{set_secrets([name], self.desk)}, to the value issued by the help desk."
            )
        return secret

    @explained
    def hash_key(self, resource: Resource) -> str:
        """Return the key of hashes; empty if the resource has none.

        Raises:
            dg.Failure: it is missing or short.
        """
        if not any(rule.how == "hash" for rule in resource.rules):
            return ""
        key = secret_of_desk(self.desk, HASH_KEY)
        if len(key) < LEAST_HASH_KEY:
            raise setting_failure(
                f"The key for the hashed columns of {resource.name} is "
                f"{'too short' if key else 'missing'}: set {set_secrets([HASH_KEY], self.desk)}, "
                f"to a random text of at least {LEAST_HASH_KEY} characters, such as the output of "
                "openssl rand -hex 32, and keep it: other keys give other hashes."
            )
        return key

    @explained
    def number(self, name: str) -> Any:
        """Return a numeric setting: the resource's, otherwise dlt's, otherwise the default.

        Raises:
            dg.Failure: the value is out of bounds.
        """
        number: Any = attrgetter(name)(self)
        if number is None:
            number = self.settings.config(name, float)
        setting = NUMBERS[name]
        if number is None:
            return setting.default
        if not setting.lowest <= number <= setting.highest:
            raise setting_failure(
                f"The {setting.what} must be between {setting.lowest:g} and {setting.highest:g}: "
                f"set {self.settings.variable(name)} to a number in that range, such as "
                f"{setting.example:g}, or remove it."
            )
        return number

    @explained
    def resolved_deletes(self) -> Deletes:
        """Return how deleted tickets are handled. Raises dg.Failure if the value is invalid."""
        how = self.deletes or self.settings.config("deletes", str) or DEFAULT_DELETES
        if how not in get_args(Deletes):
            raise setting_failure(
                "The setting for deleted tickets is invalid: set SOURCES__HELP_DESK__DELETES to "
                f"one of {', '.join(get_args(Deletes))}, such as {DEFAULT_DELETES}."
            )
        return cast(Deletes, how)

    @explained
    def resolved_changes(self, profile: Profile, resource: Resource) -> Filter | None:
        """Return how to request changed rows; None if every row is read.

        The settings apply to tickets; other resources use the profile.

        Raises:
            dg.Failure: incremental loading is only partly configured.
        """
        described = resource.endpoint.incremental
        cursor_path, start_param = self._incremental() if resource.name == TABLE else (None, None)
        if cursor_path and not start_param and not described:
            raise setting_failure(
                "Incremental loading needs a query parameter for changed tickets: set "
                "SOURCES__HELP_DESK__INCREMENTAL__START_PARAM, such as updated_since, or remove "
                "SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH."
            )
        if described:
            cursor_path = cursor_path or described.cursor_path
            start_param = start_param or described.start_param
        lag = self.number("incremental.lag")
        if not (start_param or described or resource.endpoint.resumes):
            return None
        initial = described.initial_value if described else None
        return Filter(
            start_param,
            times=profile.times(described),
            cursor=path_of(cursor_path) or None,
            lag=max(lag, described.lag) if described else lag,
            params=described.params if described else {},
            json=described.json_body if described else {},
            initial="" if initial is None else initial,
        )

    def _incremental(self) -> tuple[str | None, str | None]:
        return (
            self.incremental.cursor_path or self.settings.config("incremental.cursor_path", str),
            self.incremental.start_param or self.settings.config("incremental.start_param", str),
        )

    def resolved_window(self, table: Table, window: tuple[str, str]) -> Asked:
        """Return how to request the rows of a date range; see date_window."""
        profile = self.resolved_profile()
        return date_window(profile, self.resolved_resource(profile, table.name), *window)

    def resolved_part(self, table: Table, part: Part) -> Asked:
        """Return how to request a part of a full sync; see part_window."""
        profile = self.resolved_profile()
        resource = self.resolved_resource(profile, table.name)
        undated = undated_window(profile, resource)
        if part.is_undated and undated:
            return undated
        return part_window(profile, resource, part.start, part.end)

    def has_undated(self, table: Table) -> bool:
        """Return whether rows without a date are a part of a full sync; see undated_window."""
        profile = self.resolved_profile()
        return undated_window(profile, self.resolved_resource(profile, table.name)) is not None

    @contextmanager
    def connection(
        self, run_id: str = "", table: Table | None = None, *, per_second: float | None = None
    ) -> Iterator[Connection]:
        """Open a connection to read a list of the help desk.

        Errors and log records inside are redacted: secrets are removed, and errors become a
        dg.Failure with a user-facing message.

        Args:
            run_id: the run that rejected rows are recorded with.
            table: the table to read; its columns come from the profile. Default: the tickets.
            per_second: the maximum number of requests per second. Default: the setting.
        """
        settings = self._resolved(table or Table(desk=self.desk))
        if per_second is not None:
            settings = replace(settings, requests_per_second=per_second)
        with connected(settings, run_id) as connection:
            yield connection

    @explained
    def _resolved(self, table: Table) -> Settings:
        """Look up all settings of a connection. Raises dg.Failure if one is invalid."""
        profile = self.resolved_profile()
        resource = self.resolved_resource(profile, table.name)
        return Settings(
            profile=profile,
            resource=resource,
            table=profile.table(table),
            base_url=self.resolved_base_url(profile),
            secrets={name: self.secret(name) for name in secrets_of(profile.client)},
            changes=self.resolved_changes(profile, resource),
            pages_in_flight=int(self.number("pages_in_flight")),
            requests_per_second=self.number("requests_per_second"),
            rejected_share=self.number("rejected_share"),
            deleted_share=self.number("deleted_share"),
            hash_key=self.hash_key(resource),
        )
