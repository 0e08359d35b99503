"""The assets: the help desk's API, which others keep, and the tickets loaded from it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import Field

from helpdesk_assets.client.failures import setting_failure
from helpdesk_assets.deletes import settle_deleted
from helpdesk_assets.metadata import LOAD_ID, kept, loaded, table_metadata, walk_metadata
from helpdesk_assets.resources import POOL, HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.schema import QUALIFIED_TABLE, TABLE, expected_columns
from helpdesk_assets.source import source_outline

GROUP = "help_desk"
OWNER = "team:support-data"

TICKETS = dg.AssetKey(TABLE)

help_desk_api = dg.AssetSpec(
    "help_desk_api",
    description="The help desk itself, behind its REST API: where every ticket comes from.",
    group_name=GROUP,
    owners=[OWNER],
    kinds={"api"},
)


class HelpDeskTranslator(DagsterDltTranslator):
    """Says how the source's resources look as Dagster assets."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the asset that a dlt resource is, under the resource's own name."""
        return dg.AssetSpec(
            data.resource.name,
            deps=[help_desk_api],
            description=(
                "Every ticket of the help desk, one row each, merged on `id`: a run updates the "
                "tickets that are there and adds those that are new."
            ),
            group_name=GROUP,
            owners=[OWNER],
            kinds={"dlt", "duckdb"},
            metadata={
                "dagster/table_name": QUALIFIED_TABLE,
                "dagster/column_schema": expected_columns(),
            },
            # Twice and six times as old as the hourly schedule lets it become.
            freshness_policy=dg.FreshnessPolicy.time_window(
                warn_window=timedelta(hours=2), fail_window=timedelta(hours=6)
            ),
        )


TRANSLATOR = HelpDeskTranslator()


class SyncConfig(dg.Config):
    """How a single run is to differ from what is configured."""

    full_refresh: bool = Field(
        default=False,
        description=(
            "Read every ticket, also where sources.help_desk.incremental asks for changes only."
        ),
    )
    start: str | None = Field(
        default=None,
        description=(
            "Read the tickets of a time alone, from here on: a date or a time in ISO 8601, in UTC "
            "where it does not say. By the date_filter of the profile."
        ),
    )
    end: str | None = Field(
        default=None, description="The end of that time, which does not belong to it."
    )

    def window(self) -> tuple[str, str] | None:
        """Return start and end; None without. Raises dg.Failure when one of them is missing."""
        if self.start is None and self.end is None:
            return None
        if self.start is None or self.end is None:
            raise setting_failure(
                "The time to load has a start or an end only: set both in the run's configuration, "
                "such as start: 2026-01-01 and end: 2026-02-01, or neither."
            )
        return self.start, self.end


@dlt_assets(
    name=TABLE,
    dlt_source=source_outline(),
    # Each run makes a pipeline of its own; one made here would make its folder at import.
    dlt_pipeline=cast(dlt.Pipeline, None),
    dagster_dlt_translator=TRANSLATOR,
    pool=POOL,
)
def help_desk_tickets(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    dlt: DagsterDltResource,
    help_desk_api: HelpDeskApi,
    help_desk_warehouse: HelpDeskWarehouse,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Load every ticket of the help desk and merge it into the table."""
    started = time.perf_counter()
    how, share = help_desk_api.resolved_deletes(), help_desk_api.number("deleted_share")
    with (
        help_desk_api.source(
            context.run.run_id, full_refresh=config.full_refresh, window=config.window()
        ) as (source, walk),
        help_desk_warehouse.pipeline() as pipeline,
    ):
        results = list(
            dlt.run(
                context=context,
                dlt_source=source,
                dlt_pipeline=pipeline,
                dagster_dlt_translator=TRANSLATOR,
                # DuckDB reads these many times faster, and in a tenth of the memory, than the
                # insert statements that dlt writes for it by default.
                loader_file_format="parquet",
            )
        )
        rows_loaded, load_id = loaded(pipeline)
        with pipeline.sql_client() as client:
            gone = settle_deleted(client, walk, load_id=load_id, how=how, share=share)
    metadata = {
        **table_metadata(help_desk_warehouse),
        **walk_metadata(walk),
        "rows_loaded": rows_loaded,
        "rows_deleted": gone.rows,
        "deletes": gone.how,
        LOAD_ID: load_id,
        "seconds": round(time.perf_counter() - started, 3),
    }
    for result in results:
        yield dg.MaterializeResult(
            asset_key=result.asset_key, metadata={**kept(result.metadata), **metadata}
        )
