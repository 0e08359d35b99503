"""What the checks look at: the tickets table as DuckDB has it, and the walk that last filled it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb

from helpdesk_assets.assets import TICKETS
from helpdesk_assets.resources import stored_columns
from helpdesk_assets.schema import QUALIFIED_TABLE, Column


@dataclass(frozen=True)
class StoredTable:
    """The tickets table, open to read.

    Attributes:
        connection: to the DuckDB file.
        types: DuckDB types by column; empty when there is no table.
        columns: those that it should have.
        rows: how many there are.
        deleted_share: of them, the most that may disappear at once without a warning.
        walk: metadata of the materialization that last filled it, by name; empty when this
            Dagster instance knows of none.
        run_id: the run of that materialization.
    """

    connection: duckdb.DuckDBPyConnection
    types: Mapping[str, str]
    columns: Sequence[Column]
    rows: int
    deleted_share: float
    walk: Mapping[str, Any]
    run_id: str

    def one(self, query: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Return the only row of a query's result."""
        row: tuple[Any, ...] = self.connection.execute(query, list(parameters)).fetchall()[0]
        return row

    def has_table(self, schema: str, name: str) -> bool:
        """Tell whether the file has a table of that name."""
        (found,) = self.one(
            "select count(*) from information_schema.tables"
            " where table_schema = ? and table_name = ?",
            [schema, name],
        )
        return bool(found)


def stored_table(
    connection: duckdb.DuckDBPyConnection,
    instance: dg.DagsterInstance,
    columns: Sequence[Column],
    deleted_share: float,
) -> StoredTable:
    """Read what there is of the table, and what the instance knows of its last load."""
    types = {name: duckdb_type for name, duckdb_type, _ in stored_columns(connection)}
    rows = 0
    if types:
        (rows,) = connection.execute(f"select count(*) from {QUALIFIED_TABLE}").fetchall()[0]
    event = instance.get_latest_materialization_event(TICKETS)
    materialization = event.asset_materialization if event else None
    return StoredTable(
        connection=connection,
        types=types,
        columns=columns,
        rows=rows,
        deleted_share=deleted_share,
        walk={
            name: value.value
            for name, value in (materialization.metadata if materialization else {}).items()
        },
        run_id=event.run_id if event else "",
    )
