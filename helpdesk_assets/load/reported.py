"""Handles rows that the API itself reports as deleted, such as tickets in the trash.

They are in the list, with a value such as the status ``deleted``. Unlike a row that a complete sync
no longer finds, they are recognized in every sync.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.load.deletes import Deletes
from helpdesk_assets.tables.schema import DELETED_AT, Table
from helpdesk_assets.tables.stored import stored_columns, types_of
from helpdesk_assets.tables.values import ANY, Value, spelled


@dataclass(frozen=True)
class Reported:
    """The rows of a load that the API reports as deleted.

    Attributes:
        rows: their number.
        removed: the number of those that were removed from the table.
    """

    rows: int = 0
    removed: int = 0


def marked_before(connection: DuckDBPyConnection, table: Table) -> list[list[Any]]:
    """Return the deleted rows of a table, to be read before a load replaces them.

    Returns:
        The values of each column of the key, and the times when the rows were found to be deleted.
    """
    names = [*table.key, DELETED_AT]
    if not {*names} <= {name for name, *_ in stored_columns(connection, table)}:
        return [[] for _ in names]
    rows = connection.execute(
        f"select {', '.join(names)} from {table.qualified} where {DELETED_AT} is not null"
    ).fetchall()
    return [list(values) for values in zip(*rows, strict=True)] if rows else [[] for _ in names]


def settle_reported(
    connection: DuckDBPyConnection,
    table: Table,
    *,
    values: Mapping[str, Sequence[Value]],
    load_id: str,
    how: Deletes,
    before: Sequence[Sequence[Any]],
) -> Reported:
    """Mark or delete the rows of a load that the API reports as deleted.

    Args:
        connection: to the file with the committed load, in a transaction.
        table: the loaded table.
        values: the values of such rows, by column; one of them is enough, and ``*`` is any.
        load_id: the id of the load.
        how: how to handle deleted rows.
        before: see ``marked_before``: a row that was deleted already keeps its time.
    """
    there = types_of(connection, table) if values else {}
    conditions: list[str] = []
    given: list[Any] = [load_id]
    for name, some in values.items():
        texts = [text for value in some if (text := spelled(value)) is not None]
        if name in there and texts:
            conditions.append(f'cast("{name}" as varchar) in (select unnest(?))')
            given.append(texts)
        if name in there and len(texts) < len(some):
            conditions.append(f'"{name}" is null')
        if name in there and ANY in some:
            conditions.append(f'"{name}" is not null')
    if how == "off" or not conditions:
        return Reported()
    these = f"_dlt_load_id = ? and ({' or '.join(conditions)})"
    ((rows,),) = connection.execute(
        f"select count(*) from {table.qualified} where {these}", given
    ).fetchall()
    if how == "hard":
        connection.execute(f"delete from {table.qualified} where {these}", given)
        return Reported(rows, rows)
    connection.execute(f"update {table.qualified} set {DELETED_AT} = now() where {these}", given)
    if before[-1]:
        columns = [f"unnest(?) as {name}" for name in (*table.key, "since")]
        same = " and ".join(f"deleted.{name} = known.{name}" for name in table.key)
        connection.execute(
            f"update {table.qualified} as deleted set {DELETED_AT} = known.since"
            f" from (select {', '.join(columns)}) as known where {same} and {these}",
            [*(list(values) for values in before), *given],
        )
    return Reported(rows)
