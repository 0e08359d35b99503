"""The job that loads tickets month by month with the profile's date filter, a partition per month.

It is an op job, not an asset job: the job is partitioned, the table is not. Dagster records which
months were loaded, shows them on the job's page, and resumes an interrupted backfill with the
remaining months. Pages of asset jobs show only the partitions of their assets (Dagster 1.13).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg
from pydantic import Field

from helpdesk_assets.assets.load import load_table, run_pipeline
from helpdesk_assets.checks.blocking import raise_if_blocked
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of


class MonthConfig(dg.Config):
    """The date range to load, set by the partition."""

    start: str | None = Field(default=None, description="Start of the range, in ISO 8601.")
    end: str | None = Field(default=None, description="End of the range, in ISO 8601, exclusive.")


def backfill_job(desk: HelpDesk) -> dg.JobDefinition:
    """Return the job that loads a desk's tickets month by month."""
    table, name = desk.table(), f"{desk.name}_month"

    @dg.monthly_partitioned_config(start_date=desk.first_month, timezone="UTC")
    def month(start: datetime, end: datetime) -> Mapping[str, Any]:
        window = {"start": start.isoformat(), "end": end.isoformat()}
        return {"ops": {name: {"config": window}}}

    @dg.op(name=name, pool=desk.pool, out=dg.Out(dg.Nothing))
    @with_resources_of(desk)
    def load_month(
        context: dg.OpExecutionContext,
        config: MonthConfig,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> None:
        """Loads the tickets of one month and checks the table."""
        if config.start is None or config.end is None:
            raise setting_failure(
                f"No month is selected, so nothing was requested from the help desk: select "
                f"partitions of {desk.backfill_job} on its page in the Dagster UI, or run `dagster "
                f"job backfill -j {desk.backfill_job} --partitions 2026-01-01`. To load every "
                f"ticket, run {desk.sync_job}."
            )
        metadata = load_table(
            context,
            table,
            api=help_desk_api,
            warehouse=help_desk_warehouse,
            run=run_pipeline,
            window=(config.start, config.end),
        )
        context.log_event(dg.AssetMaterialization(desk.tickets, metadata=metadata))
        raise_if_blocked(
            context, desk, "The month was loaded", api=help_desk_api, warehouse=help_desk_warehouse
        )

    @dg.job(
        name=desk.backfill_job,
        description=(
            "Loads tickets month by month with the profile's date_filter. One partition per month, "
            f"starting at {desk.first_month}."
        ),
        config=month,
    )
    def backfill() -> None:
        load_month()

    return backfill
