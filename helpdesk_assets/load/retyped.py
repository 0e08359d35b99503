"""Gives columns of an existing table the types of the profile, which may have changed since."""

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from helpdesk_assets.load.protected import types_of
from helpdesk_assets.tables.schema import DUCKDB_TYPES, Table
from helpdesk_assets.tables.times import EPOCHS

TIME = DUCKDB_TYPES["timestamp"]
NUMBERS = (DUCKDB_TYPES["bigint"], DUCKDB_TYPES["double"])


def retype(client: SqlClientBase[Any], table: Table) -> list[str]:
    """Convert the columns whose type in the table is not that of the profile, and return them.

    An earlier version, or an earlier profile, loaded the field as the API sent it: a time as the
    number of its seconds, for example. Values that cannot be converted become null; the full sync
    that follows a changed profile loads them again. Keys are not converted.

    Args:
        client: of the file.
        table: the table, with the columns of its profile.
    """
    stored, converted = types_of(client, table), []
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
        client.execute_sql(
            f"alter table {table.qualified} alter {name} type {wanted} using {value}"
        )
        converted.append(column.name)
    return converted
