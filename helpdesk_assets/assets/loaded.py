"""The assets: the help desk's API, which others keep, and the tables loaded from it."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, cast

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import Field

from helpdesk_assets.assets.metadata import (
    LOAD_ID,
    code_references,
    kept,
    loaded,
    table_metadata,
    walk_metadata,
)
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.deletes import settle_deleted
from helpdesk_assets.load.progress import progress
from helpdesk_assets.load.source import source_outline
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.tables.schema import TABLE, Table
from helpdesk_assets.warehouse.pool import POOL

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
    """Says how a table looks as a Dagster asset.

    Args:
        table: the table.
        parent: the table by whose rows it is asked for; None where it is one list.
    """

    def __init__(self, table: Table, parent: str | None) -> None:
        self._table = table
        self._parent = parent

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the asset that a dlt resource is, under the resource's own name."""
        name = data.resource.name
        what = "ticket" if name == TABLE else f"row of `{name}`"
        whose = f", asked for by the rows of `{self._parent}`" if self._parent else ""
        return dg.AssetSpec(
            name,
            deps=[help_desk_api, *([self._parent] if self._parent else [])],
            description=(
                f"Every {what} of the help desk{whose}, one row each, merged on `id`: a run "
                "updates the rows that are there and adds those that are new."
            ),
            group_name=GROUP,
            owners=[OWNER],
            kinds={"dlt", "duckdb"},
            tags={"help_desk/layer": "loaded"},
            metadata={
                "dagster/table_name": self._table.qualified,
                "dagster/column_schema": self._table.expected(),
                **code_references(__file__, loaded_table.__code__.co_firstlineno),
            },
            # Twice and six times as old as the hourly schedule lets it become.
            freshness_policy=dg.FreshnessPolicy.time_window(
                warn_window=timedelta(hours=2), fail_window=timedelta(hours=6)
            ),
        )


class SyncConfig(dg.Config):
    """How a single run is to differ from what is configured."""

    full_refresh: bool = Field(
        default=False,
        description=("Read every row, also where only those that have changed would be asked for."),
    )
    start: str | None = Field(
        default=None,
        description=(
            "Read the rows of a time alone, from here on: a date or a time in ISO 8601, in UTC "
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


def loaded_table(
    table: Table | None = None, parent: str | None = None, beside: Sequence[str] = (TABLE,)
) -> dg.AssetsDefinition:
    """Return the asset that is a table loaded from the API.

    Args:
        table: the table; by default, that of the tickets.
        parent: the table by whose rows it is asked for; None where it is one list.
        beside: the tables that are assets, itself among them.
    """
    table = table or Table()
    translator = HelpDeskTranslator(table, parent)

    @dlt_assets(
        name=table.name,
        dlt_source=source_outline(table.name),
        # Each run makes a pipeline of its own; one made here would make its folder at import.
        dlt_pipeline=cast(dlt.Pipeline, None),
        dagster_dlt_translator=translator,
        pool=POOL,
    )
    def load(
        context: dg.AssetExecutionContext,
        config: SyncConfig,
        dlt: DagsterDltResource,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Load every row of a list of the help desk and merge it into its table."""
        started = time.perf_counter()
        how, share = help_desk_api.resolved_deletes(), help_desk_api.number("deleted_share")
        profile = help_desk_api.resolved_profile()
        unknown = [each.name for each in profile.resources if each.name not in beside]
        if unknown:
            context.log.warning(
                f"The profile {profile.name} lists {', '.join(unknown)} too, which Dagster did not "
                "know when it loaded its definitions: set SOURCES__HELP_DESK__PROFILE in its "
                "environment, where it looks for it then."
            )

        def parents(since: str) -> tuple[list[Any], str]:
            since = "" if config.full_refresh else since
            return help_desk_warehouse.ids_since(str(parent), since)

        with (
            help_desk_api.source(
                context.run.run_id,
                table.name,
                full_refresh=config.full_refresh,
                window=config.window(),
                parents=parents if parent else None,
            ) as (source, walk),
            help_desk_warehouse.pipeline(table.name) as pipeline,
            progress(walk, context.log.info),
        ):
            results = list(
                dlt.run(
                    context=context,
                    dlt_source=source,
                    dlt_pipeline=pipeline,
                    dagster_dlt_translator=translator,
                    # DuckDB reads these many times faster, and in a tenth of the memory, than the
                    # insert statements that dlt writes for it by default.
                    loader_file_format="parquet",
                )
            )
            rows_loaded, load_id = loaded(pipeline, table)
            with pipeline.sql_client() as client:
                gone = settle_deleted(client, walk, load_id=load_id, how=how, share=share)
        metadata = {
            **table_metadata(help_desk_warehouse, table),
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

    return load
