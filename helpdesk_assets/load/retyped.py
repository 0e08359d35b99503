"""Gives columns of an existing table the types of the profile, which may have changed since."""

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from helpdesk_assets.load.protected import types_of
from helpdesk_assets.tables.schema import DUCKDB_TYPES, Table
from helpdesk_assets.tables.times import EPOCHS

TIME = DUCKDB_TYPES["timestamp"]
NOT_NULL = (
    "select column_name from information_schema.columns where table_catalog = current_database()"
    " and table_schema = ? and table_name = ? and is_nullable = 'NO'"
)
NUMBERS = (DUCKDB_TYPES["bigint"], DUCKDB_TYPES["double"])


def retype(client: SqlClientBase[Any], table: Table) -> list[str]:
    """Convert the columns whose type in the table is not that of the profile, and return them.

    An earlier version, or an earlier profile, loaded the field as the API sent it: a time as the
    number of its seconds, for example. Values that cannot be converted become null; the full sync
    that follows a changed profile loads them again. Keys are not converted.

    The table is replaced, because DuckLake cannot convert a column.

    Args:
        client: in a transaction.
        table: the table, with the columns of its profile.
    """
    stored, converted = types_of(client, table), {}
    for column in table.columns:
        kind, wanted = stored.get(column.name), column.duckdb_type
        if kind is None or kind == wanted or column.primary_key:
            continue
        name = f'"{column.name}"'
        value = f"try_cast({name} as {wanted})"
        if wanted == TIME and kind in NUMBERS:
            value = f"to_timestamp({name} / {EPOCHS.get(table.times.format, 1)})"
        elif kind == TIME and wanted in NUMBERS:
            value = f"try_cast(epoch({name}) as {wanted})"
        converted[column.name] = f"{value} as {name}"
    if converted:
        needed = client.execute_sql(NOT_NULL, table.dataset, table.name) or []
        client.execute_sql(
            f"create or replace table {table.qualified} as"
            f" select * replace ({', '.join(converted.values())}) from {table.qualified}"
        )
        for (name,) in needed:
            client.execute_sql(f'alter table {table.qualified} alter "{name}" set not null')
    return [*converted]
