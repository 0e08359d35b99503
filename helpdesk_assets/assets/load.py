"""One load of a table, as a run does it: read, merged, deleted rows handled, and described."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
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
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.parents import WalkOfWalks
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.tables.columns import MOST_NEW
from helpdesk_assets.tables.schema import FURTHER, Table
from helpdesk_assets.warehouse.watermark import TakenOf, keep_watermark


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
    asked = api.resolved_window(table, window) if window else None
    with (
        api.connection(context.run.run_id, table) as connection,
        warehouse.pipeline(table) as (pipeline, stored),
    ):
        of, changes = TakenOf(*connection.settings.read_from()), connection.settings.changes
        why_all = stored.why_not(of)
        if full_refresh and not window:
            why_all = "full_refresh is set"
        known = stored.watermark.up_to if stored.watermark and not why_all else None
        if why_all and not window and (changes or parent):
            context.log.info(f"Every row of {table.name} is read: {why_all}.")
        if changes and known and not asked:
            asked = changes.changes(datetime.fromisoformat(known))
        with connection.walk(asked) as walk, progress(walk, context.log.info):
            # DuckDB reads Parquet many times faster, and in a tenth of the memory, than the insert
            # statements that dlt writes for it by default.
            metadata = run(
                connection.source(walk, partial(warehouse.ids_since, parent, known or ""))
                if parent
                else connection.source(walk),
                pipeline,
                loader_file_format="parquet",
            )
            rows_loaded, load_id = loaded(pipeline, table)
            with pipeline.sql_client() as client, client.begin_transaction():
                gone = settle_deleted(client, walk, load_id=load_id, how=how, share=share)
                # The rows of a time tell nothing of the others.
                keep_watermark(client, table, known if window else walk.up_to, of)
                client.execute_sql(f"drop schema if exists {client.staging_dataset_name} cascade")
    for warning in warnings_of(walk):
        context.log.warning(warning)
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


def warnings_of(walk: Walk) -> Iterator[str]:
    """Yield what is to be known of a load that succeeded."""
    tables, read = walk.tables, walk.reader.walk
    if tables.zoneless:
        yield (
            f"The times in {', '.join(tables.zoneless)} do not say their time zone, and are "
            "read as UTC: set time_zone in the profile to the one they are of."
        )
    if tables.beyond:
        yield (
            f"{tables.beyond:,} new fields have no column of their own, as a load makes at most "
            f"{MOST_NEW:,}: their values are in the column {FURTHER}, as JSON. Leave out those "
            "that are not wanted by exclude in the profile."
        )
    if isinstance(read, WalkOfWalks) and read.parents_refused:
        yield (
            f"The key may not read {walk.table.name} of {read.parents_refused:,} of {read.of:,} "
            f"{walk.parent} (HTTP 403): what was loaded of them before stays as it was."
        )
