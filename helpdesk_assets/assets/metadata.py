"""Materialization metadata: about the load, how the list was read, and the table."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import dlt

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.load.entries import OVERLAP_RETRIES, ROWS_WALKED, UNVERIFIED
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.portions import WalkOfWalks
from helpdesk_assets.tables.schema import DUCKDB_TYPES, TABLE, Table
from helpdesk_assets.tables.stored import stored_columns

# The age of the newest ticket as a number of seconds, which plots, and as text.
LAG_SECONDS = "lag_seconds"
NEWEST_TICKET_AGE = "newest_ticket_age"


def code_references(file: str | Path, line: int = 1) -> Mapping[str, Any]:
    """Return the metadata that links an asset to its source code in the Dagster UI."""
    with warnings.catch_warnings():
        # The API is in beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(file), line_number=line)
        return {
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])
        }


def loaded(pipeline: dlt.Pipeline, table: Table) -> tuple[int, str]:
    """Return the number of rows passed to the merge, and the id of the load."""
    trace = pipeline.last_trace
    normalized = trace.last_normalize_info if trace else None
    if not normalized:
        return 0, ""
    return normalized.row_counts.get(table.name, 0), ",".join(normalized.loads_ids)


def kept(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Remove the load jobs from dagster-dlt's metadata, as their files no longer exist."""
    return {name: value for name, value in (metadata or {}).items() if name != "jobs"}


def walk_metadata(walk: Walk) -> Mapping[str, Any]:
    """Return metadata about how the list was read.

    Values that the API does not report are omitted, so that the others can be plotted.
    """
    read = walk.reader.walk
    metadata: dict[str, Any] = {
        "profile": walk.profile,
        "completeness_verified": read.unverified is None,
        "sync_mode": _sync_mode(walk),
        "pages": read.pages,
        OVERLAP_RETRIES: read.overlap_retries,
        "requests": walk.reader.session.requests,
        "retries": walk.reader.session.retries,
        "rows_read": walk.tables.read,
        "rows_rejected": walk.tables.rejected,
        ROWS_WALKED: walk.rows_walked - walk.tables.rejected_rows,
    }
    if walk.asked:
        metadata["asked_from"] = walk.asked.since.isoformat(timespec="seconds")
    if read.unverified:
        metadata[UNVERIFIED] = read.unverified
    if read.total is not None:
        metadata["api_total"] = read.total
    if isinstance(read, WalkOfWalks):
        metadata |= {
            "parents": read.lists,
            "parents_gone": read.parents_gone,
            "parents_refused": read.parents_refused,
        }
    return metadata


def _sync_mode(walk: Walk) -> str:
    if not walk.asked:
        return "full"
    return "window" if walk.asked.is_window else "incremental"


def table_metadata(connection: DuckDBPyConnection, table: Table) -> Mapping[str, Any]:
    """Return metadata about a table after its load.

    Args:
        connection: to its place; may be in the transaction that ends the load.
        table: the table, which exists.
    """
    columns = stored_columns(connection, table)
    (row_count,) = connection.execute(f"select count(*) from {table.qualified}").fetchall()[0]
    newest = _newest(connection, table, columns)
    metadata = {
        "dagster/table_name": table.qualified,
        "dagster/column_schema": table.described(columns),
        "dagster/row_count": row_count,
    }
    if newest is not None:
        lag = round((datetime.now(timezone.utc) - newest).total_seconds())
        metadata[LAG_SECONDS] = lag
        if table.name == TABLE:
            metadata[NEWEST_TICKET_AGE] = age_of(lag)
    return metadata


def age_of(seconds: int) -> str:
    """Return an age as text, in its two largest units, such as 15 d 17 h."""
    minutes = max(0, seconds) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def _newest(
    connection: DuckDBPyConnection, table: Table, columns: Sequence[tuple[str, str, bool]]
) -> datetime | None:
    """Return the latest time in updated_at or created_at; None without these columns."""
    there = [
        name
        for name, duckdb_type, _ in columns
        if name in ("created_at", "updated_at") and duckdb_type == DUCKDB_TYPES["timestamp"]
    ]
    if not there:
        return None
    newest = f"greatest({', '.join(f'max({name})' for name in there)})"
    # As a number, because DuckDB loads the list of all time zones to return a time.
    ((seconds,),) = connection.execute(f"select epoch({newest}) from {table.qualified}").fetchall()
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
