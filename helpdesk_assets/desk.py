"""A help desk as an object: its settings at load, and how all that belongs to it is called."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import dagster as dg

from helpdesk_assets.freshness import freshness_of
from helpdesk_assets.profiles import listed_tables
from helpdesk_assets.settings import DEFAULT_DESK, Section, from_environment
from helpdesk_assets.tables.schema import TABLE, Table

NAME = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
DEFAULT_OWNERS = ("team:support-data",)
# What reads or writes the DuckDB file takes turns in this pool; the instance's dagster.yaml limits
# it to one at a time.
DEFAULT_POOL = "duckdb"
DEFAULT_CRON = "0 * * * *"
DEFAULT_FULL_REFRESH_CRON = "0 3 * * 0"
DEFAULT_BACKFILL_START = "2020-01-01"
RESOURCE_ROLES = ("alerts", "api", "dlt", "reports", "warehouse")


@dataclass(frozen=True, kw_only=True)
class HelpDesk:
    """One help desk of a code location, and what its assets, jobs and settings are called.

    What is None is derived from the name, and so are the names of everything else: the desk ``eu``
    has the assets ``eu/help_desk_tickets`` and others, the dataset ``eu``, the jobs ``eu_sync`` and
    ``eu_backfill``, the resources ``eu_api`` and ``eu_warehouse``, and the settings
    ``SOURCES__EU__BASE_URL`` and others.

    Attributes:
        name: small letters, digits, and single underscores.
        profile: the name of a built-in profile, or the path of one. Environment at load:
            ``SOURCES__HELP_DESK__PROFILE``.
        key_prefix: what the asset keys begin with. Default: the name; nothing for the default desk.
        group: the asset group. Default: the name.
        owners: of the assets, as Dagster takes them: an e-mail address, or ``team:NAME``.
        tags: of the assets, beside this project's own.
        dataset: the schema in DuckDB. Default: the name.
        cron: when the sync runs. Environment: ``SCHEDULES__HELP_DESK_SYNC__CRON``. Default: hourly.
        full_refresh_cron: when every row is read. Environment:
            ``SCHEDULES__HELP_DESK_FULL_REFRESH__CRON``. Default: on Sunday mornings.
        timezone: of both. Environment: ``SCHEDULES__HELP_DESK_SYNC__TIMEZONE``. Default: UTC.
        backfill_start: the first month that can be loaded by itself, as a date. Environment:
            ``SCHEDULES__HELP_DESK_BACKFILL__START``. Default: 2020-01-01.
        freshness: the ages at which the tables are late, and stale. Default: by the cron, so that
            a table is late when a run was missed, and stale when several were.
        reports: whether there are reports.
        schedules: whether there are schedules.
        alerts: whether there are sensors that send alerts.
        pool: Dagster's pool in which whatever opens the DuckDB file takes turns.

    Raises:
        dg.DagsterInvalidDefinitionError: a name or a dataset is not of that form.
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
    timezone: str | None = None
    backfill_start: str | None = None
    freshness: tuple[timedelta, timedelta] | None = None
    reports: bool = True
    schedules: bool = True
    alerts: bool = True
    pool: str = DEFAULT_POOL

    def __post_init__(self) -> None:
        """Refuse names that Dagster, dlt or DuckDB would spell otherwise."""
        for what, name in (("name", self.name), ("dataset", self.schema)):
            if not NAME.match(name):
                raise dg.DagsterInvalidDefinitionError(
                    f"The {what} {name!r} of a help desk has to be of small letters, digits and "
                    "single underscores, such as eu or north_america."
                )

    @property
    def prefix(self) -> tuple[str, ...]:
        """What the keys of its assets begin with."""
        if self.key_prefix is not None:
            return tuple(self.key_prefix)
        return () if self.name == DEFAULT_DESK else (self.name,)

    @property
    def schema(self) -> str:
        """The dataset that its tables are in."""
        return self.dataset or self.name

    def asset_key(self, name: str) -> dg.AssetKey:
        """Return the key of an asset, by its name without the prefix."""
        return dg.AssetKey([*self.prefix, name])

    def op_name(self, name: str) -> str:
        """Return the name of the op that makes an asset, under which runs are configured."""
        return "__".join([*self.prefix, name])

    @property
    def tickets(self) -> dg.AssetKey:
        """The key of the tickets."""
        return self.asset_key(TABLE)

    @property
    def api(self) -> dg.AssetKey:
        """The key of the asset that stands for the API itself."""
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
        """Return the tags of an asset of a layer: loaded, or report."""
        return {"help_desk/layer": layer, **self.tags}

    def resource_key(self, role: str) -> str:
        """Return the key of a resource, by what it is: one of RESOURCE_ROLES."""
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
    def jobs(self) -> Sequence[str]:
        """The names of all its jobs."""
        return (self.sync_job, self.backfill_job)

    def tables(self) -> list[tuple[Table, str | None]]:
        """Return its tables, the tickets first, each with its parent's name.

        Raises:
            dg.DagsterInvalidDefinitionError: there is no such profile, or it has a mistake, where
                it was named in code.
        """
        try:
            listed = listed_tables(self.profile) if self.profile else self._tables_by_environment()
        except dg.Failure as failure:
            raise dg.DagsterInvalidDefinitionError(
                f"The help desk {self.name}: {failure.description}"
            ) from None
        return [(self.table(table), parent) for table, parent in listed]

    def table(self, table: Table | None = None) -> Table:
        """Return a table as it is in this desk's dataset; by default, that of the tickets."""
        return replace(table or Table(), dataset=self.schema, desk=self.name)

    def _tables_by_environment(self) -> list[tuple[Table, str | None]]:
        """Return those of the profile in the environment, or the tickets alone.

        A mistake in it is reported by the run, where someone looks: one desk's settings should not
        keep a whole code location from loading.
        """
        try:
            return listed_tables(from_environment(Section("sources", self.name).key("profile")))
        except dg.Failure:
            return listed_tables()

    @property
    def sync_cron(self) -> str:
        """When the sync runs."""
        return self.cron or from_environment(f"schedules.{self.sync_job}.cron", DEFAULT_CRON)

    @property
    def refresh_cron(self) -> str:
        """When every row is read."""
        return self.full_refresh_cron or from_environment(
            f"schedules.{self.name}_full_refresh.cron", DEFAULT_FULL_REFRESH_CRON
        )

    @property
    def schedule_timezone(self) -> str:
        """The time zone of the schedules."""
        return self.timezone or from_environment(f"schedules.{self.sync_job}.timezone", "UTC")

    @property
    def first_month(self) -> str:
        """The date at which the months begin that can be loaded by themselves."""
        return self.backfill_start or from_environment(
            f"schedules.{self.backfill_job}.start", DEFAULT_BACKFILL_START
        )

    def freshness_policy(self) -> dg.FreshnessPolicy:
        """Return when the tables are late, and when they are stale."""
        late, stale = self.freshness or freshness_of(self.sync_cron)
        return dg.FreshnessPolicy.time_window(warn_window=late, fail_window=stale)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return what to say after a name that is unknown: the closest, or all that are known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
