"""What a table was last loaded up to, kept beside it in its dataset.

It is good for the table that it was taken with, and for the list of the API that it was taken of.
Where one of them is another, the next load reads every row.
"""

from dataclasses import dataclass, replace
from typing import Any

import duckdb
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.sql_client import SqlClientBase

from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.file import stored_columns

KEPT_IN = "_watermarks"
COLUMNS = {
    "table_name": "varchar",
    "up_to": "varchar",
    "address": "varchar",
    "profile": "varchar",
    "row_count": "bigint",
    "load_id": "varchar",
}


@dataclass(frozen=True)
class TakenOf:
    """The list of an API that a watermark is of, as hashes: an address may hold a secret.

    Attributes:
        address: of the base URL.
        profile: of what the profile says of the list.
    """

    address: str
    profile: str


@dataclass(frozen=True)
class Watermark:
    """What a table was loaded up to.

    Attributes:
        up_to: of a list, when its last complete walk began, in ISO 8601; of lists by parent, the
            newest load of the parents' table.
        of: what it was taken of.
        row_count: how many rows the table had then.
        load_id: its newest load then.
    """

    up_to: str
    of: TakenOf
    row_count: int
    load_id: str


@dataclass(frozen=True)
class Stored:
    """A table as a load finds it.

    Attributes:
        row_count: how many rows it has.
        load_id: its newest load; empty without one.
        watermark: what it was loaded up to; None where that is not known.
    """

    row_count: int = 0
    load_id: str = ""
    watermark: Watermark | None = None

    def why_not(self, of: TakenOf) -> str | None:
        """Say why the watermark is not good for a list of the API; None where it is."""
        known = self.watermark
        if known is None:
            return "no complete sync of it is on record"
        if known.of.address != of.address:
            return "the last complete sync was of another base URL"
        if known.of.profile != of.profile:
            return "the profile has changed since the last complete sync"
        if not self.row_count:
            return "the table is empty"
        if self.row_count < known.row_count:
            return f"the table has {self.row_count:,} rows, and had {known.row_count:,}"
        if self.load_id != known.load_id:
            return "something else has written to the table since the last complete sync"
        return None


def stored(connection: duckdb.DuckDBPyConnection, table: Table) -> Stored:
    """Return a table as it is, with what it was last loaded up to."""
    columns = [name for name, _, _ in stored_columns(connection, table)]
    if C_DLT_LOAD_ID not in columns:
        return Stored()
    ((row_count, load_id),) = connection.execute(_state(table)).fetchall()
    found: list[tuple[Any, ...]] = []
    if stored_columns(connection, replace(table, name=KEPT_IN)):
        found = connection.execute(
            f"select {', '.join(COLUMNS)} from {table.dataset}.{KEPT_IN} where table_name = ?",
            [table.name],
        ).fetchall()
    kept = [
        Watermark(up_to, TakenOf(address, profile), rows, newest)
        for _, up_to, address, profile, rows, newest in found
    ]
    return Stored(row_count, load_id, kept[0] if kept else None)


def keep_watermark(
    client: SqlClientBase[Any], table: Table, up_to: str | None, of: TakenOf
) -> None:
    """Keep what a table has now been loaded up to; None forgets it.

    Args:
        client: of the file, in a transaction after the load.
        table: as it was loaded.
        up_to: see Watermark.
        of: what was read.
    """
    kept_in = f"{table.dataset}.{KEPT_IN}"
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    client.execute_sql(f"create table if not exists {kept_in} ({columns})")
    client.execute_sql(f"delete from {kept_in} where table_name = ?", table.name)
    if up_to is not None:
        ((row_count, load_id),) = client.execute_sql(_state(table)) or [(0, "")]
        values = (table.name, up_to, of.address, of.profile, row_count, load_id)
        client.execute_sql(f"insert into {kept_in} values (?, ?, ?, ?, ?, ?)", *values)


def _state(table: Table) -> str:
    return f"select count(*), coalesce(max(_dlt_load_id), '') from {table.qualified}"
