"""The settings of the source that are numbers: their bounds, defaults, and what they are for."""

from dataclasses import dataclass

from helpdesk_assets.paging.flight import MOST_IN_FLIGHT

DEFAULT_IN_FLIGHT = 4
DEFAULT_LAG = 300.0
DEFAULT_REJECTED_SHARE = 0.05
DEFAULT_DELETED_SHARE = 0.1


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
