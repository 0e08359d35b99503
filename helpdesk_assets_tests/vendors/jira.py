"""The common part of the servers of Jira Cloud and Jira Data Center: formats and JQL."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk_assets_tests.vendors.world import Change, Comment, Person, State, Ticket

# Names of statuses can be chosen by a site; the category determines their meaning.
STATUSES: Mapping[State, tuple[str, str, str]] = {
    "new": ("10001", "Waiting for support", "new"),
    "open": ("10002", "In progress", "indeterminate"),
    "pending": ("10003", "Waiting for customer", "indeterminate"),
    "solved": ("10004", "Erledigt", "done"),
    "closed": ("10005", "Shelved for good", "done"),
}
CATEGORIES = {"new": (2, "To Do"), "indeterminate": (4, "In Progress"), "done": (3, "Done")}
ISSUE_BASE = 10_000
DATES = (
    "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. "
    "'-5d', '4w 2d'."
)


class JqlError(Exception):
    """A query that Jira rejects, with its message."""


@dataclass(frozen=True)
class Search:
    """A query that is supported here: issues of service projects changed since a time.

    Attributes:
        since: the earliest time of change, or None.
        until: the latest, or None.
        is_bounded: whether there is any restriction.
        order: what the issues are sorted by.
    """

    since: datetime | None
    until: datetime | None
    is_bounded: bool
    order: str


def search(jql: str, zone: str) -> Search:
    """Return a query.

    Args:
        jql: ``projectType = service_desk AND updated >= X ORDER BY created ASC``. X is a number of
            milliseconds since 1970, or a quoted text to the minute in the time zone of the user.
        zone: the time zone of the user.

    Raises:
        JqlError: the query is not supported.
    """
    condition, *rest = re.split(r"(?i)\border\s+by\b", jql)
    condition, order = condition.strip(), "".join(rest).strip()
    since = until = None
    for clause in filter(None, re.split(r"(?i)\s+and\s+", condition)):
        found = re.fullmatch(r'(?i)updated\s*(>=|<=|<)\s*("?)([^"]*)\2', clause)
        if found and found[1] == ">=":
            since = _time(found[3], zone, is_quoted=bool(found[2]))
        elif found:
            until = _time(found[3], zone, is_quoted=bool(found[2]))
        elif not re.fullmatch(r"(?i)projectType\s*=\s*service_desk", clause):
            raise JqlError(f"Error in the JQL Query: {clause!r} is not understood.")
    if order and not re.fullmatch(r"(?i)(created|updated|key)(\s+asc)?(,\s*key(\s+asc)?)?", order):
        raise JqlError(f"Not able to sort using field {order!r}.")
    return Search(since, until, bool(condition), order.lower())


def _time(text: str, zone: str, *, is_quoted: bool) -> datetime:
    if not is_quoted and re.fullmatch(r"\d+", text):
        return datetime.fromtimestamp(int(text) / 1000, timezone.utc)
    for pattern in ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=ZoneInfo(zone))
        except ValueError:
            continue
    raise JqlError(f"Date value '{text}' for field 'updated' is invalid. Valid formats: {DATES}")


def found(tickets: list[Ticket], query: Search) -> list[Ticket]:
    """Return the tickets that match a query, in its order."""
    by_update = query.order.startswith("updated")
    return sorted(
        (
            ticket
            for ticket in tickets
            if (query.since is None or ticket.updated_at >= query.since)
            and (query.until is None or ticket.updated_at < query.until)
        ),
        key=lambda ticket: (
            ticket.updated_at if by_update else ticket.created_at,
            ticket.number,
        ),
    )


def instant(at: datetime | None, zone: str) -> str | None:
    """Return a time as Jira sends it: to the millisecond, with the offset of the user's zone."""
    if at is None:
        return None
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S.000%z")


def status(state: State) -> dict[str, Any]:
    """Return a status with its category."""
    key, name, category = STATUSES[state]
    number, title = CATEGORIES[category]
    return {
        "id": key,
        "name": name,
        "statusCategory": {"id": number, "key": category, "name": title},
    }


def issue_id(ticket: Ticket) -> str:
    """Return the id of an issue: digits, as a text."""
    return str(ISSUE_BASE + ticket.number)


def issue(
    ticket: Ticket, zone: str, *, user: Mapping[int, dict[str, Any]], fields: str
) -> dict[str, Any]:
    """Return an issue with the requested fields.

    Args:
        ticket: the ticket.
        zone: the time zone of the user.
        user: users by number of their person.
        fields: ``*all,-comment`` or names, separated by commas.
    """
    every = {
        "summary": ticket.subject,
        "description": ticket.comments[0].body,
        "status": status(ticket.state),
        "priority": {"id": "3", "name": ticket.priority},
        "issuetype": {"id": "10010", "name": ticket.type, "subtask": False},
        "project": {"id": "10000", "key": "IT", "projectTypeKey": "service_desk"},
        "labels": ticket.tags,
        "reporter": user[ticket.requester],
        "assignee": user[ticket.assignee] if ticket.assignee else None,
        "created": instant(ticket.created_at, zone),
        "updated": instant(ticket.updated_at, zone),
        "resolutiondate": instant(ticket.solved_at, zone),
        "duedate": None,
        "resolution": {"name": "Done"} if ticket.solved_at else None,
    }
    asked = fields.split(",")
    if "*all" in asked or "*navigable" in asked:
        shown = {name: value for name, value in every.items() if f"-{name}" not in asked}
    else:
        shown = {name: value for name, value in every.items() if name in asked}
    return {"id": issue_id(ticket), "key": f"IT-{ticket.number}", "fields": shown}


def labels(ticket: Ticket) -> str:
    """Return the labels of an issue, as they are stored."""
    return json.dumps(ticket.tags, separators=(",", ":"))


def comment(of: Comment, zone: str, user: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Return a comment, with its text as API version 2 sends it."""
    return {
        "id": str(20_000 + of.number),
        "author": user[of.author],
        "body": of.body,
        "created": instant(of.created_at, zone),
        "updated": instant(of.created_at, zone),
    }


def history(of: Change, zone: str, user: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Return an entry of the change log."""
    return {
        "id": str(30_000 + of.number),
        "author": user[of.author],
        "created": instant(of.at, zone),
        "items": [
            {
                "field": "status",
                "fieldtype": "jira",
                "from": STATUSES[of.before][0],
                "fromString": STATUSES[of.before][1],
                "to": STATUSES[of.after][0],
                "toString": STATUSES[of.after][1],
            }
        ],
    }


def sla(ticket: Ticket) -> dict[str, Any]:
    """Return the service level agreement of a ticket."""
    goal = {"millis": 14_400_000, "friendly": "4h"}
    cycle = {"breached": ticket.number % 3 == 0, "goalDuration": goal}
    is_over = ticket.solved_at is not None
    return {
        "id": "1",
        "name": "Time to resolution",
        "completedCycles": [cycle] if is_over else [],
        **({} if is_over else {"ongoingCycle": {**cycle, "paused": ticket.state == "pending"}}),
    }


def person(of: Person, key: str) -> dict[str, Any]:
    """Return a user in the common format; ``key`` is the name of the id."""
    return {key: user_id(of.number), "displayName": of.name, "active": True}


def user_id(number: int) -> str:
    """Return the id of a user."""
    return f"5b10ac8d82e05b22cc7d{number:04d}"


def errors(*messages: str, status_code: int = 400) -> Response:
    """Return an error in Jira's format."""
    return JSONResponse({"errorMessages": messages, "errors": {}}, status_code=status_code)


def number(value: str | None, default: int) -> int:
    """Return a parameter that is a number."""
    return default if value is None else int(value)


def service_desk(request: Request, rows: Sequence[Any]) -> Response:
    """Return a list of the service desk: at most 50 rows, without a total."""
    start = number(request.query_params.get("start"), 0)
    size = min(number(request.query_params.get("limit"), 50), 50)
    page, more = rows[start : start + size], start + size < len(rows)
    address = str(request.url).partition("?")[0]
    links = {"self": address, "base": str(request.base_url).rstrip("/"), "context": ""}
    if more:
        links["next"] = f"{address}?start={start + size}&limit={size}"
    return JSONResponse(
        {
            "size": len(page),
            "start": start,
            "limit": size,
            "isLastPage": not more,
            "_links": links,
            "values": page,
        }
    )
