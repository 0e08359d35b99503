"""The staging datasets that dlt merges from: each load has its own, and none outlives it.

Were it shared, two loads of a table would empty it under each other; both would end well, and the
rows of one of them would be in no table.
"""

import re
from collections.abc import Collection
from dataclasses import replace

import duckdb

from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.file import stored_columns


def staging_of(dataset: str, run: str) -> str:
    """Return the name of the staging dataset of a load; no help desk has a dataset called so."""
    return f"_{dataset}_staging_x{run}"


def drop_left_staging(
    connection: duckdb.DuckDBPyConnection, table: Table, alive: Collection[str]
) -> None:
    """Drop what loads that were killed have left of their staging datasets.

    Loads of versions before this one shared a staging dataset, where the last load's rows stayed;
    this table's are dropped from it.

    Args:
        connection: to the DuckDB file.
        table: which is about to be loaded.
        alive: the runs that are at work.
    """
    left = re.compile(rf"_{table.dataset}_staging_x([0-9a-f]{{12}})")
    for (name,) in connection.execute(
        "select schema_name from information_schema.schemata"
        " where catalog_name = current_database()"
    ).fetchall():
        found = left.fullmatch(name)
        if found and found[1] not in alive:
            connection.execute(f"drop schema {name} cascade")
    shared = replace(table, dataset=f"{table.dataset}_staging")
    # A help desk may have a dataset that is called so; then its sources are called otherwise.
    if stored_columns(connection, shared) and stored_columns(
        connection, replace(shared, name="_dlt_version")
    ):
        sources = connection.execute(
            f"select distinct schema_name from {shared.dataset}._dlt_version"
        ).fetchall()
        if (table.source,) in sources:
            connection.execute(f"drop table {shared.qualified}")
