"""How the reports are made: their time zone, what counts as solved, and where the page goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.profiles.model import DEFAULT_SOLVED_STATUSES, Profile
from helpdesk_assets.settings import DEFAULT_DESK, Section, described, explained

DEFAULT_TIMEZONE = "UTC"


class HelpDeskReports(dg.ConfigurableResource[Any]):
    """How the reports are made: tables, charts and a page."""

    desk: str = Field(
        default=DEFAULT_DESK, description="The name of the help desk, whose settings these are."
    )

    timezone: str | None = Field(
        default=None,
        description=(
            "The time zone whose days tickets are counted by, such as Europe/Berlin. "
            + described("reports", "timezone", default=DEFAULT_TIMEZONE)
        ),
    )
    solved_statuses: list[str] | None = Field(
        default=None,
        description=(
            "The statuses that mean solved, whatever their case, with commas between them. "
            + described(
                "reports", "solved_statuses", default=f"the profile's: {DEFAULT_SOLVED_STATUSES}"
            )
        ),
    )
    path: str | None = Field(
        default=None,
        description=(
            "The path of the page that the report is written to. "
            + described("reports", "path", default="help_desk_report.html beside the DuckDB file")
        ),
    )

    @property
    def settings(self) -> Section:
        """Where its settings are."""
        return Section("reports", self.desk)

    def parameters(self, profile: Profile) -> Mapping[str, Any]:
        """Return what the queries of the reports are given. Raises dg.Failure when it is wrong."""
        return {
            "timezone": self.resolved_timezone(),
            "solved_statuses": self.resolved_solved_statuses(profile),
        }

    @explained
    def resolved_timezone(self) -> str:
        """Return the time zone. Raises dg.Failure when there is none of that name."""
        name = self.timezone or self.settings.config("timezone", str)
        name = name or DEFAULT_TIMEZONE
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise setting_failure(
                f"There is no time zone called {name!r}: set REPORTS__HELP_DESK__TIMEZONE to one, "
                "such as Europe/Berlin."
            ) from None
        return name

    def resolved_solved_statuses(self, profile: Profile) -> Sequence[str]:
        """Return the statuses that mean solved, in small letters."""
        said = self.solved_statuses or self.settings.config("solved_statuses")
        named: Any = said or profile.solved_statuses
        if isinstance(named, str):
            named = named.split(",")
        return sorted({str(status).strip().lower() for status in named} - {""})

    def resolved_path(self, duckdb_file: Path) -> Path:
        """Return where the page goes."""
        path = self.path or self.settings.config("path", str)
        return Path(path).absolute() if path else duckdb_file.with_name(f"{self.desk}_report.html")
