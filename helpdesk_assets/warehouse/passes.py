"""The progress of loads in portions, stored in their dataset, so that interrupted ones continue.

A pass reads a list that is read in slices, or the lists of all parents that were loaded since the
last pass. After each portion, what was read is recorded; it is dropped when the pass is complete. A
pass is valid for the table and the API's list that it was begun with, like a watermark.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.paging.lengths import FirstPage, Known
from helpdesk_assets.paging.portions import ParentRead
from helpdesk_assets.tables.schema import DELETED_AT, Table
from helpdesk_assets.tables.stored import stored_columns, types_of
from helpdesk_assets.warehouse.parents import PARENTS_READ, Version
from helpdesk_assets.warehouse.watermark import TakenOf, state

PASSES = "_passes"
_PASSES = {
    "table_name": "varchar",
    "since": "varchar",
    "up_to": "varchar",
    "began": "varchar",
    "address": "varchar",
    "profile": "varchar",
    "row_count": "bigint",
    "load_id": "varchar",
    "counts": "varchar",
}
_PARENTS_READ = {
    "table_name": "varchar",
    "parent": "varchar",
    "parent_load_id": "varchar",
    "parent_hash": "ubigint",
    "row_count": "bigint",
    "total": "bigint",
    "page_rows": "bigint",
    "page_end": "varchar",
}
# A full refresh that someone asks for only continues a pass that began this recently.
RECENT = timedelta(days=1)


@dataclass(frozen=True)
class Pass:
    """An unfinished load in portions.

    Attributes:
        since: for lists by parent, the load of the parents after which they were loaded; empty: all
            rows are read.
        up_to: the watermark that the table gets in the end: when the pass began, or for lists by
            parent the newest load of the parents at that time.
        of: the list that it belongs to.
        began: when it began, in ISO 8601.
        counts: the sums over its portions, by name, and how to read on.
    """

    since: str
    up_to: str
    of: TakenOf
    began: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat())
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_recent_and_full(self) -> bool:
        """Whether it reads all rows, and began recently."""
        age = datetime.now(timezone.utc) - datetime.fromisoformat(self.began)
        return not self.since and age < RECENT


def unfinished(
    connection: DuckDBPyConnection, table: Table, of: TakenOf, *, is_asked_for: bool
) -> Pass | None:
    """Return the unfinished pass of a table, if it can be continued.

    Args:
        connection: to the destination.
        table: the table.
        of: the list that is read now.
        is_asked_for: whether someone has asked for all rows.
    """
    if not stored_columns(connection, replace(table, name=PASSES)):
        return None
    found = connection.execute(
        f"select {', '.join(_PASSES)} from {table.dataset}.{PASSES} where table_name = ?",
        [table.name],
    ).fetchall()
    if not found or C_DLT_LOAD_ID not in [name for name, *_ in stored_columns(connection, table)]:
        return None
    ((_, since, up_to, began, address, profile, row_count, load_id, counts),) = found
    ((rows, newest),) = connection.execute(state(table)).fetchall()
    # A run may have been killed after it loaded a portion, and before it recorded it.
    if rows < row_count or newest < load_id:
        return None
    begun = Pass(since, up_to, TakenOf(address, profile), began, json.loads(counts))
    if begun.of != of or (is_asked_for and not begun.is_recent_and_full):
        return None
    if "rows_stored" in begun.counts and _has_lost_rows(connection, table, begun):
        return None
    return begun


def _has_lost_rows(connection: DuckDBPyConnection, table: Table, begun: Pass) -> bool:
    """Return whether rows that a pass has loaded were removed, or replaced by older ones.

    Later loads may have replaced some: those of a date range, or one that was killed before it was
    recorded.
    """
    ((stored,),) = connection.execute(
        f"select count(*) from {table.qualified}"
        f" where try_cast({C_DLT_LOAD_ID} as double) >= try_cast(? as double)",
        [begun.counts["load_ids"][0]],
    ).fetchall()
    return bool(stored < begun.counts["rows_stored"])


def first_pages_of(connection: DuckDBPyConnection, table: Table) -> list[FirstPage]:
    """Return the first pages of the lists that an unfinished pass has read, by parent as text."""
    rows = connection.execute(
        f"select parent, page_rows, page_end from {table.dataset}.{PARENTS_READ}"
        " where table_name = ? and page_rows is not null",
        [table.name],
    ).fetchall()
    return [FirstPage(number, page_rows, Known(end)) for number, page_rows, end in rows]


def keep_pass(connection: DuckDBPyConnection, table: Table, begun: Pass) -> None:
    """Record a pass after a portion.

    Args:
        connection: to the destination, in a transaction after the load of the portion.
        table: the table of the list.
        begun: the pass.
    """
    _create(connection, table, PASSES, _PASSES)
    connection.execute(f"delete from {table.dataset}.{PASSES} where table_name = ?", [table.name])
    ((row_count, load_id),) = connection.execute(state(table)).fetchall()
    connection.execute(
        f"insert into {table.dataset}.{PASSES} values ({', '.join('?' for _ in _PASSES)})",
        [
            *(
                table.name,
                begun.since,
                begun.up_to,
                begun.began,
                begun.of.address,
                begun.of.profile,
            ),
            *(row_count, load_id, json.dumps(begun.counts)),
        ],
    )


def keep_reads(
    connection: DuckDBPyConnection,
    table: Table,
    reads: Sequence[ParentRead],
    *,
    now: Mapping[Any, Version],
    doubtful: Collection[str] = (),
) -> None:
    """Record what a portion of lists by parent has read.

    Args:
        connection: to the destination, in a transaction after the load of the portion.
        table: the table of the list.
        reads: what was read of each parent.
        now: the versions of these parents.
        doubtful: the ids, as text, of parents whose lists are to be read again.
    """
    _create(connection, table, PARENTS_READ, _PARENTS_READ)
    kept_in = f"{table.dataset}.{PARENTS_READ}"
    connection.execute(
        f"delete from {kept_in} where table_name = ? and parent in (select unnest(?))",
        [table.name, [*doubtful, *(str(read.parent) for read in reads)]],
    )
    kept = [read for read in reads if str(read.parent) not in doubtful]
    if not kept:
        return
    unnested = ", ".join(
        f"unnest(?::{kind}[])" for name, kind in _PARENTS_READ.items() if name != "table_name"
    )
    connection.execute(
        f"insert into {kept_in} select ?, {unnested}",
        [
            table.name,
            [str(read.parent) for read in kept],
            [now[read.parent].load_id for read in kept],
            [now[read.parent].hash for read in kept],
            [read.rows for read in kept],
            [read.total for read in kept],
            [read.first.rows if read.first else None for read in kept],
            [read.first.known.value if read.first else None for read in kept],
        ],
    )


def _create(
    connection: DuckDBPyConnection, table: Table, name: str, columns: Mapping[str, str]
) -> None:
    described = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create table if not exists {table.dataset}.{name} ({described})")


def forget_pass(connection: DuckDBPyConnection, table: Table) -> None:
    """Forget the pass of a table, if there is one."""
    for name in (PASSES, PARENTS_READ):
        if types_of(connection, replace(table, name=name)):
            connection.execute(
                f"delete from {table.dataset}.{name} where table_name = ?", [table.name]
            )


def whole_pass(
    connection: DuckDBPyConnection, table: Table, parent: Table
) -> tuple[int, int, int | None]:
    """Return what a pass has read: the number of lists, their distinct rows, and the API's total.

    Parents that were deleted since do not count, because their rows may be deleted, too.
    """
    ((lists, rows, total),) = connection.execute(
        "select count(page_rows), coalesce(sum(row_count), 0), sum(total)"
        f" from {table.dataset}.{PARENTS_READ} where table_name = ? and parent in"
        f" (select cast(id as varchar) from {parent.qualified} where {DELETED_AT} is null)",
        [table.name],
    ).fetchall()
    return lists, int(rows), None if total is None else int(total)
