"""Help desk tickets from a REST API, in DuckDB, as Dagster assets."""

from helpdesk_assets.collector import paused_for_imports

with paused_for_imports():
    from helpdesk_assets.build import build_defs
    from helpdesk_assets.component import HelpDeskComponent
    from helpdesk_assets.definitions import defs
    from helpdesk_assets.desk import HelpDesk

__all__ = ["HelpDesk", "HelpDeskComponent", "build_defs", "defs"]
