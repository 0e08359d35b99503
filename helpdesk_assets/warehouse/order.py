"""Keeps the ids of loads in a table in the order in which the loads have ended.

dlt names a load after the time at which it began, by the clock of its machine. Lists by parent find
the rows that were loaded since their last load by these ids. So a load that ends after one that
began later, or on a machine whose clock is ahead, gets a later id in the end.
"""

import time
from collections.abc import Sequence

from dlt.common.schema.typing import C_DLT_LOAD_ID, LOADS_TABLE_NAME

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import Table

# Seconds between two ids.
STEP = 0.001


def latest(connection: DuckDBPyConnection, table: Table, load_id: str) -> str:
    """Return the id of a load in its table, after changing it if it is not the latest there.

    Args:
        connection: in a transaction after the load.
        table: the loaded table.
        load_id: the id of the load.
    """
    ((other,),) = connection.execute(
        f"select max({C_DLT_LOAD_ID}) from {table.qualified} where {C_DLT_LOAD_ID} > ?"
        # Others may have written rows with ids of another kind.
        f" and try_cast({C_DLT_LOAD_ID} as double) is not null",
        [load_id],
    ).fetchall()
    if other is None or not load_id:
        return load_id
    later = f"{max(time.time(), float(other) + STEP):.6f}"
    for name, column in ((table.name, C_DLT_LOAD_ID), (LOADS_TABLE_NAME, "load_id")):
        connection.execute(
            f"update {table.dataset}.{name} set {column} = ? where {column} = ?", [later, load_id]
        )
    return later


def rows_by_load(
    connection: DuckDBPyConnection, table: Table, load_ids: Sequence[str]
) -> tuple[int, int]:
    """Return how many rows in a table some loads have written, and how many others there are."""
    ((own, rows),) = connection.execute(
        f"select count(*) filter (list_contains(?, {C_DLT_LOAD_ID})), count(*)"
        f" from {table.qualified}",
        [list(load_ids)],
    ).fetchall()
    return int(own), int(rows) - int(own)
