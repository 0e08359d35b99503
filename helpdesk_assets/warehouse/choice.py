"""Which of dlt's destinations tickets are loaded into, as its settings say.

As for every pipeline of dlt, ``destination_type`` names the destination, or ``destination_name`` a
section with settings of its own. Without them, it is the one whose section has credentials.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dlt
import dlt.destinations

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.settings import from_environment

DUCKDB, DUCKLAKE, MOTHERDUCK = "duckdb", "ducklake", "motherduck"
KINDS = (DUCKDB, DUCKLAKE, MOTHERDUCK)
CHOOSE = f"set DESTINATION_TYPE to one of {', '.join(KINDS)}"
# A section is configured if one of these is set in it.
CREDENTIALS = (
    "credentials",
    "credentials.database",
    "credentials.password",
    "credentials.catalog",
    "credentials.ducklake_name",
    "credentials.storage",
    "credentials.storage.bucket_url",
)


@dataclass(frozen=True)
class Choice:
    """A destination.

    Attributes:
        kind: one of ``KINDS``.
        section: the section of its settings, below ``destination``.
    """

    kind: str
    section: str


def chosen(pipeline: str) -> Choice:
    """Return the destination that dlt's settings name for a pipeline. Default: a DuckDB file.

    Raises:
        dg.Failure: it is not supported, or the settings name several.
    """
    named = _named(pipeline, _setting)
    if named:
        return named
    configured = [kind for kind in KINDS if _is_configured(kind, _setting)]
    if len(configured) > 1:
        sections = " and ".join(f"[destination.{kind}]" for kind in configured)
        raise setting_failure(
            f"Tickets are loaded into one place, and {sections} are configured: {CHOOSE}, or "
            "remove the settings of the others."
        )
    if configured:
        return Choice(configured[0], configured[0])
    for other in dlt.destinations.__all__:
        if other not in KINDS and dlt.secrets.get(f"destination.{other}.credentials"):
            raise _unsupported(other)
    return Choice(DUCKDB, DUCKDB)


def kind_of_environment() -> str:
    """Return the kind of place, as far as the environment names it; for definitions."""
    for name in ("destination_type", "destination_name"):
        kind = _plain(from_environment(name))
        if kind in KINDS:
            return kind
    configured = [kind for kind in KINDS if _is_configured(kind, from_environment)]
    return configured[0] if len(configured) == 1 else DUCKDB


def _named(pipeline: str, setting: Callable[[str], Any]) -> Choice | None:
    """Return the destination that is named. Raises dg.Failure if it is not supported."""
    found: dict[str, Any] = {}
    for name in ("destination_type", "destination_name"):
        for section in (f"pipelines.{pipeline}.", "pipelines.", ""):
            found[name] = found.get(name) or setting(f"{section}{name}")
    kind, section = found["destination_type"], found["destination_name"]
    if not (kind or section):
        return None
    # A section may name its type itself, and a type may be the name of such a section.
    section = str(section or kind)
    kind = _plain(str(setting(f"destination.{section}.destination_type") or kind or section))
    if kind not in KINDS:
        raise _unsupported(kind)
    return Choice(kind, _plain(section))


def _is_configured(kind: str, setting: Callable[[str], Any]) -> bool:
    return any(setting(f"destination.{kind}.{name}") for name in CREDENTIALS)


def _setting(name: str) -> Any:
    return dlt.secrets.get(name)


def _plain(kind: str) -> str:
    """Return the name of a destination, which dlt also accepts with its module."""
    return kind.strip().rpartition(".")[2]


def _unsupported(kind: str) -> Exception:
    shown = kind if kind in dlt.destinations.__all__ else "another destination"
    return setting_failure(
        f"Tickets cannot be loaded into {shown}, because checks and reports need DuckDB: {CHOOSE}."
    )
