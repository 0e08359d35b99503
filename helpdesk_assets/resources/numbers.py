"""The numeric settings of the source: their descriptions, bounds and defaults."""

from dataclasses import dataclass

from helpdesk_assets.paging.flight import MOST_IN_FLIGHT

DEFAULT_IN_FLIGHT = 4
DEFAULT_LAG = 300.0
DEFAULT_REJECTED_SHARE = 0.05
DEFAULT_DELETED_SHARE = 0.1


@dataclass(frozen=True)
class Number:
    """A setting that is a number: its default, its bounds, and an example."""

    what: str
    default: float | None
    lowest: float
    highest: float
    example: float


NUMBERS = {
    "pages_in_flight": Number(
        "number of pages to request in parallel",
        DEFAULT_IN_FLIGHT,
        1,
        MOST_IN_FLIGHT,
        DEFAULT_IN_FLIGHT,
    ),
    "requests_per_second": Number("number of requests per second", None, 0.001, 10_000, 10),
    "rejected_share": Number(
        "share of tickets that may be rejected", DEFAULT_REJECTED_SHARE, 0, 1, 0.05
    ),
    "deleted_share": Number(
        "share of tickets that may be deleted at once", DEFAULT_DELETED_SHARE, 0, 1, 0.1
    ),
    "incremental.lag": Number(
        "lag of the incremental sync in seconds", DEFAULT_LAG, 0, 10**9, DEFAULT_LAG
    ),
}
