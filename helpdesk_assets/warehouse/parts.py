"""The loaded parts of a full sync, stored in the dataset of the table until they are verified.

A part is a date range of a list. With it are stored the keys of its rows, so that the rows of all
parts can be counted, even if something else has loaded some of them again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import DELETED_AT, Table
from helpdesk_assets.tables.stored import types_of
from helpdesk_assets.warehouse.watermark import TakenOf

PARTS, PART_KEYS = "_parts", "_part_keys"
COLUMNS = {
    "table_name": "varchar",
    "part": "varchar",
    "start_at": "varchar",
    "end_at": "varchar",
    "is_undated": "boolean",
    "row_count": "bigint",
    "without_key": "bigint",
    "rejected_without_key": "bigint",
    "began": "varchar",
    "address": "varchar",
    "profile": "varchar",
    "load_id": "varchar",
    "replaced_loads": "varchar",
    "run_id": "varchar",
}
KEY_COLUMNS = {
    "table_name": "varchar",
    "part": "varchar",
    "row_key": "varchar",
    "is_rejected": "boolean",
}


@dataclass(frozen=True)
class Part:
    """A part of a list: a date range, or the rows without a date.

    Attributes:
        name: its name, which is that of its partition, if it has one.
        start: inclusive; None: from any time on.
        end: exclusive; None: there is none.
        is_undated: whether it has the rows without a date.
    """

    name: str
    start: datetime | None = None
    end: datetime | None = None
    is_undated: bool = False

    def overlaps(self, start: datetime | None, end: datetime | None) -> bool:
        """Return whether it shares some time with a date range."""
        return _is_before(self.start, end) and _is_before(start, self.end)


@dataclass(frozen=True)
class LoadedPart:
    """A part that was loaded.

    Attributes:
        part: the part.
        of: the list that it belongs to.
        began: when its first request was sent, in ISO 8601.
        rows: the number of distinct rows that were read.
        without_key: the number of those whose keys are not stored: rows that cannot be loaded and
            have no readable key, and rows that are not kept in the table.
        rejected_without_key: the number of rows that cannot be loaded and have no readable key.
        load_id: its load.
        run_id: its run.
        replaced_loads: the loads that have loaded it before.
    """

    part: Part
    of: TakenOf
    began: str
    rows: int
    without_key: int
    rejected_without_key: int
    load_id: str
    run_id: str
    replaced_loads: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartCounts:
    """The number of rows of all parts.

    Attributes:
        rows: distinct rows that were read.
        rejected: those with a key that could not be loaded.
        in_table: those that are in the table.
        load_ids: the loads that have written these last.
        lost: the parts some of whose rows have been removed from the table.
    """

    rows: int
    rejected: int
    in_table: int
    load_ids: Sequence[str]
    lost: frozenset[str]


def gaps(parts: Iterable[Part]) -> list[tuple[datetime | None, datetime | None]]:
    """Return the date ranges that are in none of some parts; None: open."""
    found: list[tuple[datetime | None, datetime | None]] = []
    up_to: datetime | None = None
    is_first = True
    dated = [part for part in parts if not part.is_undated]
    for part in sorted(dated, key=lambda part: (part.start is not None, part.start)):
        if part.start is not None and (is_first or (up_to is not None and up_to < part.start)):
            found.append((up_to, part.start))
        if part.end is None:
            return found
        up_to, is_first = part.end if is_first else max(part.end, up_to or part.end), False
    return [*found, (up_to, None)]


def keep_part(
    connection: DuckDBPyConnection,
    table: Table,
    loaded: LoadedPart,
    rejected_keys: Iterable[tuple[Any, ...]],
) -> int:
    """Store a part with the keys of its rows, replacing an earlier load of it.

    Args:
        connection: to the destination with the committed load, in a transaction.
        table: the loaded table.
        loaded: the part.
        rejected_keys: the keys of its rows that could not be loaded.

    Returns:
        The number of its rows in the table.
    """
    _create(connection, table)
    name, ids = loaded.part.name, (table.name, loaded.part.name)
    before = [each for each in loaded_parts(connection, table) if each.part.name == name]
    replaced = [load for each in before for load in (*each.replaced_loads, each.load_id)]
    for kept_in in (PARTS, PART_KEYS):
        connection.execute(
            f"delete from {table.dataset}.{kept_in} where table_name = ? and part = ?", ids
        )
    keys = f"{table.dataset}.{PART_KEYS}"
    connection.execute(
        f"insert into {keys} select ?, ?, {_key(table)}, false from {table.qualified}"
        f" where {C_DLT_LOAD_ID} = ?",
        [*ids, loaded.load_id],
    )
    ((stored,),) = connection.execute(
        f"select count(*) from {keys} where table_name = ? and part = ?", ids
    ).fetchall()
    if rejected := list(rejected_keys):
        types = {column.name: column.duckdb_type for column in table.columns}
        columns = [f"cast(unnest(?) as {types[name]}) as {name}" for name in table.key]
        connection.execute(
            f"insert into {keys} select ?, ?, {_key(table)}, true"
            f" from (select {', '.join(columns)})"
            f" where {_key(table)} not in"
            f" (select row_key from {keys} where table_name = ? and part = ?)",
            [*ids, *(list(column) for column in zip(*rejected, strict=True)), *ids],
        )
    start, end = (at.isoformat() if at else None for at in (loaded.part.start, loaded.part.end))
    connection.execute(
        f"insert into {table.dataset}.{PARTS} ({', '.join(COLUMNS)})"
        f" values ({', '.join('?' for _ in COLUMNS)})",
        [
            *ids,
            start,
            end,
            loaded.part.is_undated,
            loaded.rows,
            loaded.without_key,
            loaded.rejected_without_key,
            loaded.began,
            loaded.of.address,
            loaded.of.profile,
            loaded.load_id,
            ",".join(replaced),
            loaded.run_id,
        ],
    )
    return int(stored)


def loaded_parts(connection: DuckDBPyConnection, table: Table) -> list[LoadedPart]:
    """Return the stored parts of a table, by name."""
    if not types_of(connection, replace(table, name=PARTS)):
        return []
    rows = connection.execute(
        f"select {', '.join(COLUMNS)} from {table.dataset}.{PARTS} where table_name = ?"
        " order by part",
        [table.name],
    ).fetchall()
    return [
        LoadedPart(
            Part(name, _instant(start), _instant(end), bool(is_undated)),
            TakenOf(address, profile),
            began,
            row_count,
            without_key,
            rejected,
            load_id,
            run_id,
            tuple(load for load in replaced.split(",") if load),
        )
        for (
            _,
            name,
            start,
            end,
            is_undated,
            row_count,
            without_key,
            rejected,
            began,
            address,
            profile,
            load_id,
            replaced,
            run_id,
        ) in rows
    ]


def count_parts(
    connection: DuckDBPyConnection, table: Table, parts: Sequence[LoadedPart]
) -> PartCounts:
    """Count the distinct rows of some parts, which may overlap."""
    names = [each.part.name for each in parts]
    keys = f"{table.dataset}.{PART_KEYS} where table_name = ? and list_contains(?, part)"
    ((rows, rejected, in_table, load_ids),) = connection.execute(
        f"with keys as (select row_key, bool_and(is_rejected) as is_rejected from {keys}"
        f" group by row_key), stored as (select {_key(table)} as row_key,"
        f" {C_DLT_LOAD_ID} as load_id from {table.qualified})"
        " select count(*), count(*) filter (is_rejected), count(load_id),"
        " list(distinct load_id) filter (load_id is not null)"
        " from keys left join stored using (row_key)",
        [table.name, names],
    ).fetchall()
    lost: set[str] = set()
    if in_table < rows - rejected:
        named = connection.execute(
            f"select distinct part from {keys} and not is_rejected"
            f" and row_key not in (select {_key(table)} from {table.qualified})",
            [table.name, names],
        ).fetchall()
        lost = {name for (name,) in named}
    return PartCounts(
        rows + sum(each.without_key for each in parts),
        rejected,
        in_table,
        sorted(load_ids or []),
        frozenset(lost),
    )


def in_no_part(table: Table, parts: Sequence[LoadedPart]) -> tuple[str, list[Any]]:
    """Return the condition for the rows of a table that are in none of some parts, with its values.

    Rows that something else has loaded since the first of them are not among these rows: they may
    have been added to the help desk meanwhile.
    """
    replaced = [load for each in parts for load in each.replaced_loads]
    return (
        f"{DELETED_AT} is null and {_key(table)} not in (select row_key from"
        f" {table.dataset}.{PART_KEYS} where table_name = ? and list_contains(?, part))"
        f" and ({C_DLT_LOAD_ID} < ? or list_contains(?, {C_DLT_LOAD_ID}))",
        [
            table.name,
            [each.part.name for each in parts],
            min(each.load_id for each in parts),
            replaced,
        ],
    )


def forget_parts(connection: DuckDBPyConnection, table: Table) -> None:
    """Delete the stored parts of a table."""
    for kept_in in (PARTS, PART_KEYS):
        connection.execute(
            f"delete from {table.dataset}.{kept_in} where table_name = ?", [table.name]
        )


def _create(connection: DuckDBPyConnection, table: Table) -> None:
    for kept_in, columns in ((PARTS, COLUMNS), (PART_KEYS, KEY_COLUMNS)):
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create table if not exists {table.dataset}.{kept_in} ({listed})")


def _key(table: Table) -> str:
    """Return the key of a row as text, in SQL."""
    columns = ", ".join(f"cast({name} as varchar)" for name in table.key)
    return f"concat_ws(chr(31), {columns})"


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_before(start: datetime | None, end: datetime | None) -> bool:
    """Return whether a start is before an end; None: open."""
    return start is None or end is None or start < end
