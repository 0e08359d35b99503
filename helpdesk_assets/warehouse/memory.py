"""The default memory limit of DuckDB: as much as the table needs, if the machine has it."""

from collections.abc import Mapping
from functools import cache

import duckdb

MEGABYTE = 1_000_000
# What a load needs for the rows that it replaces: DuckDB keeps in memory which rows of a table a
# transaction has deleted. Measured: ten million rows need between 300 and 400 MB.
BYTES_A_ROW = 40
# Enough for ten million rows. On small machines, up to half of the memory, but not less than the
# other number.
USUAL = 400 * MEGABYTE
LEAST = 200 * MEGABYTE
# DuckDB's own default is this share of the memory of the machine, or of its container.
DUCKDB_SHARE = 0.8
UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
# For dlt's merge:
# - It reads each file once, so DuckDB does not keep the files in memory: a merge of ten million
#   tickets peaked 85 MB lower, in the same time.
# - It removes duplicates with a window function. Since version 1.5, DuckDB replaces that by an
#   aggregation, which uses more memory, and in a lake by a join with the places of rows in its
#   files, which cannot use the disk: a million tickets needed more than 500 MB.
FOR_MERGES: Mapping[str, str] = {
    "enable_external_file_cache": "false",
    **(
        {"disabled_optimizers": "top_n_window_elimination"}
        if tuple(map(int, duckdb.__version__.split(".")[:2])) >= (1, 5)
        else {}
    ),
}


def default_limit(rows: int = 0) -> str:
    """Return the default memory limit, in DuckDB's syntax.

    Args:
        rows: the number of rows in the table that is loaded.
    """
    needed = max(USUAL, BYTES_A_ROW * rows)
    return f"{max(LEAST, min(needed, machine_memory() // 2)) // MEGABYTE}MB"


@cache
def machine_memory() -> int:
    """Return the memory of the machine, or of its container, in bytes, as DuckDB determines it."""
    with duckdb.connect() as connection:
        ((shown,),) = connection.execute("select current_setting('memory_limit')").fetchall()
    number, unit = str(shown).split()
    return round(float(number) * UNITS[unit] / DUCKDB_SHARE)
