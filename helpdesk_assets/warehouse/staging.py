"""The staging datasets that dlt merges from: each load has its own, and drops it at its end.

With a shared staging dataset, two loads of a table would truncate it under each other: both would
succeed, but the rows of one of them would be lost.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.tables.stored import stored_columns

# The staging dataset of any load.
ANY_STAGING = re.compile(r"_[a-z0-9_]+_staging_x[0-9a-f]{12}")


def staging_of(dataset: str, run: str) -> str:
    """Return the name of a load's staging dataset, which is not valid for a help desk."""
    return f"_{dataset}_staging_x{run}"


def drop_left_staging(
    connection: DuckDBPyConnection, table: Table, is_alive: Callable[[str], bool]
) -> None:
    """Drop the staging datasets of killed loads.

    Earlier versions shared a staging dataset, which kept the rows of the last load; this table is
    dropped from it.

    Args:
        connection: to the warehouse.
        table: the table that is about to be loaded.
        is_alive: tells whether a run is alive, by the name in its staging dataset.
    """
    left = re.compile(rf"_{table.dataset}_staging_x([0-9a-f]+)")
    for (name,) in connection.execute(
        "select schema_name from information_schema.schemata"
        " where catalog_name = current_database()"
    ).fetchall():
        found = left.fullmatch(name)
        if found and not is_alive(found[1]):
            connection.execute(f"drop schema {name} cascade")
    shared = replace(table, dataset=f"{table.dataset}_staging")
    # A help desk may have a dataset with that name; then its sources have other names.
    if stored_columns(connection, shared) and stored_columns(
        connection, replace(shared, name="_dlt_version")
    ):
        sources = connection.execute(
            f"select distinct schema_name from {shared.dataset}._dlt_version"
        ).fetchall()
        if (table.source,) in sources:
            connection.execute(f"drop table {shared.qualified}")


def drop_all_staging(connection: DuckDBPyConnection) -> None:
    """Drop the staging datasets of all help desks, while no load is in progress."""
    for (name,) in connection.execute(
        "select schema_name from information_schema.schemata"
        " where catalog_name = current_database()"
    ).fetchall():
        if ANY_STAGING.fullmatch(name):
            connection.execute(f"drop schema {name} cascade")
