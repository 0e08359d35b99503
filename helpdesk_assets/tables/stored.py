"""The columns that a table has in the destination."""

from contextlib import suppress

import duckdb

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import Table


def stored_columns(connection: DuckDBPyConnection, table: Table) -> list[tuple[str, str, bool]]:
    """Return name, DuckDB type and nullability of each column that a table or view has.

    In the order of the table; empty if it does not exist. In a transaction, use types_of for tables
    that may not exist: DuckDB would abort the transaction.
    """
    # Unlike this function, a list of columns, such as information_schema.columns, makes a new
    # connection create all of DuckDB's own views, which takes as long as opening the file.
    with suppress(duckdb.CatalogException):
        return connection.execute(
            'select name, type, not "notnull" from pragma_table_info(?)',
            [f'"{table.dataset}"."{table.name}"'],
        ).fetchall()
    return []


def types_of(connection: DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Return DuckDB's types of a table's columns, by name; empty if it does not exist."""
    found = connection.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?"
        " order by ordinal_position",
        [table.dataset, table.name],
    ).fetchall()
    return {str(name): str(kind) for name, kind in found}
