"""The jobs that load every ticket in parts, on any number of workers, and verify them together.

A partition is a month of creation time. The first one also has everything before it, and the last
one everything after it. A second job compares all parts with the API, and handles deleted tickets.
"""

from datetime import datetime, timedelta, timezone

import dagster as dg
from pydantic import Field

from helpdesk_assets.assets.load import load_table, run_pipeline
from helpdesk_assets.assets.verify_parts import PartsVerification
from helpdesk_assets.checks.blocking import raise_if_blocked
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.warehouse.parts import Part

UNDATED = "without date"


class PartConfig(dg.Config):
    """The part to load, set by the partition."""

    part: str | None = Field(default=None, description="The partition, such as 2026-01-01.")


class VerifyConfig(dg.Config):
    """Options of a run that verifies the parts."""

    most_age_days: float = Field(
        default=7,
        description=(
            "The maximum age of a part in days. Tickets may have changed since a part was loaded: "
            "the table has them as they were then."
        ),
    )


def parts_job(desk: HelpDesk) -> dg.JobDefinition:
    """Return the job that loads a desk's tickets in parts."""
    name, months = f"{desk.name}_part", _months(desk)

    @dg.op(name=name, pool=desk.pool, out=dg.Out(dg.Nothing))
    @with_resources_of(desk)
    def load_part(
        context: dg.OpExecutionContext,
        config: PartConfig,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> None:
        """Loads a part of the tickets."""
        if config.part is None:
            raise setting_failure(
                "No part is selected, so nothing was requested from the help desk: select all "
                f"partitions of {desk.parts_job} on its page in the Dagster UI. To load every "
                f"ticket in one run, run {desk.sync_job}."
            )
        table = desk.table()
        parts = _parts(months, config.part)
        if parts[0].start is None and help_desk_api.has_undated(table):
            parts.append(Part(UNDATED, is_undated=True))
        for part in parts:
            metadata = load_table(
                context,
                table,
                api=help_desk_api,
                warehouse=help_desk_warehouse,
                run=run_pipeline,
                part=part,
            )
            context.log_event(
                dg.AssetMaterialization(desk.tickets, metadata={**metadata, "part": part.name})
            )

    @dg.job(
        name=desk.parts_job,
        description=(
            "Loads every ticket in parts, with the profile's date_filter. One partition per month "
            f"of creation. Run {desk.verify_parts_job} after all of them."
        ),
        config=dg.PartitionedConfig(
            partitions_def=months,
            run_config_for_partition_key_fn=lambda key: {"ops": {name: {"config": {"part": key}}}},
        ),
    )
    def parts() -> None:
        load_part()

    return parts


def verify_parts_job(desk: HelpDesk) -> dg.JobDefinition:
    """Return the job that verifies the parts of a desk's tickets."""
    months = _months(desk)

    @dg.op(name=f"{desk.name}_verification", pool=desk.pool, out=dg.Out(dg.Nothing))
    @with_resources_of(desk)
    def verify(
        context: dg.OpExecutionContext,
        config: VerifyConfig,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> None:
        """Compares the parts with the API, handles deleted tickets, and checks the table."""
        table = desk.table()
        expected = [part for key in months.get_partition_keys() for part in _parts(months, key)]
        if help_desk_api.has_undated(table):
            expected.append(Part(UNDATED, is_undated=True))
        metadata = PartsVerification(
            context,
            table,
            api=help_desk_api,
            warehouse=help_desk_warehouse,
            run=run_pipeline,
            expected=expected,
            most_age=timedelta(days=config.most_age_days),
        ).verify()
        if rejected := metadata["rows_rejected"]:
            context.log.warning(
                f"{rejected:,} rows could not be loaded: see the reasons in "
                f"{table.dataset}.{table.rejected}."
            )
        context.log_event(dg.AssetMaterialization(desk.tickets, metadata=metadata))
        raise_if_blocked(
            context,
            desk,
            "The parts are verified complete",
            api=help_desk_api,
            warehouse=help_desk_warehouse,
        )

    @dg.job(
        name=desk.verify_parts_job,
        description=(
            f"Verifies that the parts loaded by {desk.parts_job} are all tickets, and handles "
            "deleted tickets."
        ),
    )
    def verification() -> None:
        verify()

    return verification


def _months(desk: HelpDesk) -> dg.MonthlyPartitionsDefinition:
    """Return the months of the parts, including the present one."""
    return dg.MonthlyPartitionsDefinition(start_date=desk.first_month, timezone="UTC", end_offset=1)


def _parts(months: dg.MonthlyPartitionsDefinition, key: str) -> list[Part]:
    """Return the part of a partition; the first one has no start, and the last one no end."""
    window, first = months.time_window_for_partition_key(key), months.get_first_partition_key()
    start, end = (_in_utc(at) for at in (window.start, window.end))
    return [
        Part(
            key,
            None if key == first else start,
            None if end > datetime.now(timezone.utc) else end,
        )
    ]


def _in_utc(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp(), timezone.utc)
