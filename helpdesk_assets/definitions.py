"""Assembles the code location, and does nothing else."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dlt import DagsterDltResource

from helpdesk_assets.assets import help_desk_api, help_desk_tickets
from helpdesk_assets.checks import help_desk_tickets_checks
from helpdesk_assets.jobs import (
    help_desk_backfill,
    help_desk_full_refresh_schedule,
    help_desk_sync,
    help_desk_sync_schedule,
)
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions, with the resources as configured or with others in their place.

    Args:
        resource_overrides: resources by key: dlt, help_desk_api, help_desk_warehouse.
    """
    return dg.Definitions(
        assets=[help_desk_api, help_desk_tickets],
        asset_checks=[help_desk_tickets_checks],
        jobs=[help_desk_sync, help_desk_backfill],
        schedules=[help_desk_sync_schedule, help_desk_full_refresh_schedule],
        # Also for what is materialized by a click: a process for each step costs more than most
        # steps take.
        executor=dg.in_process_executor,
        resources={
            "dlt": DagsterDltResource(),
            "help_desk_api": HelpDeskApi(),
            "help_desk_warehouse": HelpDeskWarehouse(),
            **(resource_overrides or {}),
        },
    )


defs = build_defs()
