"""Looks at a help desk before the first sync: what works, and what to do about what does not.

It reads the first two pages, and writes nothing anywhere.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from requests import HTTPError, PreparedRequest, Request, Response

from helpdesk_assets.client.chain import ChainWalk
from helpdesk_assets.client.failures import UNCHANGED, NoTokenError, UnusableAnswerError
from helpdesk_assets.client.pages import MISSING, Page, value_at
from helpdesk_assets.client.paging import Counted
from helpdesk_assets.client.redaction import chain
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.resources.connection import Connection, endpoint_url
from helpdesk_assets.rows import read
from helpdesk_assets.source import spelled_params


@dataclass(frozen=True)
class Finding:
    """What was found out about one thing."""

    what: str
    ok: bool
    said: str


def look(api: HelpDeskApi) -> Iterator[Finding]:
    """Yield what is found, in the order in which one thing needs the one before.

    The first that is not well is the last where nothing can be said of what comes after.
    """
    stage = "profile"
    try:
        profile = api.resolved_profile()
        stage = "settings"
        yield Finding("profile", True, profile.name)
        yield Finding("address", True, api.resolved_base_url(profile))
        with api.connection(full_refresh=True) as connection:
            stage = "host"
            first = _request(connection)
            pages = connection.walk.reader.look(first, pages=2)
            page = next(pages)
            yield Finding("host", True, f"{str(first.url).partition('?')[0]} answers")
            yield Finding("key", True, "accepted")
            yield from _of_rows(connection, page)
            yield _of_order(connection, list(pages))
            yield _of_cost(connection, page)
    except dg.Failure as failure:
        yield from _of_failure(failure, stage)


def _request(connection: Connection) -> PreparedRequest:
    endpoint = connection.profile.tickets.endpoint
    session = connection.walk.reader.session.requests_session
    return session.prepare_request(
        Request(
            "GET",
            endpoint_url(connection.base_url, endpoint.path),
            params=spelled_params(endpoint.params),
            headers=dict(connection.profile.client.headers),
            auth=connection.auth,
            hooks={"response": _raise_for_status},
        )
    )


def _raise_for_status(response: Response, *_: object, **__: object) -> None:
    response.raise_for_status()


def _of_rows(connection: Connection, page: Page) -> Iterator[Finding]:
    resource = connection.profile.tickets
    selector = resource.endpoint.data_selector
    count = len(page.rows)
    if not count:
        yield Finding("rows", True, f"none at {selector}: the desk is empty")
        return
    yield Finding("rows", True, f"{count} at {selector}, on the first page")
    columns = resource.columns()
    found = {
        column.name: sum(value_at(row, column.field) not in (None, MISSING) for row in page.rows)
        for column in columns
    }
    lost = [
        f"{column.name} (at {'.'.join(column.field)})"
        for column in columns
        if not found[column.name]
    ]
    said = ", ".join(f"{name} in {found[name]}" for name in found)
    yield Finding(
        "fields",
        not lost,
        f"{said} of {count} rows"
        if not lost
        else f"no row has {', '.join(lost)}: mend fields in the profile; the rows have "
        f"{', '.join(sorted({name for row in page.rows for name in row}))}",
    )
    reasons = Counter(reason for row in page.rows if (reason := read(row, columns)[1]))
    yield Finding(
        "types",
        not reasons,
        f"all {count} rows can be read"
        if not reasons
        else "; ".join(f"{reason} in {times} of {count} rows" for reason, times in reasons.items())
        + ": give the field its type in the profile",
    )


def _of_order(connection: Connection, more: list[Page]) -> Finding:
    walk = connection.walk.reader.walk
    if isinstance(walk, ChainWalk):
        return Finding("order", True, "the API's own: each page says where the next one is")
    if walk.steps_back:
        return Finding(
            "order",
            False,
            "the second page does not begin with what the first ended with: order the list by "
            "something that a ticket keeps, such as its id, with params in the profile",
        )
    return Finding("order", True, "the second page joins the first" if more else "one page")


def _of_cost(connection: Connection, page: Page) -> Finding:
    walk = connection.walk.reader.walk
    proof = "and shows that none is missing" if not isinstance(walk, ChainWalk) else ""
    if page.total is None:
        return Finding(
            "cost", True, f"unknown, for the API does not say how many there are {proof}"
        )
    if isinstance(walk, ChainWalk):
        requests = 1 + -(-page.total // max(1, len(page.rows)))
    else:
        requests = _requests(walk.paging, page.total, len(page.rows))
    said = f"a full sync of {page.total:,} tickets takes some {requests:,} requests {proof}"
    return Finding("cost", True, said.rstrip())


def _requests(paging: Counted, total: int, size: int) -> int:
    """Count the pages of a walk through a desk that stands still, and the two that end it."""
    limit = min(paging.limit, max(2, size))
    wanted, requests = size - 1, 1
    while 0 < wanted < total - 1:
        window = paging.window(wanted, limit)
        wanted, requests = window.offset + min(window.size, limit) - 1, requests + 1
    return requests + 3


def _of_failure(failure: dg.Failure, what: str) -> Iterator[Finding]:
    """Say what works nevertheless, and then what does not."""
    causes = list(chain(failure)) if what == "host" else []
    if any(isinstance(cause, NoTokenError) for cause in causes):
        what = "key"
    elif any(isinstance(cause, UnusableAnswerError) for cause in causes):
        what = "rows"
    elif refused := [cause for cause in causes if isinstance(cause, HTTPError)]:
        what = "key" if refused[0].response.status_code in (401, 403) else "path"
    before = {"key": ["host"], "path": ["host"], "rows": ["host", "key"]}.get(what, [])
    for name in before:
        yield Finding(name, True, "answers" if name == "host" else "accepted")
    yield Finding(what, False, str(failure.description).removesuffix(UNCHANGED).rstrip())
