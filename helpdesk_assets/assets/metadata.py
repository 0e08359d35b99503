"""What a materialization says of itself: the load, the walk it came from, and the table."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb

from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.parents import WalkOfWalks
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.tables.schema import DUCKDB_TYPES, Table
from helpdesk_assets.warehouse.file import stored_columns

# The metadata entry that tells the checks which load to look for in the table.
LOAD_ID = "load_id"

# How many different rows a walk has read that could be loaded.
ROWS_WALKED = "rows_walked"
# What Dagster has to load anew before all of the profile is there.
RELOAD_NEEDED = "reload_needed"
# Why it cannot be said that a walk left no row out.
UNVERIFIED = "unverified_because"


def code_references(file: str | Path, line: int = 1) -> Mapping[str, Any]:
    """Return the metadata that lets the Dagster UI show where something is written."""
    with warnings.catch_warnings():
        # Its makers call it a beta; where it is gone, so is the link.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(file), line_number=line)
        return {
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])
        }


def loaded(pipeline: dlt.Pipeline, table: Table) -> tuple[int, str]:
    """Return how many rows the run handed to the merge, and the id of its load."""
    trace = pipeline.last_trace
    normalized = trace.last_normalize_info if trace else None
    if not normalized:
        return 0, ""
    return normalized.row_counts.get(table.name, 0), ",".join(normalized.loads_ids)


def kept(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Leave out of dagster-dlt's metadata the load jobs, which name files that are gone."""
    return {name: value for name, value in (metadata or {}).items() if name != "jobs"}


def walk_metadata(walk: Walk) -> Mapping[str, Any]:
    """Say how the desk was read; what the API does not say is left out, so that it plots."""
    read = walk.reader.walk
    metadata: dict[str, Any] = {
        "profile": walk.profile,
        "completeness_verified": read.unverified is None,
        "sync_mode": _sync_mode(walk),
        "pages": read.pages,
        "steps_back": read.steps_back,
        "requests": walk.reader.session.requests,
        "retries": walk.reader.session.retries,
        "rows_read": walk.tables.read,
        "rows_rejected": walk.tables.rejected,
        ROWS_WALKED: read.rows_walked - walk.tables.rejected_rows,
    }
    if walk.asked:
        metadata["asked_from"] = walk.asked.since.isoformat(timespec="seconds")
    if read.unverified:
        metadata[UNVERIFIED] = read.unverified
    if read.total is not None:
        metadata["api_total"] = read.total
    if isinstance(read, WalkOfWalks):
        metadata |= {
            "parents": len(read.parents),
            "parents_gone": read.parents_gone,
            "parents_refused": read.parents_refused,
        }
    return metadata


def _sync_mode(walk: Walk) -> str:
    if not walk.asked:
        return "full"
    return "window" if walk.asked.is_window else "incremental"


def table_metadata(warehouse: HelpDeskWarehouse, table: Table) -> Mapping[str, Any]:
    """Describe the table as it is in DuckDB after the load."""
    with warehouse.reader(table.dataset) as connection:
        columns = stored_columns(connection, table)
        (row_count,) = connection.execute(f"select count(*) from {table.qualified}").fetchall()[0]
        newest = _newest(connection, table, columns)
    metadata = {
        "dagster/table_name": table.qualified,
        "dagster/column_schema": table.described(columns),
        "dagster/row_count": row_count,
        "duckdb_file": dg.MetadataValue.path(str(warehouse.path(table.dataset))),
    }
    if newest is not None:
        metadata["lag_seconds"] = round((datetime.now(timezone.utc) - newest).total_seconds())
    return metadata


def _newest(
    connection: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[tuple[str, str, bool]]
) -> datetime | None:
    """Return the newest change of a row, or its beginning, that the table knows of."""
    there = [
        name
        for name, duckdb_type, _ in columns
        if name in ("created_at", "updated_at") and duckdb_type == DUCKDB_TYPES["timestamp"]
    ]
    if not there:
        return None
    newest = f"greatest({', '.join(f'max({name})' for name in there)})"
    found: list[tuple[datetime | None]] = connection.execute(
        f"select {newest} from {table.qualified}"
    ).fetchall()
    return found[0][0]
