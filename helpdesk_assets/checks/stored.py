"""What the checks look at: a table as DuckDB has it, and the walk that last filled it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb

from helpdesk_assets.assets.metadata import LOAD_ID
from helpdesk_assets.tables.schema import DELETED_AT, Column, Table
from helpdesk_assets.warehouse.file import stored_columns


@dataclass(frozen=True)
class StoredTable:
    """A loaded table, open to read.

    Attributes:
        connection: to the DuckDB file.
        table: what it should be.
        types: DuckDB types by column; empty when there is no table.
        counts: how many rows there are, as ``rows``; and how many of them have each key once
            (``distinct_keys``), have no value in a part of it (``null_keys``), are not marked as
            deleted (``living``), are of the last load (``of_walk``), and have no value in a column
            (``null_`` and its name). Counted all in one pass; what a table without the column does
            not have is not among them.
        deleted_share: of them, the most that may disappear at once without a warning.
        walk: metadata of the materialization that last filled it, by name; empty when this
            Dagster instance knows of none.
        run_id: the run of that materialization.
    """

    connection: duckdb.DuckDBPyConnection
    table: Table
    types: Mapping[str, str]
    counts: Mapping[str, int]
    deleted_share: float
    walk: Mapping[str, Any]
    run_id: str

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that it should have."""
        return self.table.columns

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.counts.get("rows", 0)

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
    key: dg.AssetKey,
    table: Table,
    deleted_share: float,
) -> StoredTable:
    """Read what there is of the table, and what the instance knows of its last load."""
    types = {name: duckdb_type for name, duckdb_type, _ in stored_columns(connection, table)}
    event = instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    walk = {
        name: value.value
        for name, value in (materialization.metadata if materialization else {}).items()
    }
    return StoredTable(
        connection=connection,
        table=table,
        types=types,
        counts=_counts(connection, table, types, walk.get(LOAD_ID, "")),
        deleted_share=deleted_share,
        walk=walk,
        run_id=event.run_id if event else "",
    )


def _counts(
    connection: duckdb.DuckDBPyConnection, table: Table, types: Mapping[str, str], load_id: Any
) -> Mapping[str, int]:
    """Count what the checks look at, in one pass over the table."""
    if not types:
        return {}
    counted = {"rows": "count(*)"}
    counted |= {f"null_{name}": f'count(*) filter ("{name}" is null)' for name in types}
    if key := [name for name in table.key if name in types]:
        no_key = " or ".join(f"{name} is null" for name in key)
        counted["null_keys"] = f"count(*) filter ({no_key})"
        counted["distinct_keys"] = f"count(distinct ({', '.join(key)})) filter (not ({no_key}))"
    if DELETED_AT in types:
        counted["living"] = f"count(*) filter ({DELETED_AT} is null)"
    values = []
    if "_dlt_load_id" in types:
        counted["of_walk"] = "count(*) filter (_dlt_load_id = ?)"
        values.append(load_id)
    query = f"select {', '.join(counted.values())} from {table.qualified}"
    (numbers,) = connection.execute(query, values).fetchall()
    return dict(zip(counted, numbers, strict=True))
