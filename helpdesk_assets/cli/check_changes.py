"""Findings of `check` about incremental loading: the query parameter, and the clocks."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg
from requests import HTTPError

from helpdesk_assets.cli.finding import Finding, message_of, reader_of
from helpdesk_assets.errors import chain
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.profiles.filters import START
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.tables.paths import value_at
from helpdesk_assets.transport.pages import Page

RECENTLY = timedelta(hours=1)


def of_clock(connection: Connection) -> Finding:
    """Report the difference between the API's clock and this machine's."""
    ahead, changes = connection.session.ahead, connection.settings.changes
    if ahead is None:
        return Finding(
            "clock",
            None,
            "the API does not report its time: changes are found as long as its clock is at most "
            f"{changes.lag if changes else 0:g} seconds (the lag) behind this machine's",
        )
    how = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) < 2:
        return Finding("clock", True, "in sync with this machine's")
    return Finding(
        "clock", True, f"{abs(ahead):,.0f} seconds {how} this machine's, which is compensated for"
    )


def of_changes(api: HelpDeskApi, whole: Page) -> Iterator[Finding]:
    """Request recent changes once, if incremental loading is configured."""
    profile = api.resolved_profile()
    changes = api.resolved_changes(profile, profile.tickets)
    if changes is None:
        return
    if profile.tickets.endpoint.resumes:
        yield Finding("changes", True, "each sync continues the export where the last one ended")
        return
    asked = changes.changes(datetime.now(timezone.utc) - RECENTLY)
    start = asked.values[START]
    spelled = f"{changes.start_param}={start}" if changes.start_param else f"changes since {start}"
    try:
        with api.connection() as connection, connection.walk(asked) as walk:
            request = connection.first_request(asked=asked)
            page = next(reader_of(walk).look(request, pages=1))
    except dg.Failure as failure:
        statuses = [
            cause.response.status_code
            for cause in chain(failure)
            if isinstance(cause, HTTPError) and cause.response is not None
        ]
        why = f"HTTP {statuses[0]}" if statuses else message_of(failure)
        yield Finding(
            "changes",
            False,
            f"the API rejects {spelled} ({why}): look up the parameter and its time format in the "
            "API's documentation, and set start_param, format and time_zone under incremental in "
            "the profile",
        )
        return
    yield _of_answer(changes, asked, spelled, whole, page)


def _of_answer(changes: Filter, asked: Asked, spelled: str, whole: Page, page: Page) -> Finding:
    older = [row for row in page.rows if _is_older(row, changes, asked)]
    if older:
        return Finding(
            "changes",
            False,
            f"{len(older)} of {len(page.rows)} rows returned for {spelled} have not changed since "
            "then, so each sync would read them again: look up the parameter in the API's "
            "documentation, and set start_param",
        )
    same = page.rows == whole.rows and page.total == whole.total
    if same and page.rows:
        return Finding(
            "changes",
            None,
            f"the same rows are returned with and without {spelled}: unless all of them have "
            "changed since then, the API ignores the parameter, and each sync reads every ticket",
        )
    count = len(page.rows) if page.total is None else page.total
    return Finding("changes", True, f"{count:,} rows returned for {spelled}")


def _is_older(row: dict[str, object], changes: Filter, asked: Asked) -> bool:
    if not changes.cursor:
        return False
    try:
        changed = changes.times.instant(value_at(row, changes.cursor))
    except (TypeError, ValueError, OverflowError):
        return False
    return changed < asked.since - timedelta(days=1)
