"""Types that annotations name by text, so that functions do not refer to them. See collector."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import duckdb

# DuckDB's extension module reports what is not deleted at the end of the process.
DuckDBPyConnection: TypeAlias = "duckdb.DuckDBPyConnection"
