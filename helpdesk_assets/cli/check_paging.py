"""Findings of `check` about paging: sort order, overlap, the end of the list, and the cost."""

from collections.abc import Sequence

from requests import HTTPError

from helpdesk_assets.cli.finding import Finding
from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.paging.positions import CeilingError, ChainPaging, Counted
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.transport.pages import Page

# The offset that is assumed to be past the end if there is no total. Few help desks have as many
# tickets.
FAR = 1_000_000
ORDER_IT = (
    "sort the list by a unique field that does not change, such as the id, with params in the "
    "profile"
)


def of_order(
    connection: Connection, reader: CompleteReader, first: Page, more: Sequence[Page]
) -> Finding:
    """Report whether the second page continues the first, and rows keep their positions."""
    read, paging = reader.walk, reader.walk.paging
    if isinstance(paging, ChainPaging):
        return Finding("order", True, "determined by the API: each page links to the next")
    if read.overlap_retries:
        return Finding(
            "order",
            False,
            f"the second page does not start with the last row of the first: {ORDER_IT}",
        )
    if not more or len(first.rows) < 4:
        return Finding("order", True, "all rows fit on one page")
    window = paging.window_at(len(first.rows) // 2, paging.limit)
    between = reader.ask(connection.first_request(), window)
    listed = first.rows + more[0].rows
    places = [listed.index(row) for row in between.rows if row in listed]
    if places != sorted(places):
        return Finding(
            "order",
            False,
            f"the order of unchanged rows differs from page to page: {ORDER_IT}",
        )
    return Finding("order", True, "the second page continues the first")


def of_end(connection: Connection, reader: CompleteReader, first: Page) -> Finding:
    """Report what the API returns past the end of the list."""
    paging = reader.walk.paging
    if isinstance(paging, ChainPaging):
        known = first.total is not None or first.has_more is not None
        return Finding(
            "end",
            True if known else None,
            "reported by the API, not verified"
            + ("" if known else ": only a link to a next page indicates that more rows follow"),
        )
    size = max(1, len(first.rows))
    offset = FAR if first.total is None else (first.total // size + 1) * size
    try:
        window = paging.window_at(offset, paging.limit)
    except CeilingError as error:
        if connection.settings.resource.endpoint.is_sliced:
            return Finding(
                "end",
                True,
                "the API returns only the first rows of a list; the list is read on from the time "
                "of its last rows",
            )
        return Finding("end", None, f"the API {error}")
    try:
        page = reader.ask(connection.first_request(), window)
    except HTTPError as error:
        return _of_refusal(connection, error, paging.place(window))
    except UnusableAnswerError as error:
        return Finding("end", False, f"past the last page, the API {error}")
    place = paging.place(window)
    if not page.rows:
        return Finding("end", True, f"no rows past the last page, at {place}")
    if first.total is None:
        return Finding("end", None, f"not found: {place} has rows, and the API reports no total")
    return Finding("end", None, f"{len(page.rows)} rows returned past the last page, at {place}")


def _of_refusal(connection: Connection, error: HTTPError, place: str) -> Finding:
    status = error.response.status_code if error.response is not None else 0
    actions = connection.settings.resource.endpoint.response_actions
    if status in [action.status_code for action in actions]:
        return Finding("end", True, f"HTTP {status} past the last page, at {place}, as expected")
    if status in (404, 410, 422):
        return Finding(
            "end",
            False,
            f"the API returns HTTP {status} past the last page, at {place}, which would fail a "
            f"run: add response_actions to the profile, with status_code: {status} and action: "
            "ignore",
        )
    return Finding("end", None, f"the API rejects requests for {place} (HTTP {status})")


def of_cost(connection: Connection, reader: CompleteReader, page: Page) -> Finding:
    """Report how many requests a full sync takes."""
    paging = reader.walk.paging
    counted = None if isinstance(paging, ChainPaging) else paging
    passes = connection.settings.resource.endpoint.passes_of_full_syncs
    has_proof = counted is not None and len(passes) < 2
    proof = " and verifies completeness" if has_proof else ""
    if page.total is None:
        unknown = "unknown, because the API reports no total"
        return Finding("cost", True, f"{unknown}; a full sync reads every ticket{proof}")
    if counted is None:
        requests = 1 + -(-page.total // max(1, len(page.rows)))
    else:
        requests = _requests(counted, page.total, len(page.rows))
    return Finding(
        "cost",
        True,
        f"a full sync of {page.total:,} tickets takes about {requests:,} requests{proof}",
    )


def _requests(paging: Counted, total: int, size: int) -> int:
    """Return the number of requests for a list that does not change, including the final ones."""
    limit = min(paging.limit, max(2, size))
    wanted, requests = size - 1, 1
    while 0 < wanted < total - 1:
        try:
            window = paging.window(wanted, limit)
        except CeilingError:
            # The rest is read in slices of the same size.
            return (requests + 3) * -(-total // (wanted + 1))
        wanted, requests = window.offset + min(window.size, limit) - 1, requests + 1
    return requests + 3
