"""The job that loads tickets month by month with the profile's date filter, a partition per month.

It is an op job, not an asset job: the job is partitioned, the table is not. Dagster records which
months were loaded, shows them on the job's page, and resumes an interrupted backfill with the
remaining months. Pages of asset jobs show only the partitions of their assets (Dagster 1.13).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg
import dlt
from pydantic import Field

from helpdesk_assets.assets.load import load_table
from helpdesk_assets.checks import check_results
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
            run=_run,
            window=(config.start, config.end),
        )
        context.log_event(dg.AssetMaterialization(desk.tickets, metadata=metadata))
        _check(context, desk, help_desk_api, help_desk_warehouse)

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


def _run(source: Any, pipeline: dlt.Pipeline, **options: Any) -> Mapping[str, Any]:
    pipeline.run(source, **options).raise_on_failed_jobs()
    return {}


def _check(
    context: dg.OpExecutionContext, desk: HelpDesk, api: HelpDeskApi, warehouse: HelpDeskWarehouse
) -> None:
    """Run the checks of the tickets. Raises dg.Failure if a blocking check fails."""
    results = check_results(
        context.instance,
        desk.tickets,
        desk.table(),
        api=api,
        warehouse=warehouse,
        run_id=context.run.run_id,
    )
    failed = [(check, result) for check, result in results if not result.passed]
    for check, result in failed:
        context.log.warning(f"Check {check.name} failed: {result.description}")
    blocking = [result.description for check, result in failed if check.blocking]
    if blocking:
        raise dg.Failure(
            f"The month was loaded, but the table failed its checks: {' '.join(map(str, blocking))}"
        )
