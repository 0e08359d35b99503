"""Maintenance of the DuckDB file: what it needs from time to time, and how large it is."""

from collections.abc import Mapping
from typing import Any

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.warehouse.file import DuckDbFile
from helpdesk_assets.warehouse.staging import drop_all_staging

# A full load writes all rows again before the old ones are removed, so that half of a file is
# usually free. More than this share, and bytes, are worth a remark.
MUCH_SHARE = 0.75
MUCH_BYTES = 100_000_000


def maintain_file(file: DuckDbFile) -> Mapping[str, Any]:
    """Write to the file what is only in its log, remove what killed loads have left.

    Returns:
        Its size in bytes, the share of it that is free, 0 to 1, and if that is much, how to give
        it back to the disk.

    Raises:
        dg.Failure: the file cannot be opened, or is in use after ``lock_timeout`` seconds.
    """
    with file.locked(), file.explained(), file.held_open(file.connect) as connection:
        drop_all_staging(connection)
        connection.execute("checkpoint")
        free = _free_share(connection)
        size = file.path.stat().st_size
    metadata: dict[str, Any] = {"bytes": size, "free_share": round(free, 3)}
    if free > MUCH_SHARE and free * size > MUCH_BYTES:
        metadata["how_to_compact"] = _how_to_compact(file)
    return metadata


def _free_share(connection: DuckDBPyConnection) -> float:
    ((total, free),) = connection.execute(
        "select total_blocks, free_blocks from pragma_database_size()"
        " where database_name = current_database()"
    ).fetchall()
    return free / total if total else 0.0


def _how_to_compact(file: DuckDbFile) -> str:
    name = file.path.name
    return (
        f"Later loads use the free space of {name} again. To give it back to the disk, stop loads "
        f"and readers, and run in the folder of the file: duckdb -c \"attach '{name}' as large "
        f"(read_only); attach '{name}.new' as small; copy from database large to small\" && mv "
        f"{name}.new {name}"
    )
