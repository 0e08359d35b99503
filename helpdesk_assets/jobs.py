"""The job that keeps the tickets fresh, and its schedule."""

import dagster as dg
from dlt.common.configuration.providers import EnvironProvider

from helpdesk_assets.assets import TICKETS

help_desk_sync = dg.define_asset_job(
    "help_desk_sync",
    description="Load the tickets, then whatever is made of them, and check all of it.",
    selection=dg.AssetSelection.assets(TICKETS).downstream(),
    executor_def=dg.in_process_executor,
    # A run whose process died is started again, at most twice; one that failed with a sentence
    # is not, for its requests were already repeated where that makes sense.
    tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
)


def _from_environment(key: str, default: str) -> str:
    """Look up a setting of the schedule in the environment, by dlt's naming.

    Not in dlt's files: Dagster needs it when it loads the definitions, and no file is read then.
    """
    value, _ = EnvironProvider().get_value(key, str, "", "schedules", "help_desk_sync")
    return str(value or default)


help_desk_sync_schedule = dg.ScheduleDefinition(
    name="help_desk_sync_schedule",
    job=help_desk_sync,
    description="Runs help_desk_sync, every hour unless SCHEDULES__HELP_DESK_SYNC__CRON differs.",
    cron_schedule=_from_environment("cron", "0 * * * *"),
    execution_timezone=_from_environment("timezone", "UTC"),
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
