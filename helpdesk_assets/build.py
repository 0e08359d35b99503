"""Assembles the definitions of help desks, for a code location of their own or somebody else's."""

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
from helpdesk_assets.reports.assets import report_asset, report_page
from helpdesk_assets.reports.checks import report_check
from helpdesk_assets.reports.tables import REPORT_TABLES
from helpdesk_assets.resources import (
    HelpDeskAlerts,
    HelpDeskApi,
    HelpDeskReports,
    HelpDeskWarehouse,
)


def build_defs(
    *desks: HelpDesk | Mapping[str, Any],
    resource_overrides: Mapping[str, Any] | None = None,
    profile: str | None = None,
) -> dg.Definitions:
    """Return the definitions of one help desk or several, to be merged with any others.

    They have no executor, and no resource under a key of a general name: ``help_desk_api``,
    ``help_desk_warehouse`` and so on, or ``eu_api`` and so on of a desk called ``eu``.

    Args:
        desks: the help desks. Default: the default desk. For the default desk alone, a mapping in
            this place is taken for ``resource_overrides``.
        resource_overrides: resources by their keys, in place of the built-in ones.
        profile: the profile of the default desk, where no desks are given.

    Raises:
        dg.DagsterInvalidDefinitionError: an override is of no desk here, two desks would share
            assets, jobs or a dataset, or a profile has a mistake; says what was expected.
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
            "build_defs has desks and a profile: give each HelpDesk its profile instead."
        )
    named = named or [HelpDesk(profile=profile)]
    _refuse_to_share(named)
    resources = {key: value for desk in named for key, value in _resources(desk).items()}
    for key, value in overrides.items():
        if key not in resources:
            raise dg.DagsterInvalidDefinitionError(
                f"There is no resource {key} of a help desk: {did_you_mean(key, list(resources))}"
            )
        expected = getattr(resources[key], "desk", None)
        if expected and getattr(value, "desk", expected) != expected:
            raise dg.DagsterInvalidDefinitionError(
                f"The resource {key} has the settings of the desk {value.desk}: make it with "
                f"{type(value).__name__}(desk={expected!r}, ...)."
            )
    resources |= overrides
    return dg.Definitions.merge(
        *(_definitions(desk, resources) for desk in named), dg.Definitions(resources=resources)
    )


def _definitions(desk: HelpDesk, resources: Mapping[str, Any]) -> dg.Definitions:
    """Return everything of a desk but its resources."""
    listed = desk.tables()
    tables = [table.name for table, _ in listed]
    loaded = [loaded_table(desk, table, parent, tables) for table, parent in listed]
    checks = [table_checks(desk, table) for table, _ in listed]
    made: list[dg.AssetsDefinition] = []
    if desk.reports:
        checks += [report_check(desk, table) for table in REPORT_TABLES]
        made = [report_asset(desk, table) for table in REPORT_TABLES]
        made.append(report_page(desk, checks))
    keys = [key for asset in (*loaded, *made) for key in asset.keys]
    job = sync_job(desk, keys)
    return dg.Definitions(
        assets=[api_asset(desk), *loaded, *made],
        asset_checks=checks,
        jobs=[job, backfill_job(desk)],
        schedules=schedules(desk, job, tables) if desk.schedules else [],
        sensors=(
            alert_sensors(desk, keys, resources[desk.resource_key("alerts")]) if desk.alerts else []
        ),
    )


def _resources(desk: HelpDesk) -> Mapping[str, Any]:
    """Return a desk's resources, by their keys."""
    made = {
        "alerts": HelpDeskAlerts(desk=desk.name),
        "api": HelpDeskApi(desk=desk.name, profile=desk.profile),
        "dlt": DagsterDltResource(),
        "reports": HelpDeskReports(desk=desk.name),
        "warehouse": HelpDeskWarehouse(),
    }
    return {desk.resource_key(role): made[role] for role in RESOURCE_ROLES}


def _refuse_to_share(desks: Sequence[HelpDesk]) -> None:
    """Raise an error where two desks would write to the same tables, or be called the same."""
    for place, desk in enumerate(desks):
        for other in desks[:place]:
            for what, mine, theirs in (
                ("name", desk.name, other.name),
                ("dataset", desk.schema, other.schema),
                ("key_prefix", desk.prefix, other.prefix),
            ):
                if mine == theirs:
                    raise dg.DagsterInvalidDefinitionError(
                        f"Two help desks have the {what} {mine!r}, {other.name} and {desk.name}: "
                        "give one of them another."
                    )
