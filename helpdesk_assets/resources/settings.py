"""The settings of the source: their bounds and defaults, and what is said of one that is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dlt.common.configuration.exceptions import ConfigValueCannotBeCoercedException

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.paging.flight import MOST_IN_FLIGHT

DEFAULT_IN_FLIGHT = 4
DEFAULT_LAG = 300.0
DEFAULT_REJECTED_SHARE = 0.05
DEFAULT_DELETED_SHARE = 0.1

KINDS = {bool: "true or false", float: "a number", int: "a whole number"}


@contextmanager
def settings_explained() -> Iterator[None]:
    """Turn a value of the wrong type into a dg.Failure that names its setting; also a decorator."""
    try:
        yield
    except ConfigValueCannotBeCoercedException as error:
        # dlt says a whole key, or one of its own settings by its last part.
        key = error.field_name if "." in error.field_name else f"runtime.{error.field_name}"
        name = key.upper().replace(".", "__")
        kind = KINDS.get(error.hint, "of the right type")
        raise setting_failure(
            f"The setting {key} is not {kind}: set {name} to one that is."
        ) from None


@dataclass(frozen=True)
class Number:
    """A setting that is a number: what it is when left out, its bounds, and an example."""

    what: str
    default: float | None
    lowest: float
    highest: float
    example: float


NUMBERS = {
    "pages_in_flight": Number(
        "number of pages to ask for at the same time",
        DEFAULT_IN_FLIGHT,
        1,
        MOST_IN_FLIGHT,
        DEFAULT_IN_FLIGHT,
    ),
    "requests_per_second": Number("number of requests a second", None, 0.001, 10_000, 10),
    "rejected_share": Number(
        "share of tickets that may be rejected", DEFAULT_REJECTED_SHARE, 0, 1, 0.05
    ),
    "deleted_share": Number(
        "share of tickets that may disappear at once", DEFAULT_DELETED_SHARE, 0, 1, 0.1
    ),
    "incremental.lag": Number(
        "lag of the incremental sync, in seconds,", DEFAULT_LAG, 0, 10**9, DEFAULT_LAG
    ),
}


def left_out(name: str, otherwise: str = "") -> str:
    """Say where a setting is looked for when the resource does not have it."""
    section, _, key = f"sources.help_desk.{name}".rpartition(".")
    return (
        f"When left out: {variable(name)}, or {key} under [{section}] in .dlt/config.toml"
        f"{f', or {otherwise}' if otherwise else ''}."
    )


def variable(name: str) -> str:
    """Return the name that a setting of the source has in the environment."""
    return f"SOURCES__HELP_DESK__{name.replace('.', '__').upper()}"
