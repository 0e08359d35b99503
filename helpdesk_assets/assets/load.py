"""One load of a table: read, merge, handle deleted rows, and report metadata."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg
import dlt

from helpdesk_assets.assets.by_parent import ListsByParent, Since
from helpdesk_assets.assets.metadata import kept, walk_metadata
from helpdesk_assets.assets.rate import requests_per_second
from helpdesk_assets.assets.settling import Settling
from helpdesk_assets.assets.single_list import SingleList
from helpdesk_assets.load.entries import LOAD_ID, ROWS_OF_OTHERS, ROWS_STORED, ROWS_WALKED
from helpdesk_assets.load.progress import progress
from helpdesk_assets.load.retyped import retype
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.portions import WalkOfWalks
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.schema import FURTHER, MOST_NEW, Table
from helpdesk_assets.warehouse.parts import Part
from helpdesk_assets.warehouse.watermark import TakenOf


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
    part: Part | None = None,
) -> Mapping[str, Any]:
    """Load a list of the help desk into its table, and return the metadata of the load.

    Args:
        context: of the run.
        table: the table to load.
        api: the source of the rows.
        warehouse: the destination of the rows.
        run: runs a dlt source with a pipeline and dlt options, and returns its metadata.
        parent: the parent table if the list is requested for each of its rows, otherwise None.
        full_refresh: read every row, even with incremental loading.
        window: start and end of a date range, in ISO 8601.
        part: the part of a full sync to load; it is stored with its load.

    Raises:
        dg.Failure: nothing was loaded. The message gives the cause and the remedy.
    """
    started = time.perf_counter()
    how, share = api.resolved_deletes(), api.number("deleted_share")
    asked = api.resolved_window(table, window) if window else None
    if part:
        asked = api.resolved_part(table, part)
    lists = ListsByParent(context, table, parent, warehouse=warehouse, run=run) if parent else None
    single = SingleList(context, table, warehouse=warehouse, run=run)
    try:
        with (
            api.connection(
                context.run.run_id,
                table,
                per_second=requests_per_second(context, table, api=api, warehouse=warehouse),
            ) as connection,
            warehouse.loading(table, is_window=bool(window or part)) as load,
        ):
            of, changes = TakenOf(*connection.settings.read_from()), connection.settings.changes
            resource, stored = connection.settings.resource, load.stored
            full_sync_reason = stored.why_invalid(of)
            if full_refresh and not asked:
                full_sync_reason = "full_refresh is set"
            watermark = None if full_sync_reason else stored.watermark
            known = watermark.up_to if watermark else None
            cursor = watermark.cursor if watermark else None
            if changes and known and not asked and (cursor or not resource.endpoint.resumes):
                asked = changes.changes(datetime.fromisoformat(known), cursor)
            checkpoint = None
            if resource.endpoint.is_sliced and not (lists or asked):
                checkpoint = single.interrupted_at(of, is_asked_for=full_refresh)
            if full_sync_reason and not asked and changes and not checkpoint:
                context.log.info(f"Full sync of {table.name}: {full_sync_reason}.")
            if full_sync_reason and stored.row_count:
                converted = load.settled(partial(retype, table=connection.settings.table))
                if converted:
                    context.log.info(
                        f"The profile has other types for {', '.join(converted)} than the table: "
                        "these columns were converted."
                    )
            settle = Settling(
                settings=connection.settings,
                warehouse=warehouse,
                how=how,
                share=share,
                run_id=context.run.run_id,
                staging=load.staging,
                is_protected=stored.is_protected_as(of),
            )
            with (
                connection.walk(asked, checkpoint) as walk,
                progress(walk, context.log.info),
            ):
                if lists:
                    since = Since(known or "", full_sync_reason, full_refresh)
                    outcome = lists.load(connection, walk, load, since, settle)
                else:
                    outcome = single.load(
                        connection, walk, load, settle, known=watermark, part=part
                    )
    except dg.Failure as failure:
        raise (lists or single).with_progress(failure) from None
    for warning in warnings_of(walk):
        context.log.warning(warning)
    is_whole = outcome.reads_all and not outcome.is_continued
    if is_whole and walk.tables.read and (names := walk.tables.protection.not_found):
        context.log.warning(
            f"No row has {', '.join(map(shown, names))}, which the profile protects under columns: "
            "check that each is the path of a field, or the name of a column."
        )
    if outcome.cleared:
        context.log.info(
            f"{outcome.cleared:,} rows that this sync did not read were loaded before their "
            "columns were protected: these columns are now null in them."
        )
    about_walk = walk_metadata(walk)
    return {
        **kept(outcome.metadata),
        **outcome.table,
        **warehouse.place(table.dataset).metadata,
        **about_walk,
        ROWS_WALKED: about_walk[ROWS_WALKED] - outcome.removed + outcome.rows_before,
        "rows_loaded": outcome.rows_loaded,
        "rows_deleted": outcome.rows_deleted,
        **({"rows_reported_deleted": outcome.reported} if resource.deleted_rows else {}),
        "deletes": outcome.deletes,
        **({"portions": len(outcome.load_ids)} if lists or len(outcome.load_ids) > 1 else {}),
        LOAD_ID: ",".join(filter(None, outcome.load_ids)),
        **(
            {} if lists else {ROWS_STORED: outcome.rows_stored, ROWS_OF_OTHERS: outcome.rows_others}
        ),
        "seconds": round(time.perf_counter() - started, 3),
    }


def run_pipeline(source: Any, pipeline: dlt.Pipeline, **options: Any) -> Mapping[str, Any]:
    """Run a source with a pipeline, for load_table; there is no metadata."""
    pipeline.run(source, **options).raise_on_failed_jobs()
    return {}


def warnings_of(walk: Walk) -> Iterator[str]:
    """Yield the warnings about a successful load."""
    tables, read = walk.tables, walk.reader.walk
    if tables.zoneless:
        yield (
            f"The times in {', '.join(tables.zoneless)} have no time zone and are read as UTC: "
            "set time_zone in the profile to their time zone."
        )
    if tables.beyond:
        yield (
            f"{tables.beyond:,} new fields have no column of their own, because a load adds at "
            f"most {MOST_NEW:,}: their values are stored as JSON in the column {FURTHER}. Use "
            "exclude in the profile to skip fields that you do not need."
        )
    if isinstance(read, WalkOfWalks) and read.parents_refused:
        yield (
            f"The API key has no access to {walk.table.name} of {read.parents_refused:,} of "
            f"{read.of:,} {walk.parent} (HTTP 403): their rows from earlier loads are unchanged."
        )
