"""What a materialization says of itself: the load, the walk it came from, and the table."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import dlt

from helpdesk_assets.client.parents import WalkOfWalks
from helpdesk_assets.resources import HelpDeskWarehouse, stored_columns
from helpdesk_assets.schema import Table
from helpdesk_assets.source import Walk

# The metadata entry that tells the checks which load to look for in the table.
LOAD_ID = "load_id"


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
        "paging_is_shown": read.is_shown,
        "sync_mode": _sync_mode(walk),
        "pages": read.pages,
        "steps_back": read.steps_back,
        "requests": walk.reader.session.requests,
        "retries": walk.reader.session.retries,
        "rows_read": walk.tables.read,
        "rows_rejected": walk.tables.rejected,
    }
    if read.total is not None:
        metadata["api_total"] = read.total
    if isinstance(read, WalkOfWalks):
        metadata |= {"parents": len(read.parents), "parents_gone": read.parents_gone}
    return metadata


def _sync_mode(walk: Walk) -> str:
    if not walk.incremental:
        return "full"
    return "window" if walk.incremental.is_window else "incremental"


def table_metadata(warehouse: HelpDeskWarehouse, table: Table) -> Mapping[str, Any]:
    """Describe the table as it is in DuckDB after the load."""
    with warehouse.reader() as connection:
        columns = stored_columns(connection, table.name)
        (row_count,) = connection.execute(f"select count(*) from {table.qualified}").fetchall()[0]
    return {
        "dagster/table_name": table.qualified,
        "dagster/column_schema": table.described(columns),
        "dagster/row_count": row_count,
        "duckdb_file": dg.MetadataValue.path(str(warehouse.path())),
    }
