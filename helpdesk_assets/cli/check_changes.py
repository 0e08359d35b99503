"""What `check` says of asking for what has changed: the parameter, and the clocks it rests on."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg
from requests import HTTPError

from helpdesk_assets.cli.finding import Finding, reader_of, said
from helpdesk_assets.errors import chain
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.incremental import Asked, Filter
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.tables.paths import value_at
from helpdesk_assets.transport.pages import Page

RECENTLY = timedelta(hours=1)


def of_clock(connection: Connection) -> Finding:
    """Say how far the API's clock is from this machine's."""
    ahead, changes = connection.session.ahead, connection.settings.changes
    if ahead is None:
        return Finding(
            "clock",
            None,
            "the API does not say its time: changes are found as long as its clock is not behind "
            f"this machine's by more than the lag of {changes.lag if changes else 0:g} seconds",
        )
    how = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) < 2:
        return Finding("clock", True, "as this machine's")
    return Finding(
        "clock", True, f"{abs(ahead):,.0f} seconds {how} this machine's, which is allowed for"
    )


def of_changes(api: HelpDeskApi, whole: Page) -> Iterator[Finding]:
    """Ask once for what has changed recently, where that is configured."""
    profile = api.resolved_profile()
    changes = api.resolved_changes(profile, profile.tickets)
    if changes is None:
        return
    asked = changes.changes(datetime.now(timezone.utc) - RECENTLY)
    (value,) = asked.params.values()
    spelled = f"{changes.start_param}={value}"
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
        why = f"HTTP {statuses[0]}" if statuses else said(failure)
        yield Finding(
            "changes",
            False,
            f"the API refuses {spelled} ({why}): see what it calls and takes as the time of a "
            "change, and set start_param, format and time_zone under incremental in the profile",
        )
        return
    yield _of_answer(changes, asked, spelled, whole, page)


def _of_answer(changes: Filter, asked: Asked, spelled: str, whole: Page, page: Page) -> Finding:
    older = [row for row in page.rows if _is_older(row, changes, asked)]
    if older:
        return Finding(
            "changes",
            False,
            f"{len(older)} of {len(page.rows)} rows that come for {spelled} have not changed "
            "since, and each sync would read them: see what the API calls that parameter, and set "
            "start_param",
        )
    same = page.rows == whole.rows and page.total == whole.total
    if same and page.rows:
        return Finding(
            "changes",
            None,
            f"as many rows come for {spelled} as without it: unless all have changed since, the "
            "API does not know the parameter, and each sync reads every ticket",
        )
    count = len(page.rows) if page.total is None else page.total
    return Finding("changes", True, f"{count:,} rows come for {spelled}")


def _is_older(row: dict[str, object], changes: Filter, asked: Asked) -> bool:
    if not changes.cursor:
        return False
    try:
        changed = changes.times.instant(value_at(row, changes.cursor))
    except (TypeError, ValueError, OverflowError):
        return False
    return changed < asked.since - timedelta(days=1)
