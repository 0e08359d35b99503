"""How the reports are made: their time zone, what counts as solved, and where their page goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import dlt
from pydantic import Field

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.profiles.model import DEFAULT_SOLVED_STATUSES, Profile

DEFAULT_TIMEZONE = "UTC"


def _left_out(name: str, otherwise: str) -> str:
    return (
        f"When left out: REPORTS__HELP_DESK__{name.upper()}, or {name} under [reports.help_desk] "
        f"in .dlt/config.toml, or {otherwise}."
    )


class HelpDeskReports(dg.ConfigurableResource[Any]):
    """How the tables, the charts and the page that are made of the tickets are made."""

    timezone: str | None = Field(
        default=None,
        description=(
            "The time zone whose days tickets are counted by, such as Europe/Berlin. "
            + _left_out("timezone", DEFAULT_TIMEZONE)
        ),
    )
    solved_statuses: list[str] | None = Field(
        default=None,
        description=(
            "The statuses that mean solved, whatever their case, with commas between them. "
            + _left_out("solved_statuses", f"the profile's, which are {DEFAULT_SOLVED_STATUSES}")
        ),
    )
    path: str | None = Field(
        default=None,
        description=(
            "The path of the page that the report is written to. "
            + _left_out("path", "help_desk_report.html beside the DuckDB file")
        ),
    )

    def parameters(self, profile: Profile) -> Mapping[str, Any]:
        """Return what the queries of the reports are given. Raises dg.Failure when it is wrong."""
        return {
            "timezone": self.resolved_timezone(),
            "solved_statuses": self.resolved_solved_statuses(profile),
        }

    def resolved_timezone(self) -> str:
        """Return the time zone. Raises dg.Failure when there is none of that name."""
        name = self.timezone or dlt.config.get("reports.help_desk.timezone", str)
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
        said = self.solved_statuses or dlt.config.get("reports.help_desk.solved_statuses")
        named: Any = said or profile.solved_statuses
        if isinstance(named, str):
            named = named.split(",")
        return sorted({str(status).strip().lower() for status in named} - {""})

    def resolved_path(self, duckdb_file: Path) -> Path:
        """Return where the page goes."""
        path = self.path or dlt.config.get("reports.help_desk.path", str)
        return Path(path).absolute() if path else duckdb_file.with_name("help_desk_report.html")
