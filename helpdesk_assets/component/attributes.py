"""The YAML attributes of the component, typed, with the descriptions of the resource fields."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import dagster as dg
from pydantic import InstanceOf

from helpdesk_assets.desk import (
    DEFAULT_BACKFILL_START,
    DEFAULT_CRON,
    DEFAULT_FULL_REFRESH_CRON,
    DEFAULT_MAINTENANCE_CRON,
)
from helpdesk_assets.resources import (
    HelpDeskAlerts,
    HelpDeskApi,
    HelpDeskReports,
    HelpDeskWarehouse,
)
from helpdesk_assets.resources.api_settings import Incremental

# An environment variable in YAML: {{ env.X }} or {{ env("X") }}.
ENV = re.compile(r"""^\s*\{\{\s*env(?:\.(\w+)|\(\s*['"](\w+)['"]\s*\))\s*\}\}\s*$""")


def described_as(text: str) -> dg.Resolver:
    """Describe an attribute in the YAML schema and the documentation."""
    resolver: dg.Resolver = dg.Resolver.default(description=text)
    return resolver


def _field(resource: type[Any], name: str) -> dg.Resolver:
    """Describe an attribute as the field of the resource that it sets."""
    return described_as(str(resource.model_fields[name].description))


def _from_environment(context: dg.ResolutionContext, value: Any) -> Any:
    """Keep a reference to an environment variable, which is read at run time, not at load time.

    Any other template becomes a string: by default, dg converts a key of digits to a number.
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
        # Otherwise a default of None would be passed to it as a string.
        inject_before_resolve=False,
        description=f"{resource.model_fields[name].description} In YAML: '{{{{ env.NAME }}}}'.",
    )


class IncrementalModel(dg.Model, dg.Resolvable):
    """Incremental loading, if the profile does not configure it."""

    cursor_path: Annotated[str | None, _field(Incremental, "cursor_path")] = None
    start_param: Annotated[str | None, _field(Incremental, "start_param")] = None
    lag: Annotated[float | None, _field(Incremental, "lag")] = None


class ApiModel(dg.Model, dg.Resolvable):
    """The REST API: base URL, API key, and how it is read."""

    base_url: Annotated[str | None, _field(HelpDeskApi, "base_url")] = None
    api_key: Annotated[InstanceOf[str] | None, _secret(HelpDeskApi, "api_key")] = None
    pages_in_flight: Annotated[int | None, _field(HelpDeskApi, "pages_in_flight")] = None
    requests_per_second: Annotated[float | None, _field(HelpDeskApi, "requests_per_second")] = None
    rejected_share: Annotated[float | None, _field(HelpDeskApi, "rejected_share")] = None
    deletes: Annotated[str | None, _field(HelpDeskApi, "deletes")] = None
    deleted_share: Annotated[float | None, _field(HelpDeskApi, "deleted_share")] = None
    incremental: Annotated[IncrementalModel, described_as("Incremental loading.")] = (
        IncrementalModel()
    )


class WarehouseModel(dg.Model, dg.Resolvable):
    """Where tickets are loaded. Several help desks can share it, each in its own dataset."""

    credentials: Annotated[InstanceOf[str] | None, _secret(HelpDeskWarehouse, "credentials")] = None
    lock_timeout: Annotated[float | None, _field(HelpDeskWarehouse, "lock_timeout")] = None
    memory_limit: Annotated[str | None, _field(HelpDeskWarehouse, "memory_limit")] = None
    snapshot: Annotated[str | None, _field(HelpDeskWarehouse, "snapshot")] = None
    keep_snapshots: Annotated[float | None, _field(HelpDeskWarehouse, "keep_snapshots")] = None


class SchedulesModel(dg.Model, dg.Resolvable):
    """The schedules."""

    enabled: Annotated[bool, described_as("Whether to define schedules. Default: true.")] = True
    cron: Annotated[
        str | None,
        described_as(
            f"Cron schedule of the sync. Default: {DEFAULT_CRON}. Environment: "
            "SCHEDULES__HELP_DESK_SYNC__CRON."
        ),
    ] = None
    full_refresh_cron: Annotated[
        str | None,
        described_as(
            "Cron schedule of the full refresh, which reads every row. Default: "
            f"{DEFAULT_FULL_REFRESH_CRON}. Environment: SCHEDULES__HELP_DESK_FULL_REFRESH__CRON."
        ),
    ] = None
    maintenance_cron: Annotated[
        str | None,
        described_as(
            f"Cron schedule of the maintenance. Default: {DEFAULT_MAINTENANCE_CRON}. Environment: "
            "SCHEDULES__HELP_DESK_MAINTENANCE__CRON."
        ),
    ] = None
    timezone: Annotated[
        str | None,
        described_as(
            "The time zone of the schedules. Default: UTC. Environment: "
            "SCHEDULES__HELP_DESK_SYNC__TIMEZONE."
        ),
    ] = None
    backfill_start: Annotated[
        str | None,
        described_as(
            "The first month of the backfill, as a date. Default: "
            f"{DEFAULT_BACKFILL_START}. Environment: SCHEDULES__HELP_DESK_BACKFILL__START."
        ),
    ] = None


class ReportsModel(dg.Model, dg.Resolvable):
    """The reports: tables, charts and a page."""

    enabled: Annotated[bool, described_as("Whether to build reports. Default: true.")] = True
    models: Annotated[
        str | None,
        described_as(
            "A folder of SQL files that replace models or add to them, relative to this file. "
            "Environment: REPORTS__HELP_DESK__MODELS."
        ),
    ] = None
    timezone: Annotated[str | None, _field(HelpDeskReports, "timezone")] = None
    solved_statuses: Annotated[Sequence[str] | None, _field(HelpDeskReports, "solved_statuses")] = (
        None
    )
    pending_statuses: Annotated[
        Sequence[str] | None, _field(HelpDeskReports, "pending_statuses")
    ] = None
    business_hours: Annotated[
        Mapping[str, str] | None, _field(HelpDeskReports, "business_hours")
    ] = None
    holidays: Annotated[Sequence[str] | None, _field(HelpDeskReports, "holidays")] = None
    sla_targets: Annotated[Mapping[str, Any] | None, _field(HelpDeskReports, "sla_targets")] = None
    path: Annotated[str | None, _field(HelpDeskReports, "path")] = None
    url: Annotated[str | None, _field(HelpDeskReports, "url")] = None
    subjects: Annotated[bool | None, _field(HelpDeskReports, "subjects")] = None


class AlertsModel(dg.Model, dg.Resolvable):
    """The alerts for failed runs and checks."""

    enabled: Annotated[
        bool, described_as("Whether to define sensors that send alerts. Default: true.")
    ] = True
    webhook_url: Annotated[InstanceOf[str] | None, _secret(HelpDeskAlerts, "webhook_url")] = None
    slack_token: Annotated[InstanceOf[str] | None, _secret(HelpDeskAlerts, "slack_token")] = None
    slack_channel: Annotated[str | None, _field(HelpDeskAlerts, "slack_channel")] = None
    ui_url: Annotated[str | None, _field(HelpDeskAlerts, "ui_url")] = None


class FreshnessModel(dg.Model, dg.Resolvable):
    """The ages at which a table is late and stale."""

    late_hours: Annotated[float, described_as("Hours after the last load until a table is late.")]
    stale_hours: Annotated[float, described_as("Hours after the last load until a table is stale.")]


def values_of(model: dg.Model | None) -> dict[str, Any]:
    """Return the attributes of a model that are set, except ``enabled``."""
    values = {name: getattr(model, name) for name in type(model).model_fields} if model else {}
    return {
        name: value for name, value in values.items() if value is not None and name != "enabled"
    }
