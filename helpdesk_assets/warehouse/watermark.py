"""The watermarks of tables, stored in their dataset.

A watermark is valid for the table and the API's list that it was recorded with. If one of them has
changed, the next load reads every row.
"""

from dataclasses import dataclass, replace
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.tables.stored import stored_columns

KEPT_IN = "_watermarks"
COLUMNS = {
    "table_name": "varchar",
    "up_to": "varchar",
    "address": "varchar",
    "profile": "varchar",
    "row_count": "bigint",
    "load_id": "varchar",
    "next_cursor": "varchar",
}


@dataclass(frozen=True)
class TakenOf:
    """The list that a watermark belongs to, as hashes, because a base URL may contain a secret.

    Attributes:
        address: hash of the base URL.
        profile: hash of the list's description in the profile; if the list has protected columns,
            followed by a hyphen and their fingerprint.
    """

    address: str
    profile: str

    @property
    def protection(self) -> str:
        """The fingerprint of its protected columns; empty if there are none."""
        return self.profile.partition("-")[2]


@dataclass(frozen=True)
class Watermark:
    """What a table was loaded up to.

    Attributes:
        up_to: when the last complete sync began, in ISO 8601; for lists by parent, the newest load
            of the parent table.
        of: the list that it belongs to.
        row_count: the number of rows in the table at that time.
        load_id: the newest load of the table at that time.
        cursor: the last cursor, of an export that is continued there; otherwise None.
    """

    up_to: str
    of: TakenOf
    row_count: int
    load_id: str
    cursor: str | None = None


@dataclass(frozen=True)
class Stored:
    """The state of a table before a load.

    Attributes:
        row_count: the number of rows.
        load_id: the newest load; empty without one.
        watermark: the watermark; None if there is none.
    """

    row_count: int = 0
    load_id: str = ""
    watermark: Watermark | None = None

    def is_protected_as(self, of: TakenOf) -> bool:
        """Return whether all rows were loaded with the protected columns of a list, if any."""
        protection = self.watermark.of.protection if self.watermark else ""
        return not of.protection or protection == of.protection

    def why_invalid(self, of: TakenOf) -> str | None:
        """Return why the watermark is not valid for a list; None if it is."""
        known = self.watermark
        if known is None:
            return "no complete sync is recorded"
        if known.of.address != of.address:
            return "the last complete sync used another base URL"
        if known.of.profile != of.profile:
            is_described_alike = known.of.profile.partition("-")[0] == of.profile.partition("-")[0]
            what = "hash key" if is_described_alike else "profile"
            return f"the {what} has changed since the last complete sync"
        if not self.row_count:
            return "the table is empty"
        if self.row_count < known.row_count:
            return f"the table has {self.row_count:,} rows instead of {known.row_count:,}"
        if self.load_id != known.load_id:
            return "something else has written to the table since the last complete sync"
        return None


def stored(connection: DuckDBPyConnection, table: Table) -> Stored:
    """Return the state of a table, with its watermark."""
    columns = [name for name, _, _ in stored_columns(connection, table)]
    if C_DLT_LOAD_ID not in columns:
        return Stored()
    ((row_count, load_id),) = connection.execute(state(table)).fetchall()
    found: list[tuple[Any, ...]] = []
    there = {name for name, _, _ in stored_columns(connection, replace(table, name=KEPT_IN))}
    if there:
        # Earlier versions stored no cursor.
        listed = ", ".join(name if name in there else "null" for name in COLUMNS)
        found = connection.execute(
            f"select {listed} from {table.dataset}.{KEPT_IN} where table_name = ?",
            [table.name],
        ).fetchall()
    kept = [
        Watermark(up_to, TakenOf(address, profile), rows, newest, cursor)
        for _, up_to, address, profile, rows, newest, cursor in found
    ]
    return Stored(row_count, load_id, kept[0] if kept else None)


def keep_watermark(
    connection: DuckDBPyConnection,
    table: Table,
    up_to: str | None,
    of: TakenOf,
    cursor: str | None = None,
) -> None:
    """Store the watermark of a table after a load; None deletes it.

    Args:
        connection: to the file, in a transaction after the load.
        table: the loaded table.
        up_to: see Watermark.
        of: the list that was read.
        cursor: the last cursor of an export.
    """
    kept_in = f"{table.dataset}.{KEPT_IN}"
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"create table if not exists {kept_in} ({columns})")
    connection.execute(f"alter table {kept_in} add column if not exists next_cursor varchar")
    connection.execute(f"delete from {kept_in} where table_name = ?", [table.name])
    if up_to is not None:
        ((row_count, load_id),) = connection.execute(state(table)).fetchall()
        values = (table.name, up_to, of.address, of.profile, row_count, load_id, cursor)
        connection.execute(
            f"insert into {kept_in} ({', '.join(COLUMNS)}) values (?, ?, ?, ?, ?, ?, ?)", values
        )


def state(table: Table) -> str:
    """Return the query for the number of rows in a table, and for its newest load."""
    return f"select count(*), coalesce(max(_dlt_load_id), '') from {table.qualified}"
