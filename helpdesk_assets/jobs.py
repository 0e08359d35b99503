"""The job that keeps the tickets fresh, its schedules, and one that loads them month by month."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg
from dlt.common.configuration.providers import EnvironProvider

from helpdesk_assets.assets import TICKETS
from helpdesk_assets.schema import TABLE

help_desk_sync = dg.define_asset_job(
    "help_desk_sync",
    description="Load the tickets, then whatever is made of them, and check all of it.",
    selection=dg.AssetSelection.assets(TICKETS).downstream(),
    executor_def=dg.in_process_executor,
    # A run whose process died is started again, at most twice; one that failed with a sentence
    # is not, for its requests were already repeated where that makes sense.
    tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
)


def _from_environment(schedule: str, key: str, default: str) -> str:
    """Look up a setting of a schedule in the environment, by dlt's naming.

    Not in dlt's files: Dagster needs it when it loads the definitions, and no file is read then.
    """
    value, _ = EnvironProvider().get_value(key, str, "", "schedules", schedule)
    return str(value or default)


TIMEZONE = _from_environment("help_desk_sync", "timezone", "UTC")


@dg.monthly_partitioned_config(
    start_date=_from_environment("help_desk_backfill", "start", "2020-01-01"), timezone="UTC"
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

help_desk_sync_schedule = dg.ScheduleDefinition(
    name="help_desk_sync_schedule",
    job=help_desk_sync,
    description="Runs help_desk_sync, every hour unless SCHEDULES__HELP_DESK_SYNC__CRON differs.",
    cron_schedule=_from_environment("help_desk_sync", "cron", "0 * * * *"),
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)

# Where syncs ask for changes only, what such a sync cannot see is caught by this one.
help_desk_full_refresh_schedule = dg.ScheduleDefinition(
    name="help_desk_full_refresh_schedule",
    job=help_desk_sync,
    description=(
        "Runs help_desk_sync over every ticket, on Sunday mornings unless "
        "SCHEDULES__HELP_DESK_FULL_REFRESH__CRON differs."
    ),
    cron_schedule=_from_environment("help_desk_full_refresh", "cron", "0 3 * * 0"),
    execution_timezone=TIMEZONE,
    run_config={"ops": {TABLE: {"config": {"full_refresh": True}}}},
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
