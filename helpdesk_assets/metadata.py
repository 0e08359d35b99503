"""What a materialization says of itself: the load, the walk it came from, and the table."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import dlt

from helpdesk_assets.resources import HelpDeskWarehouse, stored_columns
from helpdesk_assets.schema import QUALIFIED_TABLE, TABLE, table_schema
from helpdesk_assets.source import Walk

# The metadata entry that tells the checks which load to look for in the table.
LOAD_ID = "load_id"


def loaded(pipeline: dlt.Pipeline) -> tuple[int, str]:
    """Return how many tickets the run handed to the merge, and the id of its load."""
    trace = pipeline.last_trace
    normalized = trace.last_normalize_info if trace else None
    if not normalized:
        return 0, ""
    return normalized.row_counts.get(TABLE, 0), ",".join(normalized.loads_ids)


def kept(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Leave out of dagster-dlt's metadata the load jobs, which name files that are gone."""
    return {name: value for name, value in (metadata or {}).items() if name != "jobs"}


def walk_metadata(walk: Walk) -> Mapping[str, Any]:
    """Say how the desk was read; what the API does not say is left out, so that it plots."""
    read = walk.reader.walk
    metadata = {
        "profile": walk.profile,
        "paging_is_shown": read.is_shown,
        "sync_mode": _sync_mode(walk),
        "pages": read.pages,
        "steps_back": read.steps_back,
        "requests": walk.reader.session.requests,
        "retries": walk.reader.session.retries,
        "rows_read": walk.tickets.read,
        "rows_rejected": walk.tickets.rejected,
    }
    if read.total is not None:
        metadata["api_total"] = read.total
    return metadata


def _sync_mode(walk: Walk) -> str:
    if not walk.incremental:
        return "full"
    return "window" if walk.incremental.is_window else "incremental"


def table_metadata(warehouse: HelpDeskWarehouse) -> Mapping[str, Any]:
    """Describe the table as it is in DuckDB after the load."""
    with warehouse.reader() as connection:
        columns = stored_columns(connection)
        (row_count,) = connection.execute(f"select count(*) from {QUALIFIED_TABLE}").fetchall()[0]
    return {
        "dagster/table_name": QUALIFIED_TABLE,
        "dagster/column_schema": table_schema(columns),
        "dagster/row_count": row_count,
        "duckdb_file": dg.MetadataValue.path(str(warehouse.path())),
    }
