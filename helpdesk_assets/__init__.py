"""Help desk tickets from a REST API, in DuckDB, as Dagster assets."""

from typing import TYPE_CHECKING, Any

from helpdesk_assets.collector import exempt_libraries, paused

with paused():
    exempt_libraries()
    from helpdesk_assets.build import build_defs
    from helpdesk_assets.component import HelpDeskComponent
    from helpdesk_assets.desk import HelpDesk

if TYPE_CHECKING:
    from helpdesk_assets.definitions import defs

__all__ = ["HelpDesk", "HelpDeskComponent", "build_defs", "defs"]


def __getattr__(name: str) -> Any:
    """Return the definitions of the default help desk, which other code locations do not need."""
    if name != "defs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with paused():
        from helpdesk_assets.definitions import defs
    globals()[name] = defs
    return defs


def __dir__() -> list[str]:
    """Return the public names, among which Dagster looks for definitions."""
    return sorted({*globals(), *__all__})
