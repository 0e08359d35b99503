"""Handles rows in the table that were deleted in the help desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.portions import WalkOfWalks
from helpdesk_assets.profiles.resource import parent_column
from helpdesk_assets.tables.schema import DELETED_AT

Deletes = Literal["soft", "hard", "off"]
# Other programs may have written load ids that are not numbers; their rows are older ones, too.
IS_BEFORE = "coalesce(try_cast(_dlt_load_id as double) < try_cast(? as double), true)"


@dataclass(frozen=True)
class Deletions:
    """How deleted rows were handled.

    Attributes:
        rows: the number of newly deleted rows.
        how: ``soft``: ``deleted_at`` was set; ``hard``: the rows were deleted; or the reason why
            nothing was done.
    """

    rows: int
    how: str


def why_deletions_are_unknown(walk: Walk) -> str | None:
    """Return why a sync cannot tell which rows were deleted; None if it can."""
    read = walk.reader.walk
    if walk.asked and walk.asked.is_window:
        return "loading a date range does not read the other rows"
    if walk.asked:
        return "an incremental sync reads only changed rows"
    if not read.has_ended:
        return "the sync did not finish"
    if read.unverified:
        return read.unverified
    if walk.tables.rejected_without_key:
        return f"{walk.tables.rejected_without_key} rejected rows have no readable id"
    if walk.rejected_unknown:
        return f"the interrupted load that was continued had rejected {walk.rejected_unknown} rows"
    return None


def settle_deleted(
    connection: DuckDBPyConnection,
    walk: Walk,
    *,
    load_id: str,
    how: Deletes,
    share: float,
    before: int = 0,
) -> Deletions:
    """Mark or delete the rows in the table that a complete sync has not read.

    A load writes every row that it reads; the others have an earlier load id. A row that reappears
    is written again, without ``deleted_at``. If a list is loaded in portions, this is done once,
    after the last one.

    Args:
        connection: to the file with the committed load, in a transaction.
        walk: the completed read of the list.
        load_id: the id of its load, or of the first one of several portions.
        how: how to handle deleted rows.
        share: the maximum share of rows, 0 to 1, to delete; if more have disappeared, they are
            only marked, because the cause may be another one.
        before: the number of rows that earlier portions of the same list have deleted.
    """
    reason = "switched off" if how == "off" else why_deletions_are_unknown(walk)
    read = walk.inner.read if walk.inner else set()
    # Each list by parent is verified by itself, whatever is known of the others.
    lists = walk.reader.walk if isinstance(walk.reader.walk, WalkOfWalks) else None
    is_known = lists or (read and walk.reader.walk.has_ended)
    if reason and (how == "off" or not is_known or walk.tables.rejected_without_key):
        return Deletions(0, reason)
    table = walk.table.qualified
    gone = f"{DELETED_AT} is null and _dlt_load_id <> ? and {IS_BEFORE}"
    values: list[Any] = [load_id, load_id]
    if reason and walk.inner:
        # The inner lists that were read are complete, whatever is known of the other rows.
        gone += f" and {_is_one_of(list(walk.inner.outer))}"
        values += [list(column) for column in zip(*read, strict=True)]
    if walk.tables.rejected_keys:
        # Rejected rows still exist in the help desk.
        key = walk.table.key
        gone += f" and not {_is_one_of(key)}"
        values += [list(column) for column in zip(*walk.tables.rejected_keys, strict=True)]
    if walk.parent and lists:
        gone += f" and ({_was_looked_for(walk.parent, walk.table.dataset)})"
        values.append(lists.read if walk.inner else lists.verified)
    unless_any = reason if lists and not lists.verified else None
    return settle_rows(
        connection, table, gone, values, how=how, share=share, before=before, unless_any=unless_any
    )


def settle_rows(
    connection: DuckDBPyConnection,
    table: str,
    gone: str,
    values: Sequence[Any],
    *,
    how: Deletes,
    share: float,
    before: int = 0,
    unless_any: str | None = None,
) -> Deletions:
    """Mark or delete rows of a table.

    Args:
        connection: to the destination, in a transaction.
        table: the qualified name of the table.
        gone: the condition for the rows that have disappeared from the help desk.
        values: the values of its parameters.
        how, share, before: see settle_deleted; how is soft or hard.
        unless_any: the reason to return if the condition applies to no row.
    """
    ((rows, living),) = connection.execute(
        f"select count(*) filter ({gone}), count(*) filter ({DELETED_AT} is null) from {table}",
        values,
    ).fetchall()
    if unless_any and not rows:
        return Deletions(0, unless_any)
    if how == "hard" and before + rows <= share * (before + living):
        connection.execute(f"delete from {table} where {gone}", values)
        return Deletions(rows, "hard")
    connection.execute(f"update {table} set {DELETED_AT} = now() where {gone}", values)
    return Deletions(rows, "soft")


def _was_looked_for(parent: str, dataset: str) -> str:
    """Return the condition for rows whose parent's list is verified, or whose parent is deleted."""
    column, parents = parent_column(parent), f"{dataset}.{parent}"
    return (
        f"{column} in (select unnest(?))"
        f" or {column} not in (select id from {parents} where {DELETED_AT} is null)"
    )


def _is_one_of(columns: Sequence[str]) -> str:
    """Return the condition for rows whose columns have the values of one of several lists."""
    values = ", ".join("unnest(?)" for _ in columns)
    return f"({', '.join(columns)}) in (select {values})"
