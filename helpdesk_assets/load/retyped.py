"""Gives columns of an existing table the types of the profile, which may have changed since."""

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import DUCKDB_TYPES, Table
from helpdesk_assets.tables.stored import stored_columns
from helpdesk_assets.tables.times import EPOCHS

TIME = DUCKDB_TYPES["timestamp"]
NUMBERS = (DUCKDB_TYPES["bigint"], DUCKDB_TYPES["double"])


def retype(connection: DuckDBPyConnection, table: Table) -> list[str]:
    """Convert the columns whose type in the table is not that of the profile, and return them.

    An earlier version, or an earlier profile, loaded the field as the API sent it: a time as the
    number of its seconds, for example. Values that cannot be converted become null; the full sync
    that follows a changed profile loads them again. Keys are not converted.

    The table is replaced, because DuckLake cannot convert a column.

    Args:
        connection: to the destination, in a transaction.
        table: the table, with the columns of its profile.
    """
    stored = stored_columns(connection, table)
    types, converted = {name: kind for name, kind, _ in stored}, {}
    for column in table.columns:
        kind, wanted = types.get(column.name), column.duckdb_type
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
        connection.execute(
            f"create or replace table {table.qualified} as"
            f" select * replace ({', '.join(converted.values())}) from {table.qualified}"
        )
        for column_name, _, is_nullable in stored:
            if not is_nullable:
                connection.execute(
                    f'alter table {table.qualified} alter "{column_name}" set not null'
                )
    return [*converted]
