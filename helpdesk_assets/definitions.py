"""Assembles the code location, and does nothing else."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dlt import DagsterDltResource

from helpdesk_assets.alerts import alert_sensors
from helpdesk_assets.assets.loaded import help_desk_api, loaded_table
from helpdesk_assets.checks import table_checks
from helpdesk_assets.environment import from_environment
from helpdesk_assets.jobs import help_desk_backfill, schedules, sync_job
from helpdesk_assets.profiles import listed_tables
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
    resource_overrides: Mapping[str, Any] | None = None, *, profile: str | None = None
) -> dg.Definitions:
    """Return the definitions, with the resources as configured or with others in their place.

    Args:
        resource_overrides: resources by key: dlt, help_desk_alerts, help_desk_api,
            help_desk_reports, help_desk_warehouse.
        profile: whose resources become assets: the name of a profile that is shipped, or the path
            of one. When left out: SOURCES__HELP_DESK__PROFILE in the environment, or the tickets
            alone. One that has a mistake is taken for the tickets alone, too: the run says it.
    """
    listed = listed_tables(profile or from_environment("sources.help_desk.profile"))
    tables = [table.name for table, _ in listed]
    loaded = [loaded_table(table, parent, tables) for table, parent in listed]
    reports = [report_asset(table) for table in REPORT_TABLES]
    checks = [
        *(table_checks(name) for name in tables),
        *(report_check(table) for table in REPORT_TABLES),
    ]
    job = sync_job(tables)
    return dg.Definitions(
        assets=[help_desk_api, *loaded, *reports, report_page(checks)],
        asset_checks=checks,
        jobs=[job, help_desk_backfill],
        schedules=schedules(job, tables),
        sensors=alert_sensors(),
        # Also for what is materialized by a click: a process for each step costs more than most
        # steps take.
        executor=dg.in_process_executor,
        resources={
            "dlt": DagsterDltResource(),
            "help_desk_alerts": HelpDeskAlerts(),
            "help_desk_api": HelpDeskApi(profile=profile),
            "help_desk_reports": HelpDeskReports(),
            "help_desk_warehouse": HelpDeskWarehouse(),
            **(resource_overrides or {}),
        },
    )


defs = build_defs()
