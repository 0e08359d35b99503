"""The job that keeps the tables fresh, its schedules, and one that loads tickets month by month."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from helpdesk_assets.assets.loaded import TICKETS
from helpdesk_assets.environment import from_environment
from helpdesk_assets.tables.schema import TABLE

TIMEZONE = from_environment("schedules.help_desk_sync.timezone", "UTC")


@dg.monthly_partitioned_config(
    start_date=from_environment("schedules.help_desk_backfill.start", "2020-01-01"), timezone="UTC"
)
def _a_month(start: datetime, end: datetime) -> Mapping[str, Any]:
    window = {"start": start.isoformat(), "end": end.isoformat()}
    return {"ops": {TABLE: {"config": window}}}


# The partitions are the job's and not the asset's, which stays one table: Dagster remembers which
# months were loaded, and a backfill that was interrupted goes on with the others.
help_desk_backfill = dg.define_asset_job(
    "help_desk_backfill",
    description=(
        "Load the tickets of a month, by the date_filter of the profile: a partition each, from "
        "SCHEDULES__HELP_DESK_BACKFILL__START on."
    ),
    selection=dg.AssetSelection.assets(TICKETS),
    config=_a_month,
    executor_def=dg.in_process_executor,
)


def sync_job(tables: Sequence[str] = (TABLE,)) -> "dg.UnresolvedAssetJobDefinition":
    """Return the job that loads tables, and makes whatever is made of them."""
    return dg.define_asset_job(
        "help_desk_sync",
        description="Load the tickets, then whatever is made of them, and check all of it.",
        selection=dg.AssetSelection.assets(*tables).downstream(),
        executor_def=dg.in_process_executor,
        # A run whose process died is started again, at most twice; one that failed with a sentence
        # is not, for its requests were already repeated where that makes sense.
        tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
    )


def schedules(
    job: "dg.UnresolvedAssetJobDefinition", tables: Sequence[str] = (TABLE,)
) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the job: one that keeps up, and one that reads everything.

    Where syncs ask for changes only, what such a sync cannot see is caught by the other.
    """
    return [
        dg.ScheduleDefinition(
            name="help_desk_sync_schedule",
            job=job,
            description=(
                "Runs help_desk_sync, every hour unless SCHEDULES__HELP_DESK_SYNC__CRON differs."
            ),
            cron_schedule=from_environment("schedules.help_desk_sync.cron", "0 * * * *"),
            execution_timezone=TIMEZONE,
            default_status=dg.DefaultScheduleStatus.STOPPED,
        ),
        dg.ScheduleDefinition(
            name="help_desk_full_refresh_schedule",
            job=job,
            description=(
                "Runs help_desk_sync over every row, on Sunday mornings unless "
                "SCHEDULES__HELP_DESK_FULL_REFRESH__CRON differs."
            ),
            cron_schedule=from_environment("schedules.help_desk_full_refresh.cron", "0 3 * * 0"),
            execution_timezone=TIMEZONE,
            run_config={"ops": {table: {"config": {"full_refresh": True}} for table in tables}},
            default_status=dg.DefaultScheduleStatus.STOPPED,
        ),
    ]
