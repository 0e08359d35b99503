"""Handles tables and columns that were dropped from the file without dlt's knowledge."""

import json
from dataclasses import replace

from dlt.common.schema.typing import (
    C_DLT_LOAD_ID,
    LOADS_TABLE_NAME,
    PIPELINE_STATE_TABLE_NAME,
    VERSION_TABLE_NAME,
)

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import UNCHANGED, setting_failure
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.tables.stored import stored_columns
from helpdesk_assets.warehouse.parts import PARTS
from helpdesk_assets.warehouse.passes import PASSES
from helpdesk_assets.warehouse.watermark import KEPT_IN

OF_DLT = (VERSION_TABLE_NAME, LOADS_TABLE_NAME, PIPELINE_STATE_TABLE_NAME)


def forget_what_is_lost(connection: DuckDBPyConnection, table: Table) -> None:
    """Make the next load recreate what was dropped: a table, columns, or dlt's own tables.

    dlt compares its schema with the file only if the schema is new to it, so the stored schema is
    deleted. If rows have lost values, the watermark, an unfinished pass and the parts of a full
    sync are deleted, too, so that all rows are read.

    Raises:
        dg.Failure: the table has lost a column that is required for merging.
    """
    columns = {name for name, _, _ in stored_columns(connection, table)}
    there = [name for name in OF_DLT if stored_columns(connection, replace(table, name=name))]
    if VERSION_TABLE_NAME not in there:
        return
    if not columns:
        _forget(connection, table, VERSION_TABLE_NAME, "schema_name", table.source)
        if PIPELINE_STATE_TABLE_NAME in there:
            _forget(connection, table, PIPELINE_STATE_TABLE_NAME, "pipeline_name", table.source)
        return
    lost = _known_columns(connection, table) - columns
    if needed := sorted(lost.intersection({*table.key, C_DLT_LOAD_ID})):
        raise setting_failure(
            f"The table {table.qualified} has lost its column {', '.join(needed)}, which is "
            "required for merging: back up what you need from it, run drop table "
            f"{table.qualified}, and run again to reload it. {UNCHANGED}"
        )
    if lost or len(there) < len(OF_DLT):
        _forget(connection, table, VERSION_TABLE_NAME, "schema_name", table.source)
    for kept_in in (KEPT_IN, PASSES, PARTS):
        if lost and stored_columns(connection, replace(table, name=kept_in)):
            _forget(connection, table, kept_in, "table_name", table.name)


def _known_columns(connection: DuckDBPyConnection, table: Table) -> set[str]:
    """Return the columns of the table in dlt's newest schema."""
    found = connection.execute(
        f"select schema from {table.dataset}.{VERSION_TABLE_NAME} where schema_name = ?"
        " order by inserted_at desc limit 1",
        [table.source],
    ).fetchall()
    tables = json.loads(found[0][0])["tables"] if found else {}
    known = tables.get(table.name, {}).get("columns", {})
    return {name for name, column in known.items() if column.get("data_type")}


def _forget(
    connection: DuckDBPyConnection, table: Table, kept_in: str, named: str, name: str
) -> None:
    connection.execute(f"delete from {table.dataset}.{kept_in} where {named} = ?", [name])
