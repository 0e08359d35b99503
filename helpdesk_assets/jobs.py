"""The job that keeps the tables fresh, and its schedules."""

from collections.abc import Sequence

import dagster as dg

from helpdesk_assets.desk import HelpDesk


def sync_job(desk: HelpDesk, assets: Sequence[dg.AssetKey]) -> "dg.UnresolvedAssetJobDefinition":
    """Return the job that loads a desk's tables and builds its reports.

    Args:
        desk: the help desk.
        assets: the keys of its assets, which are the only ones in the job.
    """
    return dg.define_asset_job(
        desk.sync_job,
        description="Loads the tickets, builds the reports, and runs all asset checks.",
        selection=dg.AssetSelection.assets(*assets),
        # A run whose process died is retried, at most twice. A run that failed with an error
        # message is not, because its requests were already retried where that makes sense.
        tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
    )


def schedules(
    desk: HelpDesk, job: "dg.UnresolvedAssetJobDefinition", tables: Sequence[str]
) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the job: the regular sync, and the full refresh.

    With incremental loading, the full refresh catches what an incremental sync cannot see.
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
            description=f"Runs {desk.sync_job} as a full refresh, which reads every row.",
            cron_schedule=desk.refresh_cron,
            execution_timezone=desk.schedule_timezone,
            run_config=full_refresh,
            default_status=dg.DefaultScheduleStatus.STOPPED,
        ),
    ]
