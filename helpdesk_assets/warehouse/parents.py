"""The parents of a list by parent: whose lists are to be read, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.tables.schema import DELETED_AT, ROW_NUMBER, Table
from helpdesk_assets.tables.stored import stored_columns

PARENTS_READ = "_parents_read"
# Columns that a load writes even if the API has sent the same row as before.
OF_LOADS = (C_DLT_LOAD_ID, "_dlt_id", ROW_NUMBER, DELETED_AT)


@dataclass(frozen=True)
class Version:
    """A parent at some time: the load that wrote its row, and a hash of the row."""

    load_id: str
    hash: int


@dataclass(frozen=True)
class ToRead:
    """The parents whose lists are to be read.

    Attributes:
        parents: their ids, in order.
        of: the number of parents, including those whose lists were read before.
        newest: the newest load of the parent table.
        has_reloaded: whether some parents whose lists were read before have been loaded again
            since, but have not changed.
    """

    parents: Sequence[Any]
    of: int
    newest: str
    has_reloaded: bool = False


def parents_to_read(
    connection: DuckDBPyConnection,
    table: Table,
    parent: Table,
    *,
    since: str,
    is_continued: bool = False,
) -> ToRead:
    """Return the parents that were loaded after a load and are not deleted.

    Args:
        connection: to the DuckDB file.
        table: the table of the list.
        parent: the table of the parents.
        since: the load.
        is_continued: whether to skip those that an unfinished pass has read, unless they have
            changed since.

    Raises:
        dg.Failure: there is no table of the parents.
    """
    if not stored_columns(connection, parent):
        raise setting_failure(
            f"There is no table {parent.qualified} to ask for what belongs to its rows: "
            f"materialize {parent.name} first."
        )
    wanted = f"p.{DELETED_AT} is null and p.{C_DLT_LOAD_ID} > ?"
    unread, values, has_reloaded = "", [since], False
    if is_continued:
        read = (
            f"select 1 from {table.dataset}.{PARENTS_READ} r where r.table_name = ?"
            f" and r.parent = cast(p.id as varchar) and r.parent_hash = {_hash(connection, parent)}"
        )
        unread = f" and not exists ({read})"
        values.append(table.name)
        found = connection.execute(
            f"select 1 from {parent.qualified} p"
            f" where exists ({read} and r.parent_load_id <> p.{C_DLT_LOAD_ID}) limit 1",
            [table.name],
        ).fetchall()
        has_reloaded = bool(found)
    ids = connection.execute(
        f"select id from {parent.qualified} p where {wanted}{unread} order by id", values
    ).fetchall()
    ((newest, of),) = connection.execute(
        f"select coalesce(max({C_DLT_LOAD_ID}), ''), count(*) filter ({wanted})"
        f" from {parent.qualified} p",
        [since],
    ).fetchall()
    return ToRead([number for (number,) in ids], of, newest, has_reloaded)


def versions(
    connection: DuckDBPyConnection, parent: Table, ids: Sequence[Any]
) -> dict[Any, Version]:
    """Return the present versions of parents, by id."""
    rows = connection.execute(
        f"select id, {C_DLT_LOAD_ID}, {_hash(connection, parent)} from {parent.qualified} p"
        " where id in (select unnest(?))",
        [list(ids)],
    ).fetchall()
    return {number: Version(load_id, found) for number, load_id, found in rows}


def stored_rows(
    connection: DuckDBPyConnection, table: Table, column: str, ids: Sequence[Any]
) -> dict[Any, int]:
    """Return how many rows of each parent a table has, without deleted ones, by id.

    Args:
        connection: to the DuckDB file.
        table: the table of the list.
        column: its column with the id of the parent.
        ids: the ids of the parents.
    """
    if {column, DELETED_AT} - {name for name, *_ in stored_columns(connection, table)}:
        return {}
    rows = connection.execute(
        f"select {column}, count(*) from {table.qualified}"
        f" where {DELETED_AT} is null and {column} in (select unnest(?)) group by {column}",
        [list(ids)],
    ).fetchall()
    return dict(rows)


def _hash(connection: DuckDBPyConnection, parent: Table) -> str:
    """Return the SQL for a hash of a parent's row as the API sent it; its alias is ``p``."""
    names = [name for name, *_ in stored_columns(connection, parent) if name not in OF_LOADS]
    return f"""hash({", ".join(f'p."{name}"' for name in names)})"""
