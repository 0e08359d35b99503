"""The resource for the reports: the settings of the models and the path of the page."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.profiles.model import DEFAULT_SOLVED_STATUSES, Profile
from helpdesk_assets.resources.business_hours import DEFAULT_HOURS, Hours, business_hours
from helpdesk_assets.resources.sla import SlaTargets, sla_targets
from helpdesk_assets.settings import DEFAULT_DESK, Section, described, explained
from helpdesk_assets.shown import shown

DEFAULT_TIMEZONE = "UTC"
DEFAULT_PENDING_STATUSES = ("pending", "waiting on customer", "waiting for customer")


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
    pending_statuses: list[str] | None = Field(
        default=None,
        description=(
            "The statuses in which a ticket waits for its requester, case-insensitive, separated "
            "by commas. "
            + described("reports", "pending_statuses", default=", ".join(DEFAULT_PENDING_STATUSES))
        ),
    )
    business_hours: dict[str, str] | None = Field(
        default=None,
        description=(
            "When the help desk is open, in the time zone of the reports: times by day, such as "
            '{"mon-fri": "09:00-12:00,13:00-17:00", "sat": "22:00-02:00"}. '
            + described("reports", "business_hours", default=json.dumps(DEFAULT_HOURS))
        ),
    )
    holidays: list[str] | None = Field(
        default=None,
        description=(
            "Days on which the help desk does not open, as dates such as 2026-12-25, separated by "
            "commas. " + described("reports", "holidays", default="none")
        ),
    )
    sla_targets: dict[str, Any] | None = Field(
        default=None,
        description=(
            "How soon tickets must be replied to and solved, by priority, such as "
            '{"first_reply": {"urgent": "1h", "*": "8h"}, "resolution": {"*": "40h"}, '
            '"hours": "business"}. ' + described("reports", "sla_targets", default="none")
        ),
    )
    path: str | None = Field(
        default=None,
        description=(
            "The path of the HTML page that the report is written to, or an address that fsspec "
            "knows, such as s3://bucket/report.html. "
            + described("reports", "path", default="help_desk_report.html beside the warehouse")
        ),
    )
    url: str | None = Field(
        default=None,
        description=(
            "The address at which people open the page, if it is published. The UI links to it. "
            + described("reports", "url", default="a copy that Dagster's webserver serves")
        ),
    )
    subjects: bool | None = Field(
        default=None,
        description=(
            "Whether the page shows the subjects of the oldest open tickets. "
            + described("reports", "subjects", default="false")
        ),
    )

    @property
    def settings(self) -> Section:
        """The section of its settings."""
        return Section("reports", self.desk)

    def parameters(self, profile: Profile) -> Mapping[str, Any]:
        """Return the settings of the models by name. Raises dg.Failure if a setting is invalid."""
        return {
            "timezone": self.resolved_timezone(),
            "solved_statuses": self.resolved_solved_statuses(profile),
            "solved_field": "status" if self._named_solved() else profile.solved_field,
            "pending_statuses": self.resolved_pending_statuses(),
            "business_hours": self.resolved_business_hours(),
            "holidays": self.resolved_holidays(),
            "sla_targets": self.resolved_sla_targets(),
        }

    def of_page(self, beside: str) -> Mapping[str, Any]:
        """Return the settings of the page by name. Raises dg.Failure if a setting is invalid.

        Args:
            beside: the folder of the page if no path is set: a local path, or an address.
        """
        return {
            "path": self.resolved_path(beside),
            "url": self.resolved_url(),
            "subjects": self.resolved_subjects(),
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
        return _statuses(self._named_solved() or profile.solved_statuses)

    def resolved_pending_statuses(self) -> Sequence[str]:
        """Return the statuses in which a ticket waits for its requester, in lower case."""
        named = self.pending_statuses or self.settings.config("pending_statuses")
        return _statuses(named or DEFAULT_PENDING_STATUSES)

    @explained
    def resolved_business_hours(self) -> Hours:
        """Return the business hours. Raises dg.Failure if they are invalid."""
        given = self.business_hours or self.settings.config("business_hours")
        return business_hours(given or DEFAULT_HOURS)

    @explained
    def resolved_holidays(self) -> frozenset[date]:
        """Return the holidays. Raises dg.Failure if one is not a date."""
        given: Any = self.holidays or self.settings.config("holidays") or ()
        days = given.split(",") if isinstance(given, str) else given
        return frozenset(_date(str(day).strip(" []\"'")) for day in days if str(day).strip())

    @explained
    def resolved_sla_targets(self) -> SlaTargets:
        """Return the SLA targets. Raises dg.Failure if they are invalid."""
        return sla_targets(self.sla_targets or self.settings.config("sla_targets") or {})

    def _named_solved(self) -> Any:
        """Return the statuses that are set; they are names of statuses, whatever the profile."""
        return self.solved_statuses or self.settings.config("solved_statuses")

    @explained
    def resolved_url(self) -> str | None:
        """Return the address at which the page is published; None if it is not set.

        Raises:
            dg.Failure: it is not an address of a web page, or it contains a password.
        """
        url = self.url or self.settings.config("url", str)
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.password:
            raise setting_failure(
                "The address of the published report is not one that people can open: set "
                "REPORTS__HELP_DESK__URL to a URL without a password, such as "
                "https://example.com/help_desk_report.html."
            )
        return str(url)

    @explained
    def resolved_subjects(self) -> bool:
        """Return whether the page shows subjects. Raises dg.Failure if the setting is invalid."""
        if self.subjects is not None:
            return self.subjects
        return bool(self.settings.config("subjects", bool))

    @explained
    def resolved_path(self, beside: str) -> str:
        """Return where the page is: an absolute local path, or an address for fsspec.

        Args:
            beside: the folder of the page if no path is set: a local path, or an address.

        Raises:
            dg.Failure: the address contains a password.
        """
        path = self.path or self.settings.config("path", str)
        path = path or f"{beside.rstrip('/')}/{self.desk}_report.html"
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


def _statuses(named: Any) -> Sequence[str]:
    """Return statuses in lower case, from a list or a text with commas."""
    if isinstance(named, str):
        named = named.split(",")
    return sorted({str(status).strip().lower() for status in named} - {""})


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise setting_failure(
            f"The holiday {shown(day)!r} is not a date: set REPORTS__HELP_DESK__HOLIDAYS to dates "
            "such as 2026-12-25, 2027-01-01."
        ) from None
