"""The settings of the help desk's API, with their descriptions."""

import dagster as dg
from pydantic import Field

from helpdesk_assets.load.deletes import Deletes
from helpdesk_assets.profiles import DEFAULT_PROFILE
from helpdesk_assets.resources.numbers import (
    DEFAULT_DELETED_SHARE,
    DEFAULT_IN_FLIGHT,
    DEFAULT_LAG,
    DEFAULT_REJECTED_SHARE,
)
from helpdesk_assets.resources.secret import KeepsSecrets
from helpdesk_assets.settings import DEFAULT_DESK, Section, described

DEFAULT_DELETES: Deletes = "soft"


class Incremental(dg.Config):
    """Incremental loading: how to request changed tickets only, where the API supports it."""

    cursor_path: str | None = Field(
        default=None,
        description=(
            "The field with the time of a ticket's last change, such as updated_at. Only the check "
            "command uses it, to verify the API's responses. "
            + described("sources", "incremental.cursor_path", default="the profile's")
        ),
    )
    start_param: str | None = Field(
        default=None,
        description=(
            "The query parameter that requests tickets changed since a time, such as "
            "updated_since. "
            + described("sources", "incremental.start_param", default="the profile's")
        ),
    )
    lag: float | None = Field(
        default=None,
        description=(
            "Seconds to subtract from the start of the last complete sync, for changes that become "
            "visible late. " + described("sources", "incremental.lag", default=f"{DEFAULT_LAG:g}")
        ),
    )


class ApiSettings(KeepsSecrets):
    """What can be set for the API; HelpDeskApi looks up the rest."""

    desk: str = Field(
        default=DEFAULT_DESK, description="The name of the help desk that the settings belong to."
    )
    profile: str | None = Field(
        default=None,
        description=(
            "The profile of the vendor's API: the name of a built-in profile, or the path of a "
            "profile. " + described("sources", "profile", default=DEFAULT_PROFILE)
        ),
    )
    base_url: str | None = Field(
        default=None,
        description=(
            "The base URL of the API: scheme, host, and anything before the profile's path (such "
            "as /v1/tickets). " + described("sources", "base_url", default="the profile's")
        ),
    )
    api_key: str | None = Field(
        default=None,
        description=(
            "The API key. Preferably not set here but in the environment or a file, so that no "
            "definition contains it. Environment: SOURCES__HELP_DESK__API_KEY, then API_KEY. File: "
            "api_key in .dlt/secrets.toml."
        ),
        json_schema_extra={"dagster__is_secret": True},
    )
    pages_in_flight: int | None = Field(
        default=None,
        description=(
            "The number of pages to request in parallel, 1 to 32. APIs where each page links to "
            "the next are read one page at a time. "
            + described("sources", "pages_in_flight", default=f"{DEFAULT_IN_FLIGHT}")
        ),
    )
    requests_per_second: float | None = Field(
        default=None,
        description=(
            "The maximum number of requests per second, for APIs with a strict rate limit. "
            + described("sources", "requests_per_second", default="no limit")
        ),
    )
    rejected_share: float | None = Field(
        default=None,
        description=(
            "The maximum share of tickets, 0 to 1, that may be unreadable before the run fails. "
            + described("sources", "rejected_share", default=f"{DEFAULT_REJECTED_SHARE:g}")
        ),
    )
    deletes: str | None = Field(
        default=None,
        description=(
            "How deleted tickets are handled: soft sets deleted_at, hard deletes the row, off "
            "leaves the row unchanged. " + described("sources", "deletes", default=DEFAULT_DELETES)
        ),
    )
    deleted_share: float | None = Field(
        default=None,
        description=(
            "The maximum share of tickets, 0 to 1, that may be deleted at once without a warning. "
            "Above it, rows only get deleted_at, even if deletes is hard. "
            + described("sources", "deleted_share", default=f"{DEFAULT_DELETED_SHARE:g}")
        ),
    )
    incremental: Incremental = Field(
        default=Incremental(),
        description="Incremental loading. Default: each load reads every ticket.",
    )

    @property
    def settings(self) -> Section:
        """The section of its settings."""
        return Section("sources", self.desk)
