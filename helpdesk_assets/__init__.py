"""Help desk tickets from a REST API, in DuckDB, as Dagster assets."""

from helpdesk_assets.definitions import defs

__all__ = ["defs"]
