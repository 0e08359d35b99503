"""Maintenance of the warehouse: an asset and a job of its own, not part of the sync."""

import time
from typing import Any

import dagster as dg

from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of

MAINTENANCE = "help_desk_maintenance"


def maintenance_asset(desk: HelpDesk) -> dg.AssetsDefinition:
    """Return the asset of the maintenance; its metadata shows the size of the warehouse."""

    spec = dg.AssetSpec(
        desk.asset_key(MAINTENANCE),
        description=(
            "Maintenance of the place that tickets are loaded into. Of a DuckDB file, it writes "
            "the log to the file and reports its size; of DuckLake, it removes earlier states of "
            "the tables, and joins small files."
        ),
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        kinds={"duckdb"},
        tags=desk.asset_tags("maintenance"),
        metadata=code_references(__file__),
    )

    # The op of an asset by itself would have the name of the job, which Dagster refuses.
    @dg.multi_asset(name=desk.op_name("maintain_help_desk"), specs=[spec], pool=desk.pool)
    @with_resources_of(desk)
    def make(help_desk_warehouse: HelpDeskWarehouse) -> dg.MaterializeResult[Any]:
        """Maintains the warehouse, and reports its size."""
        started = time.perf_counter()
        metadata = help_desk_warehouse.maintain(desk.schema)
        seconds = round(time.perf_counter() - started, 3)
        return dg.MaterializeResult(metadata={**metadata, "seconds": seconds})

    return make


def maintenance_job(desk: HelpDesk) -> "dg.UnresolvedAssetJobDefinition":
    """Return the job that maintains the warehouse of a desk."""
    return dg.define_asset_job(
        desk.maintenance_job,
        description="Maintains the place that tickets are loaded into, and reports its size.",
        selection=dg.AssetSelection.assets(desk.asset_key(MAINTENANCE)),
    )


def maintenance_schedule(
    desk: HelpDesk, job: "dg.UnresolvedAssetJobDefinition"
) -> dg.ScheduleDefinition:
    """Return the schedule of the maintenance."""
    return dg.ScheduleDefinition(
        name=f"{desk.maintenance_job}_schedule",
        job=job,
        description=f"Runs {desk.maintenance_job}.",
        cron_schedule=desk.maintenance_cron_schedule,
        execution_timezone=desk.schedule_timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
