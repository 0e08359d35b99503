"""The resource for the reports: time zone, solved statuses, and the path of the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.profiles.model import DEFAULT_SOLVED_STATUSES, Profile
from helpdesk_assets.settings import DEFAULT_DESK, Section, described, explained

DEFAULT_TIMEZONE = "UTC"


class HelpDeskReports(dg.ConfigurableResource[Any]):
    """Settings of the reports: tables, charts and a page."""

    desk: str = Field(
        default=DEFAULT_DESK, description="The name of the help desk that the settings belong to."
    )

    timezone: str | None = Field(
        default=None,
        description=(
            "The time zone that determines the day of a ticket, such as Europe/Berlin. "
            + described("reports", "timezone", default=DEFAULT_TIMEZONE)
        ),
    )
    solved_statuses: list[str] | None = Field(
        default=None,
        description=(
            "The statuses that count as solved, case-insensitive, separated by commas. "
            + described(
                "reports", "solved_statuses", default=f"the profile's: {DEFAULT_SOLVED_STATUSES}"
            )
        ),
    )
    path: str | None = Field(
        default=None,
        description=(
            "The path of the HTML page that the report is written to, or an address that fsspec "
            "knows, such as s3://bucket/report.html. "
            + described("reports", "path", default="help_desk_report.html next to the DuckDB file")
        ),
    )

    @property
    def settings(self) -> Section:
        """The section of its settings."""
        return Section("reports", self.desk)

    def parameters(self, profile: Profile) -> Mapping[str, Any]:
        """Return the query parameters of the reports. Raises dg.Failure if a setting is invalid."""
        return {
            "timezone": self.resolved_timezone(),
            "solved_statuses": self.resolved_solved_statuses(profile),
            "solved_field": "status" if self._named_solved() else profile.solved_field,
        }

    @explained
    def resolved_timezone(self) -> str:
        """Return the time zone. Raises dg.Failure if it is unknown."""
        name = self.timezone or self.settings.config("timezone", str)
        name = name or DEFAULT_TIMEZONE
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise setting_failure(
                f"Unknown time zone {name!r}: set REPORTS__HELP_DESK__TIMEZONE to an IANA time "
                "zone name, such as Europe/Berlin."
            ) from None
        return name

    def resolved_solved_statuses(self, profile: Profile) -> Sequence[str]:
        """Return the statuses that count as solved, in lower case."""
        named: Any = self._named_solved() or profile.solved_statuses
        if isinstance(named, str):
            named = named.split(",")
        return sorted({str(status).strip().lower() for status in named} - {""})

    def _named_solved(self) -> Any:
        """Return the statuses that are set; they are names of statuses, whatever the profile."""
        return self.solved_statuses or self.settings.config("solved_statuses")

    @explained
    def resolved_path(self, duckdb_file: Path) -> str:
        """Return where the page is: an absolute local path, or an address for fsspec.

        Raises:
            dg.Failure: the address contains a password.
        """
        path = self.path or self.settings.config("path", str)
        if not path:
            return str(duckdb_file.with_name(f"{self.desk}_report.html"))
        parts = urlsplit(path)
        if parts.password:
            raise setting_failure(
                "The address of the report contains a password, and would be shown with it: set "
                "the password under [reports.help_desk.credentials] in .dlt/secrets.toml, and "
                "remove it from REPORTS__HELP_DESK__PATH."
            )
        if parts.scheme in ("", "file"):
            return str(Path(url2pathname(parts.path) if parts.scheme else path).absolute())
        return str(path)
