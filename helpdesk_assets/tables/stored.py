"""The columns that a table has in the destination."""

import duckdb

from helpdesk_assets.tables.schema import Table


def stored_columns(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> list[tuple[str, str, bool]]:
    """Return name, DuckDB type and nullability of each column that the table has in the file.

    In the order of the table; empty if the table does not exist.
    """
    return connection.execute(
        "select column_name, data_type, is_nullable = 'YES' from information_schema.columns"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?"
        " order by ordinal_position",
        [table.dataset, table.name],
    ).fetchall()


def types_of(connection: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Return DuckDB's types of a table's columns, by name; empty if the table does not exist."""
    return {name: kind for name, kind, _ in stored_columns(connection, table)}
