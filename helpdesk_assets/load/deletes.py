"""Rows that are gone from the help desk: what becomes of them in the table."""

from dataclasses import dataclass
from typing import Any, Literal

from dlt.destinations.sql_client import SqlClientBase

from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.parents import WalkOfWalks
from helpdesk_assets.profiles.model import parent_column
from helpdesk_assets.tables.schema import DELETED_AT

Deletes = Literal["soft", "hard", "off"]


@dataclass(frozen=True)
class Gone:
    """What was done about rows that are gone.

    Attributes:
        rows: how many had been there until then.
        how: ``soft``: they got ``deleted_at``; ``hard``: their rows were deleted; or why nothing
            was done.
    """

    rows: int
    how: str


def why_not(walk: Walk) -> str | None:
    """Say why a walk does not tell which rows are gone; None when it does."""
    read = walk.reader.walk
    if walk.asked and walk.asked.is_window:
        return "a walk through the rows of a time does not see the others"
    if walk.asked:
        return "an incremental walk reads what has changed only"
    if not read.has_ended:
        return "the walk did not end"
    if read.unverified:
        return read.unverified
    if walk.tables.nameless:
        return f"{walk.tables.nameless} rejected rows do not say which ones they are"
    return None


def settle_deleted(
    client: SqlClientBase[Any], walk: Walk, *, load_id: str, how: Deletes, share: float
) -> Gone:
    """Mark or delete the rows that the table has and a complete walk has not seen.

    Every row that a walk sees is written by its load; the others have the mark of an earlier
    one. A row that comes back is written anew, and so without ``deleted_at``.

    Args:
        client: of the file that the walk's load has been committed to, in a transaction.
        walk: as it ended.
        load_id: of its load.
        how: what to do.
        share: of all rows there were, 0 to 1; if more than these are gone, they are marked and
            not deleted, for what disappears at once may not be gone.
    """
    reason = "switched off" if how == "off" else why_not(walk)
    if reason:
        return Gone(0, reason)
    table = walk.table.qualified
    gone = f"{DELETED_AT} is null and _dlt_load_id <> ?"
    values: list[Any] = [load_id]
    if walk.tables.rejected_keys:
        # Rows that could not be loaded are there nevertheless.
        key = walk.table.key
        rejected = ", ".join("unnest(?)" for _ in key)
        gone += f" and ({', '.join(key)}) not in (select {rejected})"
        values += [list(column) for column in zip(*walk.tables.rejected_keys, strict=True)]
    if walk.parent and isinstance(walk.reader.walk, WalkOfWalks):
        gone += f" and ({_was_looked_for(walk.parent, walk.table.dataset)})"
        values.append(walk.reader.walk.parents)
    counted = client.execute_sql(
        f"select count(*) filter ({gone}), count(*) filter ({DELETED_AT} is null) from {table}",
        *values,
    )
    ((rows, living),) = counted or [(0, 0)]
    if how == "hard" and rows <= share * living:
        client.execute_sql(f"delete from {table} where {gone}", *values)
        return Gone(rows, "hard")
    client.execute_sql(f"update {table} set {DELETED_AT} = now() where {gone}", *values)
    return Gone(rows, "soft")


def _was_looked_for(parent: str, dataset: str) -> str:
    """Return what holds of a row whose parent's list was read, or whose parent is gone itself."""
    column, parents = parent_column(parent), f"{dataset}.{parent}"
    return (
        f"{column} in (select unnest(?))"
        f" or {column} not in (select id from {parents} where {DELETED_AT} is null)"
    )
