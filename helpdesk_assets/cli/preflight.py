"""Looks at a help desk before the first sync: what works, and what to do about what does not.

It reads the first two pages of the tickets and one of whatever else the profile lists, and writes
nothing anywhere.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from requests import HTTPError

from helpdesk_assets.errors import UNCHANGED, NoTokenError, UnusableAnswerError, chain
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.chained import ChainWalk
from helpdesk_assets.paging.positions import Counted
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles.model import Profile, parent_column
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.tables.paths import MISSING, value_at
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import TABLE, Table
from helpdesk_assets.transport.pages import Page


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
        with api.connection() as connection, connection.walk() as walk:
            stage = "host"
            first = connection.first_request()
            pages = _one_list(walk).look(first, pages=2)
            page = next(pages)
            yield Finding("host", True, f"{str(first.url).partition('?')[0]} answers")
            yield Finding("key", True, "accepted")
            yield from _of_rows(connection, page)
            yield _of_order(walk, list(pages))
            yield _of_cost(walk, page)
    except dg.Failure as failure:
        yield from _of_failure(failure, stage)
        return
    yield from _of_other_lists(api, profile, page.rows)


def _one_list(walk: Walk) -> CompleteReader:
    reader = walk.reader
    if not isinstance(reader, CompleteReader):
        raise TypeError("It is a list for each row of another.")
    return reader


def _of_other_lists(api: HelpDeskApi, profile: Profile, tickets: list[Row]) -> Iterator[Finding]:
    """Look at the first page of whatever else the profile lists; of one that has a list for each
    row of another, at the list of the first row.
    """
    seen = {TABLE: tickets}
    others = [resource for resource in profile.resources if resource.name != TABLE]
    for resource in sorted(others, key=lambda resource: resource.parent is not None):
        try:
            table = Table(resource.name, desk=api.desk)
            with api.connection(table=table) as connection, connection.walk() as walk:
                rows = _first_rows(connection, walk, seen)
        except dg.Failure as failure:
            yield Finding(resource.name, False, _said(failure))
            continue
        seen[resource.name] = rows
        lost = [
            f"{column.name} (at {'.'.join(column.field)})"
            for column in resource.columns()
            if all(value_at(row, column.field) in (None, MISSING) for row in rows)
        ]
        at = resource.endpoint.data_selector
        if rows and lost:
            yield Finding(
                resource.name, False, f"no row has {', '.join(lost)}: mend fields in the profile"
            )
        else:
            whose = f", for the first of {resource.parent}" if resource.parent else ""
            yield Finding(resource.name, True, f"{len(rows)} rows at {at}{whose}")


def _first_rows(connection: Connection, walk: Walk, seen: dict[str, list[Row]]) -> list[Row]:
    reader, parent = walk.reader, walk.parent
    if isinstance(reader, CompleteReader) or parent is None:
        return next(_one_list(walk).look(connection.first_request(), pages=1)).rows
    key = connection.settings.profile.resource(parent).columns()[0]
    ids = [value_at(row, key.field) for row in seen.get(parent, [])[:1]]
    return next(reader.rows(ids, parent_column(parent)))


def _of_rows(connection: Connection, page: Page) -> Iterator[Finding]:
    resource = connection.settings.resource
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


def _of_order(walked: Walk, more: list[Page]) -> Finding:
    walk = _one_list(walked).walk
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


def _of_cost(walked: Walk, page: Page) -> Finding:
    walk = _one_list(walked).walk
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
    yield Finding(what, False, _said(failure))


def _said(failure: dg.Failure) -> str:
    return str(failure.description).removesuffix(UNCHANGED).rstrip()
