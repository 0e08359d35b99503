"""One load of a table, as a run does it: read, merged, deleted rows handled, and described."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from helpdesk_assets.assets.metadata import (
    LOAD_ID,
    kept,
    loaded,
    table_metadata,
    walk_metadata,
)
from helpdesk_assets.load.deletes import settle_deleted
from helpdesk_assets.load.progress import progress
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.tables.schema import Table


def load_table(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    table: Table,
    *,
    api: HelpDeskApi,
    warehouse: HelpDeskWarehouse,
    run: Callable[..., Any],
    parent: Table | None = None,
    full_refresh: bool = False,
    window: tuple[str, str] | None = None,
) -> Mapping[str, Any]:
    """Load a list of the help desk into its table, and return the metadata of what came of it.

    Args:
        context: of the run.
        table: what is loaded.
        api: where the rows come from.
        warehouse: where they go.
        run: runs a dlt source with a pipeline and dlt's own options; returns metadata of its own.
        parent: the table by whose rows the list is asked for; None where it is one list.
        full_refresh: read every row, also where the API can say what has changed.
        window: start and end of a date range, in ISO 8601.

    Raises:
        dg.Failure: nothing was loaded; says why, and what to do.
    """
    started = time.perf_counter()
    how, share = api.resolved_deletes(), api.number("deleted_share")

    def parents(since: str) -> tuple[list[Any], str]:
        return warehouse.ids_since(parent or table, "" if full_refresh else since)

    with (
        api.source(
            context.run.run_id,
            table,
            full_refresh=full_refresh,
            window=window,
            parents=parents if parent else None,
        ) as (source, walk),
        warehouse.pipeline(table) as pipeline,
        progress(walk, context.log.info),
    ):
        # DuckDB reads Parquet many times faster, and in a tenth of the memory, than the insert
        # statements that dlt writes for it by default.
        metadata = run(source, pipeline, loader_file_format="parquet")
        rows_loaded, load_id = loaded(pipeline, table)
        with pipeline.sql_client() as client:
            gone = settle_deleted(client, walk, load_id=load_id, how=how, share=share)
    return {
        **kept(metadata),
        **table_metadata(warehouse, table),
        **walk_metadata(walk),
        "rows_loaded": rows_loaded,
        "rows_deleted": gone.rows,
        "deletes": gone.how,
        LOAD_ID: load_id,
        "seconds": round(time.perf_counter() - started, 3),
    }
