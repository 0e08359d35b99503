"""The job that keeps the tables fresh, and its schedules."""

from collections.abc import Sequence

import dagster as dg

from helpdesk_assets.desk import HelpDesk


def sync_job(desk: HelpDesk, assets: Sequence[dg.AssetKey]) -> "dg.UnresolvedAssetJobDefinition":
    """Return the job that loads a desk's tables and makes its reports; of no other assets.

    Args:
        desk: whose they are.
        assets: the keys of all that it makes.
    """
    return dg.define_asset_job(
        desk.sync_job,
        description="Load the tickets, then make the reports, and check all of it.",
        selection=dg.AssetSelection.assets(*assets),
        # A run whose process died is started again, at most twice; one that failed with an error
        # message is not, for its requests were already repeated where that makes sense.
        tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
    )


def schedules(
    desk: HelpDesk, job: "dg.UnresolvedAssetJobDefinition", tables: Sequence[str]
) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the job: one that keeps up, and one that reads everything.

    Where syncs ask for changes only, what such a sync cannot see is caught by the other.
    """
    full_refresh = {
        "ops": {desk.op_name(table): {"config": {"full_refresh": True}} for table in tables}
    }
    return [
        dg.ScheduleDefinition(
            name=f"{desk.sync_job}_schedule",
            job=job,
            description=f"Runs {desk.sync_job}.",
            cron_schedule=desk.sync_cron,
            execution_timezone=desk.schedule_timezone,
            default_status=dg.DefaultScheduleStatus.STOPPED,
        ),
        dg.ScheduleDefinition(
            name=f"{desk.name}_full_refresh_schedule",
            job=job,
            description=f"Runs {desk.sync_job} over every row.",
            cron_schedule=desk.refresh_cron,
            execution_timezone=desk.schedule_timezone,
            run_config=full_refresh,
            default_status=dg.DefaultScheduleStatus.STOPPED,
        ),
    ]
