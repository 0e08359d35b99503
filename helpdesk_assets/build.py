"""Builds the definitions of one or more help desks, for any code location."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dlt import DagsterDltResource

from helpdesk_assets.alerts import alert_sensors
from helpdesk_assets.assets.loaded import api_asset, loaded_table
from helpdesk_assets.backfill import backfill_job
from helpdesk_assets.checks import table_checks
from helpdesk_assets.desk import RESOURCE_ROLES, HelpDesk, did_you_mean
from helpdesk_assets.jobs import schedules, sync_job
from helpdesk_assets.maintenance import (
    MAINTENANCE,
    maintenance_asset,
    maintenance_job,
    maintenance_schedule,
)
from helpdesk_assets.models.assets import models_assets
from helpdesk_assets.models.own import with_own_models
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.parts import parts_job, verify_parts_job
from helpdesk_assets.reports.assets import REPORT, report_page
from helpdesk_assets.resources import (
    HelpDeskAlerts,
    HelpDeskApi,
    HelpDeskReports,
    HelpDeskWarehouse,
)
from helpdesk_assets.snapshot import SNAPSHOT, snapshot_asset


def build_defs(
    *desks: HelpDesk | Mapping[str, Any],
    resource_overrides: Mapping[str, Any] | None = None,
    profile: str | None = None,
) -> dg.Definitions:
    """Return the definitions of one or more help desks, to be merged with other definitions.

    They contain no executor, and all resource keys start with the name of the desk:
    ``help_desk_api``, ``help_desk_warehouse`` and so on, or ``eu_api`` for a desk named ``eu``.

    Args:
        desks: the help desks. Default: the default desk. For the default desk alone, a mapping
            passed here is used as ``resource_overrides``.
        resource_overrides: resources by key, replacing the built-in ones.
        profile: the profile of the default desk, if no desks are given.

    Raises:
        dg.DagsterInvalidDefinitionError: an override matches no desk, two desks would share
            assets, jobs or a dataset, or a profile is invalid. The message says what was expected.
    """
    overrides = dict(resource_overrides or {})
    named: list[HelpDesk] = []
    for each in desks:
        if isinstance(each, HelpDesk):
            named.append(each)
        else:
            overrides.update(each)
    if profile and named:
        raise dg.DagsterInvalidDefinitionError(
            "build_defs got both desks and a profile: set the profile on each HelpDesk instead."
        )
    named = named or [HelpDesk(profile=profile)]
    _refuse_to_share(named)
    resources = {key: value for desk in named for key, value in _resources(desk).items()}
    for key, value in overrides.items():
        if key not in resources:
            raise dg.DagsterInvalidDefinitionError(
                f"No help desk has a resource {key}: {did_you_mean(key, list(resources))}"
            )
        expected = getattr(resources[key], "desk", None)
        if expected and getattr(value, "desk", expected) != expected:
            raise dg.DagsterInvalidDefinitionError(
                f"The resource {key} has the settings of the help desk {value.desk}: create it "
                f"with {type(value).__name__}(desk={expected!r}, ...)."
            )
    resources |= overrides
    return dg.Definitions.merge(
        *(_definitions(desk, resources) for desk in named), dg.Definitions(resources=resources)
    )


def _definitions(desk: HelpDesk, resources: Mapping[str, Any]) -> dg.Definitions:
    """Return all definitions of a desk except its resources."""
    listed = desk.tables()
    tables = [table.name for table, _ in listed]
    loaded = [loaded_table(desk, table, parent, tables) for table, parent in listed]
    checks = [table_checks(desk, table) for table, _ in listed]
    made: list[dg.AssetsDefinition] = []
    if desk.reports:
        folder = desk.models_folder
        queries = with_own_models(MODELS, folder) if folder else MODELS
        page = desk.asset_key(REPORT)
        models = models_assets(desk, queries, [table for table, _ in listed], page)
        made = [models, report_page(desk, [*checks, models])]
    keys = [key for asset in (*loaded, *made) for key in asset.keys]
    made += [snapshot_asset(desk, [table for table, _ in listed], keys), maintenance_asset(desk)]
    keys.append(desk.asset_key(SNAPSHOT))
    job, maintain = sync_job(desk, keys), maintenance_job(desk)
    keys.append(desk.asset_key(MAINTENANCE))
    return dg.Definitions(
        assets=[api_asset(desk), *loaded, *made],
        asset_checks=checks,
        jobs=[job, backfill_job(desk), parts_job(desk), verify_parts_job(desk), maintain],
        schedules=(
            [*schedules(desk, job, tables), maintenance_schedule(desk, maintain)]
            if desk.schedules
            else []
        ),
        sensors=(
            alert_sensors(desk, keys, resources[desk.resource_key("alerts")]) if desk.alerts else []
        ),
    )


def _resources(desk: HelpDesk) -> Mapping[str, Any]:
    """Return a desk's resources by key."""
    made = {
        "alerts": HelpDeskAlerts(desk=desk.name),
        "api": HelpDeskApi(desk=desk.name, profile=desk.profile),
        "dlt": DagsterDltResource(),
        "reports": HelpDeskReports(desk=desk.name),
        "warehouse": HelpDeskWarehouse(),
    }
    return {desk.resource_key(role): made[role] for role in RESOURCE_ROLES}


def _refuse_to_share(desks: Sequence[HelpDesk]) -> None:
    """Raise an error if two desks have the same name or would write to the same tables."""
    for place, desk in enumerate(desks):
        for other in desks[:place]:
            for what, mine, theirs in (
                ("name", desk.name, other.name),
                ("dataset", desk.schema, other.schema),
                ("key_prefix", desk.prefix, other.prefix),
            ):
                if mine == theirs:
                    raise dg.DagsterInvalidDefinitionError(
                        f"Two help desks have the same {what} {mine!r} ({other.name} and "
                        f"{desk.name}): change one of them."
                    )
