"""A help desk as a component, for Dagster projects that are configured in YAML with ``dg``."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import InstanceOf

from helpdesk_assets.build import build_defs
from helpdesk_assets.desk import (
    DEFAULT_BACKFILL_START,
    DEFAULT_CRON,
    DEFAULT_FULL_REFRESH_CRON,
    DEFAULT_POOL,
    HelpDesk,
)
from helpdesk_assets.resources import (
    HelpDeskAlerts,
    HelpDeskApi,
    HelpDeskReports,
    HelpDeskWarehouse,
)
from helpdesk_assets.resources.api import Incremental
from helpdesk_assets.scaffold import HelpDeskScaffolder
from helpdesk_assets.settings import DEFAULT_DESK

# How YAML names a variable of the environment: {{ env.X }} or {{ env("X") }}.
ENV = re.compile(r"""^\s*\{\{\s*env(?:\.(\w+)|\(\s*['"](\w+)['"]\s*\))\s*\}\}\s*$""")


def _described(text: str) -> dg.Resolver:
    resolver: dg.Resolver = dg.Resolver.default(description=text)
    return resolver


def _field(resource: type[Any], name: str) -> dg.Resolver:
    """Describe an attribute as the field of the resource that it sets."""
    return _described(str(resource.model_fields[name].description))


def _from_environment(context: dg.ResolutionContext, value: Any) -> Any:
    """Leave a secret of the environment where it is: it is read by a run and not at load.

    Any other template is a text, too: of itself, dg takes a key of digits for a number.
    """
    found = ENV.match(value) if isinstance(value, str) else None
    if found:
        return dg.EnvVar(found[1] or found[2])
    resolved = context.resolve_value(value) if "{{" in str(value) else value
    return None if resolved is None else str(resolved)


def _secret(resource: type[Any], name: str) -> dg.Resolver:
    return dg.Resolver(
        _from_environment,
        model_field_type=str | None,
        # Else a default that is None would be given to it as a text.
        inject_before_resolve=False,
        description=f"{resource.model_fields[name].description} In YAML: '{{{{ env.NAME }}}}'.",
    )


class IncrementalModel(dg.Model, dg.Resolvable):
    """How to load what has changed only, where the profile does not say."""

    cursor_path: Annotated[str | None, _field(Incremental, "cursor_path")] = None
    start_param: Annotated[str | None, _field(Incremental, "start_param")] = None
    lag: Annotated[float | None, _field(Incremental, "lag")] = None


class ApiModel(dg.Model, dg.Resolvable):
    """The REST API: its address, the key to it, and how it is read."""

    base_url: Annotated[str | None, _field(HelpDeskApi, "base_url")] = None
    api_key: Annotated[InstanceOf[str] | None, _secret(HelpDeskApi, "api_key")] = None
    pages_in_flight: Annotated[int | None, _field(HelpDeskApi, "pages_in_flight")] = None
    requests_per_second: Annotated[float | None, _field(HelpDeskApi, "requests_per_second")] = None
    rejected_share: Annotated[float | None, _field(HelpDeskApi, "rejected_share")] = None
    deletes: Annotated[str | None, _field(HelpDeskApi, "deletes")] = None
    deleted_share: Annotated[float | None, _field(HelpDeskApi, "deleted_share")] = None
    incremental: Annotated[IncrementalModel, _described("How to load what has changed only.")] = (
        IncrementalModel()
    )


class WarehouseModel(dg.Model, dg.Resolvable):
    """The DuckDB file. Several help desks can share one, each in a dataset of its own."""

    credentials: Annotated[InstanceOf[str] | None, _secret(HelpDeskWarehouse, "credentials")] = None
    lock_timeout: Annotated[float | None, _field(HelpDeskWarehouse, "lock_timeout")] = None
    memory_limit: Annotated[str | None, _field(HelpDeskWarehouse, "memory_limit")] = None


class SchedulesModel(dg.Model, dg.Resolvable):
    """When it is loaded."""

    enabled: Annotated[bool, _described("Whether there are schedules. Default: true.")] = True
    cron: Annotated[
        str | None,
        _described(
            f"When the sync runs. Default: {DEFAULT_CRON}. Environment: "
            "SCHEDULES__HELP_DESK_SYNC__CRON."
        ),
    ] = None
    full_refresh_cron: Annotated[
        str | None,
        _described(
            f"When every row is read. Default: {DEFAULT_FULL_REFRESH_CRON}. Environment: "
            "SCHEDULES__HELP_DESK_FULL_REFRESH__CRON."
        ),
    ] = None
    timezone: Annotated[
        str | None,
        _described(
            "The time zone of the schedules. Default: UTC. Environment: "
            "SCHEDULES__HELP_DESK_SYNC__TIMEZONE."
        ),
    ] = None
    backfill_start: Annotated[
        str | None,
        _described(
            "The first month that can be loaded by itself, as a date. Default: "
            f"{DEFAULT_BACKFILL_START}. Environment: SCHEDULES__HELP_DESK_BACKFILL__START."
        ),
    ] = None


class ReportsModel(dg.Model, dg.Resolvable):
    """The reports: tables, charts and a page."""

    enabled: Annotated[bool, _described("Whether there are reports. Default: true.")] = True
    timezone: Annotated[str | None, _field(HelpDeskReports, "timezone")] = None
    solved_statuses: Annotated[Sequence[str] | None, _field(HelpDeskReports, "solved_statuses")] = (
        None
    )
    path: Annotated[str | None, _field(HelpDeskReports, "path")] = None


class AlertsModel(dg.Model, dg.Resolvable):
    """The alerts of runs and checks that failed."""

    enabled: Annotated[
        bool, _described("Whether there are sensors that send alerts. Default: true.")
    ] = True
    webhook_url: Annotated[InstanceOf[str] | None, _secret(HelpDeskAlerts, "webhook_url")] = None
    slack_token: Annotated[InstanceOf[str] | None, _secret(HelpDeskAlerts, "slack_token")] = None
    slack_channel: Annotated[str | None, _field(HelpDeskAlerts, "slack_channel")] = None
    ui_url: Annotated[str | None, _field(HelpDeskAlerts, "ui_url")] = None


class FreshnessModel(dg.Model, dg.Resolvable):
    """The ages at which the tables are late, and stale."""

    late_hours: Annotated[float, _described("Hours after a load at which a table is late.")]
    stale_hours: Annotated[float, _described("Hours after a load at which a table is stale.")]


@dg.scaffold_with(HelpDeskScaffolder)
class HelpDeskComponent(dg.Component, dg.Model, dg.Resolvable):
    """Help desk tickets from a REST API, in DuckDB: verified complete, checked and reported on.

    Each component is a help desk with assets, jobs, schedules, sensors and resources of its own.
    What is left out is looked for by dlt's own providers when a run needs it: in the environment,
    `.dlt/secrets.toml` and `.dlt/config.toml`, under the name of the desk. So is every other secret
    that a profile names: `SOURCES__EU__ZENDESK_EMAIL`, then `ZENDESK_EMAIL`.

    To begin: `dg scaffold defs helpdesk_assets.HelpDeskComponent eu --profile zendesk`, where eu
    becomes the name of the help desk. With `--own-profile zendesk` it writes a profile to fill in,
    a copy of that one, too.
    """

    name: Annotated[
        str,
        _described(
            "The name of the help desk: small letters, digits and single underscores. Its assets, "
            "dataset, jobs, resources and settings are called after it."
        ),
    ] = DEFAULT_DESK
    profile: Annotated[
        str | None,
        _described(
            "The API's vendor: the name of a built-in profile, such as zendesk, or the path of a "
            "profile, relative to this file. Default: default."
        ),
    ] = None
    api: Annotated[ApiModel, _described("The REST API.")] = ApiModel()
    warehouse: Annotated[WarehouseModel, _described("The DuckDB file.")] = WarehouseModel()
    schedules: Annotated[SchedulesModel, _described("When it is loaded.")] = SchedulesModel()
    reports: Annotated[ReportsModel, _described("The reports.")] = ReportsModel()
    alerts: Annotated[AlertsModel, _described("The alerts.")] = AlertsModel()
    freshness: Annotated[
        FreshnessModel | None,
        _described("When the tables are late, and stale. Default: by the cron schedule."),
    ] = None
    key_prefix: Annotated[
        Sequence[str] | None,
        _described("What the asset keys begin with, as a list. Default: the name."),
    ] = None
    group_name: Annotated[str | None, _described("The asset group. Default: the name.")] = None
    owners: Annotated[
        Sequence[str] | None,
        _described("The owners of the assets: e-mail addresses, or team:NAME."),
    ] = None
    tags: Annotated[Mapping[str, str], _described("Tags of the assets.")] = {}
    dataset: Annotated[
        str | None, _described("The dataset (schema) in DuckDB. Default: the name.")
    ] = None
    pool: Annotated[
        str,
        _described(
            "Dagster's pool in which whatever opens the DuckDB file takes turns. Limit it to one. "
            f"Default: {DEFAULT_POOL}."
        ),
    ] = DEFAULT_POOL

    def desk(self, folder: Path) -> HelpDesk:
        """Return the help desk that this is.

        Args:
            folder: what the path of a profile is relative to.
        """
        profile = self.profile
        if profile and ("/" in profile or profile.endswith((".yaml", ".yml"))):
            profile = str((folder / profile).resolve())
        return HelpDesk(
            name=self.name,
            profile=profile,
            key_prefix=self.key_prefix,
            group=self.group_name,
            owners=self.owners,
            tags=self.tags,
            dataset=self.dataset,
            cron=self.schedules.cron,
            full_refresh_cron=self.schedules.full_refresh_cron,
            timezone=self.schedules.timezone,
            backfill_start=self.schedules.backfill_start,
            freshness=(
                (
                    timedelta(hours=self.freshness.late_hours),
                    timedelta(hours=self.freshness.stale_hours),
                )
                if self.freshness
                else None
            ),
            reports=self.reports.enabled,
            schedules=self.schedules.enabled,
            alerts=self.alerts.enabled,
            pool=self.pool,
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the help desk."""
        path = context.path
        desk = self.desk(path if path.is_dir() else path.parent)
        api = _set(self.api)
        incremental = Incremental(**_set(api.pop("incremental", None)))
        made = {
            "alerts": HelpDeskAlerts(desk=desk.name, **_set(self.alerts)),
            "api": HelpDeskApi(
                desk=desk.name, profile=desk.profile, incremental=incremental, **api
            ),
            "reports": HelpDeskReports(desk=desk.name, **_set(self.reports)),
            "warehouse": HelpDeskWarehouse(**_set(self.warehouse)),
        }
        return build_defs(
            desk,
            resource_overrides={desk.resource_key(role): made[role] for role in made},
        )


def _set(model: dg.Model | None) -> dict[str, Any]:
    """Return the attributes of a part that are set, but for whether there is one."""
    values = {name: getattr(model, name) for name in type(model).model_fields} if model else {}
    return {
        name: value for name, value in values.items() if value is not None and name != "enabled"
    }
