"""What `check` says of paging: order, overlap, what comes past the end, and what a sync costs."""

from collections.abc import Sequence

from requests import HTTPError

from helpdesk_assets.cli.finding import Finding
from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.paging.positions import ChainPaging, Counted
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.transport.pages import Page

# Where the end is looked for that no total tells of: a place that few desks have.
FAR = 1_000_000
ORDER_IT = (
    "order the list by something unique that a ticket keeps, such as its id, with params in the "
    "profile"
)


def of_order(
    connection: Connection, reader: CompleteReader, first: Page, more: Sequence[Page]
) -> Finding:
    """Say whether the second page joins the first, and rows keep their places between them."""
    read, paging = reader.walk, reader.walk.paging
    if isinstance(paging, ChainPaging):
        return Finding("order", True, "the API's own: each page says where the next one is")
    if read.steps_back:
        return Finding(
            "order",
            False,
            f"the second page does not begin with what the first ended with: {ORDER_IT}",
        )
    if not more or len(first.rows) < 4:
        return Finding("order", True, "one page")
    window = paging.window_at(len(first.rows) // 2, paging.limit)
    between = reader.ask(connection.first_request(), window)
    listed = first.rows + more[0].rows
    places = [listed.index(row) for row in between.rows if row in listed]
    if places != sorted(places):
        return Finding(
            "order",
            False,
            f"rows that have not changed change places from page to page: {ORDER_IT}",
        )
    return Finding("order", True, "the second page joins the first")


def of_end(connection: Connection, reader: CompleteReader, first: Page) -> Finding:
    """Say what comes where the list should have ended."""
    paging = reader.walk.paging
    if isinstance(paging, ChainPaging):
        known = first.total is not None or first.has_more is not None
        return Finding(
            "end",
            True if known else None,
            "said by the API, and not verified"
            + ("" if known else ": nothing but a next page tells whether more follow"),
        )
    size = max(1, len(first.rows))
    offset = FAR if first.total is None else (first.total // size + 1) * size
    try:
        window = paging.window_at(offset, paging.limit)
    except UnusableAnswerError as error:
        return Finding("end", None, f"it {error}")
    try:
        page = reader.ask(connection.first_request(), window)
    except HTTPError as error:
        return _of_refusal(connection, error, paging.place(window))
    except UnusableAnswerError as error:
        return Finding("end", False, f"past the last page it {error}")
    place = paging.place(window)
    if not page.rows:
        return Finding("end", True, f"nothing comes past the last page, at {place}")
    if first.total is None:
        return Finding("end", None, f"not seen: {place} has rows, and the API gives no total")
    return Finding("end", None, f"{len(page.rows)} rows come past the last page, at {place}")


def _of_refusal(connection: Connection, error: HTTPError, place: str) -> Finding:
    status = error.response.status_code if error.response is not None else 0
    actions = connection.settings.resource.endpoint.response_actions
    if status in [action.status_code for action in actions]:
        return Finding("end", True, f"HTTP {status} past the last page, at {place}, as expected")
    if status in (404, 410, 422):
        return Finding(
            "end",
            False,
            f"past the last page, at {place}, comes HTTP {status}, which would fail a run: add "
            f"response_actions to the profile, with status_code: {status} and action: ignore",
        )
    return Finding("end", None, f"the API refuses to be asked for {place} (HTTP {status})")


def of_cost(reader: CompleteReader, page: Page) -> Finding:
    """Say how many requests a sync of every ticket takes."""
    paging = reader.walk.paging
    counted = None if isinstance(paging, ChainPaging) else paging
    proof = "" if counted is None else " and verifies that none is missing"
    if page.total is None:
        said = "unknown, for the API does not say how many there are"
        return Finding("cost", True, f"{said}; a full sync reads all{proof}")
    if counted is None:
        requests = 1 + -(-page.total // max(1, len(page.rows)))
    else:
        requests = _requests(counted, page.total, len(page.rows))
    return Finding(
        "cost",
        True,
        f"a full sync of {page.total:,} tickets takes some {requests:,} requests{proof}",
    )


def _requests(paging: Counted, total: int, size: int) -> int:
    """Count the pages of a walk through a desk that stands still, and the two that end it."""
    limit = min(paging.limit, max(2, size))
    wanted, requests = size - 1, 1
    while 0 < wanted < total - 1:
        window = paging.window(wanted, limit)
        wanted, requests = window.offset + min(window.size, limit) - 1, requests + 1
    return requests + 3
