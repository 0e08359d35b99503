"""One load of a table: read, merge, handle deleted rows, and report metadata."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg

from helpdesk_assets.assets.metadata import (
    LOAD_ID,
    ROWS_WALKED,
    kept,
    loaded,
    table_metadata,
    walk_metadata,
)
from helpdesk_assets.load.deletes import settle_deleted
from helpdesk_assets.load.progress import progress
from helpdesk_assets.load.protected import allow_text, clear_unprotected
from helpdesk_assets.load.reported import marked_before, settle_reported
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.parents import WalkOfWalks
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.columns import MOST_NEW
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.schema import FURTHER, Table
from helpdesk_assets.warehouse.field_names import CustomFields, create_named_view
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

    Raises:
        dg.Failure: nothing was loaded. The message gives the cause and the remedy.
    """
    started = time.perf_counter()
    how, share = api.resolved_deletes(), api.number("deleted_share")
    asked = api.resolved_window(table, window) if window else None
    with (
        api.connection(context.run.run_id, table) as connection,
        warehouse.pipeline(table) as (pipeline, stored),
    ):
        of, changes = TakenOf(*connection.settings.read_from()), connection.settings.changes
        resource = connection.settings.resource
        before: list[list[Any]] = []
        if resource.deleted_rows:
            with warehouse.reader(table.dataset) as reading:
                before = marked_before(reading, connection.settings.table)
        why_all = stored.why_not(of)
        if full_refresh and not window:
            why_all = "full_refresh is set"
        watermark = None if why_all else stored.watermark
        known = watermark.up_to if watermark else None
        if why_all and not window and (changes or parent):
            context.log.info(f"Full sync of {table.name}: {why_all}.")
        cursor = watermark.cursor if watermark else None
        if changes and known and not asked and (cursor or not resource.endpoint.resumes):
            asked = changes.changes(datetime.fromisoformat(known), cursor)
        cleared, is_all = 0, not asked and not (parent and known)
        if of.protection:
            with pipeline.sql_client() as client:
                allow_text(client, connection.settings.table, resource)
        with connection.walk(asked) as walk, progress(walk, context.log.info):
            # DuckDB loads Parquet many times faster than dlt's default insert statements, and with
            # a tenth of the memory.
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
                reported = settle_reported(
                    client,
                    connection.settings.table,
                    values=resource.deleted_rows,
                    load_id=load_id,
                    how=how,
                    before=before,
                )
                if is_all and not stored.is_protected_as(of):
                    cleared = clear_unprotected(
                        client, walk, resource, load_id=load_id, run_id=context.run.run_id
                    )
                # A date range says nothing about the other rows.
                up_to, cursor = (known, cursor) if window else (walk.up_to, walk.cursor)
                keep_watermark(client, table, up_to, of, cursor)
                client.execute_sql(f"drop schema if exists {client.staging_dataset_name} cascade")
                for fields in _custom_fields(connection.settings.profile, table):
                    create_named_view(client, fields)
    for warning in warnings_of(walk):
        context.log.warning(warning)
    if is_all and walk.tables.read and (names := walk.tables.protection.not_found):
        context.log.warning(
            f"No row has {', '.join(map(shown, names))}, which the profile protects under columns: "
            "check that each is the path of a field, or the name of a column."
        )
    if cleared:
        context.log.info(
            f"{cleared:,} rows that this sync did not read were loaded before their columns were "
            "protected: these columns are now null in them."
        )
    about_walk = walk_metadata(walk)
    return {
        **kept(metadata),
        **table_metadata(warehouse, table),
        **about_walk,
        ROWS_WALKED: about_walk[ROWS_WALKED] - reported.removed,
        "rows_loaded": rows_loaded,
        "rows_deleted": gone.rows,
        **({"rows_reported_deleted": reported.rows} if resource.deleted_rows else {}),
        "deletes": gone.how,
        LOAD_ID: load_id,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _custom_fields(profile: Profile, table: Table) -> Iterator[CustomFields]:
    """Yield the custom fields that a table has values or definitions of."""
    for resource in profile.resources:
        named = resource.field_names
        if named and table.name in (resource.name, named.resource):
            yield CustomFields(
                replace(table, name=resource.name),
                path_of(named.values),
                replace(table, name=named.resource),
                named.id,
                named.name,
            )


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
