"""Checks a help desk before the first sync: what works, and how to fix what does not.

It reads the first two pages of tickets, a page between them, one past the last, one of recent
changes, and the first page of each other list in the profile. It writes nothing but refresh tokens,
which change with each use.
"""

from collections.abc import Iterator

import dagster as dg
from requests import HTTPError

from helpdesk_assets.assets.loaded import reload_needed
from helpdesk_assets.cli.check_changes import of_changes, of_clock
from helpdesk_assets.cli.check_paging import of_cost, of_end, of_order
from helpdesk_assets.cli.check_rows import of_other_lists, of_rows
from helpdesk_assets.cli.finding import Finding, message_of, reader_of
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import NoTokenError, UnusableAnswerError, chain
from helpdesk_assets.profiles.client import secrets_of
from helpdesk_assets.resources import HelpDeskApi


def look(api: HelpDeskApi) -> Iterator[Finding]:
    """Yield the findings in order of dependency.

    A failed finding is the last one if the following ones depend on it.
    """
    stage = "profile"
    try:
        profile = api.resolved_profile()
        stage = "settings"
        yield Finding("profile", True, profile.name)
        yield from _of_assets(api)
        yield Finding("address", True, api.resolved_base_url(profile))
        with api.connection() as connection, connection.walk() as walk:
            stage = "host"
            first = connection.first_request()
            reader = reader_of(walk)
            pages = reader.look(first, pages=2)
            page = next(pages)
            yield Finding("host", True, f"{str(first.url).partition('?')[0]} answers")
            needed = secrets_of(profile.client)
            yield Finding("key", True, "accepted" if needed else "none is needed")
            yield of_clock(connection)
            yield from of_rows(connection, page.rows)
            yield of_order(connection, reader, page, list(pages))
            yield of_end(connection, reader, page)
            yield of_cost(connection, reader, page)
    except dg.Failure as failure:
        yield from _of_failure(failure, stage)
        return
    yield from of_changes(api, page)
    yield from of_other_lists(api, profile, page.rows)


def _of_assets(api: HelpDeskApi) -> Iterator[Finding]:
    """Report which lists of the profile are not assets in a code location of this environment."""
    known = [table.name for table, _ in HelpDesk(name=api.desk).tables()]
    if missing := reload_needed(api, known):
        yield Finding("assets", None, missing)


def _of_failure(failure: dg.Failure, what: str) -> Iterator[Finding]:
    """Yield what works despite the failure, and then the failure."""
    causes = list(chain(failure)) if what == "host" else []
    if any(isinstance(cause, NoTokenError) for cause in causes):
        # A token is requested first, often from another host.
        yield Finding("key", False, message_of(failure))
        return
    if any(isinstance(cause, UnusableAnswerError) for cause in causes):
        what = "rows"
    elif refused := [cause for cause in causes if isinstance(cause, HTTPError)]:
        what = "key" if refused[0].response.status_code in (401, 403) else "path"
    before = {"key": ["host"], "path": ["host"], "rows": ["host", "key"]}.get(what, [])
    for name in before:
        yield Finding(name, True, "answers" if name == "host" else "accepted")
    yield Finding(what, False, message_of(failure))
