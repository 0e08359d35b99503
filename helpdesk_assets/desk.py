"""The HelpDesk: its settings when definitions are loaded, and the names derived from them."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import dagster as dg

from helpdesk_assets.freshness import freshness_of
from helpdesk_assets.profiles import listed_tables
from helpdesk_assets.settings import DEFAULT_DESK, Section, from_environment
from helpdesk_assets.tables.schema import TABLE, Table

NAME = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
DEFAULT_OWNERS = ("team:support-data",)
# The pool of everything that reads or writes the DuckDB file; the instance's dagster.yaml limits it
# to one at a time.
DEFAULT_POOL = "duckdb"
DEFAULT_CRON = "0 * * * *"
DEFAULT_FULL_REFRESH_CRON = "0 3 * * 0"
DEFAULT_MAINTENANCE_CRON = "0 5 * * 0"
DEFAULT_BACKFILL_START = "2020-01-01"
RESOURCE_ROLES = ("alerts", "api", "dlt", "reports", "warehouse")


@dataclass(frozen=True, kw_only=True)
class HelpDesk:
    """One help desk in a code location, with the names of its assets, jobs and settings.

    All names are derived from the name of the desk: a desk named ``eu`` has assets such as
    ``eu/help_desk_tickets``, the dataset ``eu``, the jobs ``eu_sync`` and ``eu_backfill``, the
    resources ``eu_api`` and ``eu_warehouse``, and settings such as ``SOURCES__EU__BASE_URL``.

    Attributes:
        name: lowercase letters, digits and single underscores.
        profile: the name of a built-in profile, or the path of a profile. Environment when
            definitions are loaded: ``SOURCES__HELP_DESK__PROFILE``.
        key_prefix: the prefix of the asset keys. Default: the name; none for the default desk.
        group: the asset group. Default: the name.
        owners: owners of the assets, as in Dagster: an e-mail address, or ``team:NAME``.
        tags: tags of the assets, in addition to this project's own.
        dataset: the schema in DuckDB. Default: the name.
        cron: schedule of the sync. Environment: ``SCHEDULES__HELP_DESK_SYNC__CRON``. Default:
            hourly.
        full_refresh_cron: schedule of the full refresh. Environment:
            ``SCHEDULES__HELP_DESK_FULL_REFRESH__CRON``. Default: Sundays at 3:00.
        maintenance_cron: schedule of the maintenance. Environment:
            ``SCHEDULES__HELP_DESK_MAINTENANCE__CRON``. Default: Sundays at 5:00.
        timezone: time zone of the schedules. Environment:
            ``SCHEDULES__HELP_DESK_SYNC__TIMEZONE``. Default: UTC.
        backfill_start: the first month of the backfill and of the parts of a full sync, as a date.
            Environment:
            ``SCHEDULES__HELP_DESK_BACKFILL__START``. Default: 2020-01-01.
        freshness: the ages at which a table is late and stale. Default: derived from the cron
            schedule: late after one missed run, stale after several.
        reports: whether to build reports.
        models: a folder of SQL files that replace models or add to them. Environment when
            definitions are loaded: ``REPORTS__HELP_DESK__MODELS``.
        schedules: whether to define schedules.
        alerts: whether to define sensors that send alerts.
        pool: the Dagster pool that limits access to the DuckDB file.

    Raises:
        dg.DagsterInvalidDefinitionError: the name or the dataset is invalid.
    """

    name: str = DEFAULT_DESK
    profile: str | None = None
    key_prefix: Sequence[str] | None = None
    group: str | None = None
    owners: Sequence[str] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset: str | None = None
    cron: str | None = None
    full_refresh_cron: str | None = None
    maintenance_cron: str | None = None
    timezone: str | None = None
    backfill_start: str | None = None
    freshness: tuple[timedelta, timedelta] | None = None
    reports: bool = True
    models: str | None = None
    schedules: bool = True
    alerts: bool = True
    pool: str = DEFAULT_POOL

    def __post_init__(self) -> None:
        """Reject names that Dagster, dlt or DuckDB would change."""
        for what, name in (("name", self.name), ("dataset", self.schema)):
            if not NAME.match(name):
                raise dg.DagsterInvalidDefinitionError(
                    f"Invalid help desk {what} {name!r}: use lowercase letters, digits and single "
                    "underscores, such as eu or north_america."
                )

    @property
    def prefix(self) -> tuple[str, ...]:
        """The prefix of its asset keys."""
        if self.key_prefix is not None:
            return tuple(self.key_prefix)
        return () if self.name == DEFAULT_DESK else (self.name,)

    @property
    def models_folder(self) -> Path | None:
        """The folder of the user's own models; None if there is none."""
        folder = self.models or from_environment(Section("reports", self.name).key("models"))
        return Path(folder).absolute() if folder else None

    @property
    def schema(self) -> str:
        """The dataset that contains its tables."""
        return self.dataset or self.name

    def asset_key(self, name: str) -> dg.AssetKey:
        """Return the key of an asset, given its name without the prefix."""
        return dg.AssetKey([*self.prefix, name])

    def op_name(self, name: str) -> str:
        """Return the name of the op that materializes an asset, as used in run config."""
        return "__".join([*self.prefix, name])

    @property
    def tickets(self) -> dg.AssetKey:
        """The key of the tickets asset."""
        return self.asset_key(TABLE)

    @property
    def api(self) -> dg.AssetKey:
        """The key of the asset that represents the API."""
        return self.asset_key("help_desk_api")

    @property
    def asset_group(self) -> str:
        """The group of its assets."""
        return self.group or self.name

    @property
    def asset_owners(self) -> Sequence[str]:
        """The owners of its assets."""
        if self.owners is not None:
            return list(self.owners)
        return list(DEFAULT_OWNERS) if self.name == DEFAULT_DESK else []

    def asset_tags(self, layer: str) -> Mapping[str, str]:
        """Return the tags of an asset in a layer: loaded, or report."""
        return {"help_desk/layer": layer, **self.tags}

    def resource_key(self, role: str) -> str:
        """Return the key of a resource, given its role: one of RESOURCE_ROLES."""
        return f"{self.name}_{role}"

    @property
    def sync_job(self) -> str:
        """The name of the job that loads everything."""
        return f"{self.name}_sync"

    @property
    def backfill_job(self) -> str:
        """The name of the job that loads tickets month by month."""
        return f"{self.name}_backfill"

    @property
    def maintenance_job(self) -> str:
        """The name of the job that maintains the warehouse."""
        return f"{self.name}_maintenance"

    @property
    def parts_job(self) -> str:
        """The name of the job that loads every ticket in parts."""
        return f"{self.name}_parts"

    @property
    def verify_parts_job(self) -> str:
        """The name of the job that verifies these parts."""
        return f"{self.name}_verify_parts"

    @property
    def jobs(self) -> Sequence[str]:
        """The names of its jobs."""
        return (
            self.sync_job,
            self.backfill_job,
            self.parts_job,
            self.verify_parts_job,
            self.maintenance_job,
        )

    def tables(self) -> list[tuple[Table, str | None]]:
        """Return its tables, tickets first, each with the name of its parent.

        Raises:
            dg.DagsterInvalidDefinitionError: the profile set in code does not exist or is invalid.
        """
        try:
            listed = listed_tables(self.profile) if self.profile else self._tables_by_environment()
        except dg.Failure as failure:
            raise dg.DagsterInvalidDefinitionError(
                f"Help desk {self.name}: {failure.description}"
            ) from None
        return [(self.table(table), parent) for table, parent in listed]

    def table(self, table: Table | None = None) -> Table:
        """Return a table in this desk's dataset. Default: the tickets."""
        return replace(table or Table(), dataset=self.schema, desk=self.name)

    def _tables_by_environment(self) -> list[tuple[Table, str | None]]:
        """Return the tables of the profile in the environment, or the tickets alone.

        An error in that profile is reported by the run: the settings of one desk should not
        prevent a whole code location from loading.
        """
        try:
            return listed_tables(from_environment(Section("sources", self.name).key("profile")))
        except dg.Failure:
            return listed_tables()

    @property
    def sync_cron(self) -> str:
        """Cron schedule of the sync."""
        return self.cron or from_environment(f"schedules.{self.sync_job}.cron", DEFAULT_CRON)

    @property
    def refresh_cron(self) -> str:
        """Cron schedule of the full refresh."""
        return self.full_refresh_cron or from_environment(
            f"schedules.{self.name}_full_refresh.cron", DEFAULT_FULL_REFRESH_CRON
        )

    @property
    def maintenance_cron_schedule(self) -> str:
        """Cron schedule of the maintenance."""
        return self.maintenance_cron or from_environment(
            f"schedules.{self.maintenance_job}.cron", DEFAULT_MAINTENANCE_CRON
        )

    @property
    def schedule_timezone(self) -> str:
        """Time zone of the schedules."""
        return self.timezone or from_environment(f"schedules.{self.sync_job}.timezone", "UTC")

    @property
    def first_month(self) -> str:
        """Start date of the first month of the backfill, and of the parts of a full sync."""
        return self.backfill_start or from_environment(
            f"schedules.{self.backfill_job}.start", DEFAULT_BACKFILL_START
        )

    def freshness_policy(self) -> dg.FreshnessPolicy:
        """Return the freshness policy: when the tables are late, and when they are stale."""
        late, stale = self.freshness or freshness_of(self.sync_cron)
        return dg.FreshnessPolicy.time_window(warn_window=late, fail_window=stale)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown name: the closest known name, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(known)}"
