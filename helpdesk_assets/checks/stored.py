"""The input of the checks: a table in DuckDB, and the metadata of its last load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.load.entries import LOAD_ID, RENAMED
from helpdesk_assets.tables.schema import DELETED_AT, Column, Table
from helpdesk_assets.tables.stored import stored_columns


@dataclass(frozen=True)
class StoredTable:
    """A loaded table, open for reading.

    Attributes:
        connection: to the DuckDB file.
        table: the expected table.
        types: DuckDB types by column; empty if the table does not exist.
        counts: the number of rows (``rows``), of distinct keys (``distinct_keys``), and of rows
            with a null in their key (``null_keys``), not marked as deleted (``living``), written
            by the load (``of_walk``), or with a null in a column (``null_`` plus its name).
            All are counted in one pass; counts that need a missing column are omitted.
        deleted_share: the maximum share of rows that may be deleted at once without a warning.
        walk: metadata of the materialization that is checked, by name; empty if this Dagster
            instance has none.
        is_superseded: returns whether another run has materialized the table since; called when
            that matters, because it queries the instance.
    """

    connection: DuckDBPyConnection
    table: Table
    types: Mapping[str, str]
    counts: Mapping[str, int]
    deleted_share: float
    walk: Mapping[str, Any]
    is_superseded: Callable[[], bool]

    @property
    def columns(self) -> Sequence[Column]:
        """The expected columns."""
        return self.table.columns

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.counts.get("rows", 0)

    def one(self, query: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Return the only row of a query's result."""
        row: tuple[Any, ...] = self.connection.execute(query, list(parameters)).fetchall()[0]
        return row


def stored_table(
    connection: DuckDBPyConnection,
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    table: Table,
    deleted_share: float,
    run_id: str = "",
) -> StoredTable:
    """Read the state of the table, and the metadata of its load from the instance.

    Args:
        connection: to the warehouse.
        instance: the Dagster instance.
        key: the key of the table's asset.
        table: the expected table.
        deleted_share: see StoredTable.
        run_id: the run of the checks. If it has loaded the table, this load is checked, and
            otherwise the last one.
    """
    types = {name: duckdb_type for name, duckdb_type, _ in stored_columns(connection, table)}
    event = _of_run(instance, key, run_id) or instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    walk = {
        RENAMED.get(name, name): value.value
        for name, value in (materialization.metadata if materialization else {}).items()
    }
    return StoredTable(
        connection=connection,
        table=table,
        types=types,
        counts=_counts(connection, table, types, walk.get(LOAD_ID, "")),
        deleted_share=deleted_share,
        walk=walk,
        is_superseded=partial(_is_superseded, instance, key, event),
    )


def _of_run(instance: dg.DagsterInstance, key: dg.AssetKey, run_id: str) -> dg.EventLogEntry | None:
    """Return the last event of a run that materialized an asset; None if it did not."""
    if not run_id:
        return None
    logs = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found = [
        entry for entry in logs if entry.dagster_event and entry.dagster_event.asset_key == key
    ]
    return found[-1] if found else None


def _is_superseded(
    instance: dg.DagsterInstance, key: dg.AssetKey, event: dg.EventLogEntry | None
) -> bool:
    """Return whether another run than that of an event has materialized an asset since."""
    latest = instance.get_latest_materialization_event(key)
    return event is not None and latest is not None and latest.run_id != event.run_id


def _counts(
    connection: DuckDBPyConnection, table: Table, types: Mapping[str, str], load_id: Any
) -> Mapping[str, int]:
    """Count everything the checks need, in one pass over the table."""
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
    values: list[Any] = []
    if "_dlt_load_id" in types:
        # Lists by parent, and those in slices, are loaded in portions.
        loads = str(load_id).split(",")
        counted["of_walk"] = "count(*) filter (list_contains(?, _dlt_load_id))"
        values.append(loads)
    query = f"select {', '.join(counted.values())} from {table.qualified}"
    (numbers,) = connection.execute(query, values).fetchall()
    return dict(zip(counted, numbers, strict=True))
