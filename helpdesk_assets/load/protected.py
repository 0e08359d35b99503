"""Prepares tables for protected columns, and clears what was loaded before they were protected."""

from collections.abc import Sequence
from dataclasses import replace

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.profiles.protection import field_path
from helpdesk_assets.profiles.resource import Resource
from helpdesk_assets.tables.schema import FURTHER, OURS
from helpdesk_assets.tables.stored import types_of

# What remains in a column that may contain objects with protected fields.
NO_JSON = "case when left(cast({0} as varchar), 1) not in ('[', '{{') then {0} end"


def clear_unprotected(
    connection: DuckDBPyConnection,
    walk: Walk,
    resource: Resource,
    *,
    load_ids: Sequence[str],
    run_id: str,
) -> int:
    """Set protected columns to null in rows that a complete sync has not read.

    A load replaces every row that it reads. The others, which were deleted in the help desk or
    cannot be loaded any more, may have values from before their columns were protected. Rejected
    rows of earlier runs are cleared, too.

    Args:
        connection: to the file with the committed load, in a transaction.
        walk: the completed read of the list.
        resource: the list.
        load_ids: the ids of its loads.
        run_id: the run of its load.

    Returns:
        The number of rows that had such values.
    """
    table = walk.table
    left = _left(connection, walk, resource)
    if not left:
        return 0
    has_any = " or ".join(f"{name} is distinct from {value}" for name, value in left.items())
    where = f"not list_contains(?, _dlt_load_id) and ({has_any})"
    rows: int
    ((rows,),) = connection.execute(
        f"select count(*) from {table.qualified} where {where}", [load_ids]
    ).fetchall()
    values = ", ".join(f"{name} = {value}" for name, value in left.items())
    connection.execute(f"update {table.qualified} set {values} where {where}", [load_ids])
    rejected = replace(table, name=table.rejected)
    if types_of(connection, rejected):
        connection.execute(
            f'update {rejected.qualified} set "row" = null where run_id <> ?', [run_id]
        )
    return rows


def _left(connection: DuckDBPyConnection, walk: Walk, resource: Resource) -> dict[str, str]:
    """Return what remains of columns that may have protected values: SQL, by quoted name."""
    protection = walk.tables.protection
    fields = {name: field_path(spec.path) for name, spec in resource.fields.items()}
    paths = {**walk.tables.recorded(), **fields}
    left = {}
    for name in types_of(connection, walk.table):
        if name in walk.table.key or (name in OURS and name != FURTHER):
            continue
        path, quoted = paths.get(name, (name,)), f'"{name}"'
        is_meant = name not in paths and protection.may_name(name)
        if name == FURTHER or is_meant or protection.applies_to(path):
            left[quoted] = "null"
        elif protection.is_above(path):
            left[quoted] = NO_JSON.format(quoted)
    return left
