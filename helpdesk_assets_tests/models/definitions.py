"""The definitions of the models in Python, written from ``docs/models.md`` and not from the SQL.

Each function counts over the help desk's own rows, one ticket at a time, as a person would.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@dataclass
class HelpDeskData:
    """What a help desk has.

    Attributes:
        tickets, comments, status_changes, groups, users: its rows.
        seen: per ticket, the statuses that syncs saw, and when.
        as_of: the current time.
    """

    tickets: list[Row]
    comments: list[Row] | None
    status_changes: list[Row] | None
    groups: list[Row]
    users: list[Row]
    seen: dict[int, list[tuple[datetime, str | None]]]
    as_of: datetime


@dataclass
class Rules:
    """The settings."""

    zone: ZoneInfo
    hours: Mapping[int, Sequence[tuple[str, str]]]
    holidays: set[date]
    solved: set[str]
    pending: set[str]
    targets: Mapping[tuple[str, str], int] = field(default_factory=dict)
    in_business_hours: bool = True


def shifts(rules: Rules, first: date, last: date) -> list[tuple[datetime, datetime]]:
    """Return the shifts that begin on these days, in UTC."""

    def instant(day: date, clock: str) -> datetime:
        hour, minute = map(int, clock.split(":"))
        local = datetime.combine(day, time(), rules.zone).replace(tzinfo=None)
        local += timedelta(hours=hour, minutes=minute)
        # A skipped time does not survive the way to UTC and back: it is then the moment of the
        # change, which is the first instant with a later local time.
        found = local.replace(tzinfo=rules.zone).astimezone(timezone.utc)
        if found.astimezone(rules.zone).replace(tzinfo=None) != local:
            found -= timedelta(hours=3)
            while found.astimezone(rules.zone).replace(tzinfo=None) < local:
                found += MINUTE
        return found

    made = []
    day = first
    while day <= last:
        if day not in rules.holidays:
            for opens, closes in rules.hours.get(day.weekday(), ()):
                ends_on = day if closes > opens else day + timedelta(days=1)
                made.append((instant(day, opens), instant(ends_on, closes)))
        day += timedelta(days=1)
    return made


def business_minutes(rules: Rules, begin: datetime, end: datetime) -> float:
    """Return the minutes between two times in which any shift is on."""
    if end < begin:
        return -business_minutes(rules, end, begin)
    first = begin.astimezone(rules.zone).date() - timedelta(days=2)
    last = end.astimezone(rules.zone).date() + timedelta(days=1)
    total, until = timedelta(), begin
    for opens, closes in sorted(shifts(rules, first, last)):
        opens, closes = max(opens, until), min(closes, end)
        if closes > opens:
            total += closes - opens
            until = closes
    return total / MINUTE


def due_at(rules: Rules, begin: datetime, minutes: int) -> datetime:
    """Return when so many business minutes are used up."""
    first, left, until = begin.astimezone(rules.zone).date(), minutes * MINUTE, begin
    # A desk that opens once a week needs a week for each minute, if that is how long it is open.
    last = first + timedelta(weeks=minutes + len(rules.holidays) + 2)
    day = first - timedelta(days=2)
    while day < last:
        # Shifts of one month after the other, because most targets take days.
        until_day = min(day + timedelta(days=30), last)
        for opens, closes in sorted(shifts(rules, day, until_day)):
            opens = max(opens, until)
            if closes > opens:
                if closes - opens >= left:
                    return opens + left
                left -= closes - opens
                until = closes
        day = until_day
    raise AssertionError("the desk never opens")


def is_solved(rules: Rules, status: str | None) -> bool:
    return status is not None and status.strip().lower() in rules.solved


def present(data: HelpDeskData) -> list[Row]:
    return [t for t in data.tickets if t["deleted_at"] is None and not t["is_deleted"]]


@dataclass
class State:
    status: str | None
    is_solved: bool
    started_at: datetime
    ended_at: datetime | None
    source: str


@dataclass
class _Point:
    at: datetime
    status: str | None
    source: str
    known_at: datetime


def history(data: HelpDeskData, rules: Rules, ticket: Row) -> list[State]:
    """Return the states of a ticket, oldest first."""
    changes = sorted(
        (c for c in data.status_changes or () if c["ticket_id"] == ticket["id"]),
        key=lambda c: (c["changed_at"], c["id"]),
    )
    created, seen = ticket["created_at"], data.seen[ticket["id"]]
    points: list[_Point] = []
    if changes:
        first, last = changes[0], changes[-1]
        if created is not None:
            is_creation = first["old_status"] is None and first["changed_at"] < created + SECOND
            status = first["new_status"] if is_creation else first["old_status"]
            at = min(created, first["changed_at"])
            points.append(_Point(at, status, "api", first["changed_at"]))
        for change in changes:
            at = min(change["changed_at"], data.as_of)
            points.append(_Point(at, change["new_status"], "api", at))
        if (last["new_status"] or "").lower() != (ticket["status"] or "").lower():
            at = max(min(last["changed_at"], data.as_of), seen[-1][0])
            points.append(_Point(at, ticket["status"], "syncs", at))
    else:
        points = [_Point(at, status, "syncs", at) for at, status in seen]
        if created is not None:
            points[0].at = min(created, seen[0][0])
    # States without a length, and those that repeat the one before, are none.
    points = [
        point
        for place, point in enumerate(points)
        if place + 1 == len(points) or points[place + 1].at != point.at
    ]
    points = [
        point
        for place, point in enumerate(points)
        if not place or point.status != points[place - 1].status
    ]
    points = _dated_by_the_ticket(rules, ticket, points)
    ends = [*(point.at for point in points[1:]), None]
    states = [
        State(point.status, is_solved(rules, point.status), point.at, end, point.source)
        for point, end in zip(points, ends, strict=True)
    ]
    if data.status_changes is not None and len(states) == 1 and not states[0].is_solved:
        states[0].source = "api"
    return states


def _dated_by_the_ticket(rules: Rules, ticket: Row, points: list[_Point]) -> list[_Point]:
    """Let the solved states that a ticket is in, and that a sync saw, begin at its own time."""
    solved_at = ticket["solved_at"] or ticket["closed_at"]
    if solved_at is None or not is_solved(rules, points[-1].status):
        return points
    place = len(points) - 1
    while place and is_solved(rules, points[place - 1].status):
        place -= 1
    begin = points[place]
    after = points[place - 1].at if place else ticket["created_at"]
    if begin.source != "syncs" or after is None or not after < solved_at <= begin.known_at:
        return points
    begin.at = solved_at
    if not place:
        return [_Point(after, None, "syncs", after), *points]
    return points


def solutions(states: Sequence[State]) -> list[datetime]:
    """Return when a ticket became solved, as far as it is known."""
    return [
        state.started_at
        for place, state in enumerate(states)
        if state.is_solved and (not states[place - 1].is_solved if place else state.source == "api")
    ]


def conversation(data: HelpDeskData, ticket: Row) -> list[tuple[datetime, str]]:
    """Return when customers and agents wrote publicly after the creation."""
    roles = {user["id"]: user["role"] for user in data.users}
    found = []
    for comment in data.comments or ():
        own = "author_role" in comment
        role = comment["author_role"] if own else roles.get(comment["author_id"])
        is_after = (
            ticket["created_at"] is None or comment["created_at"] >= ticket["created_at"] + SECOND
        )
        is_public = comment["is_public"] is not False
        if comment["ticket_id"] == ticket["id"] and is_public and is_after:
            found.append((comment["created_at"], role))
    return sorted((at, role) for at, role in found if role in ("agent", "customer"))


def metrics(data: HelpDeskData, rules: Rules, ticket: Row) -> Row:
    """Return the row of ticket_metrics."""
    states, talk = history(data, rules, ticket), conversation(data, ticket)
    created, is_over = ticket["created_at"], is_solved(rules, ticket["status"])
    known, said = solutions(states), ticket["solved_at"] or ticket["closed_at"]
    first_solved = known[0] if known else (said if is_over else None)
    solved = (known[-1] if known else said) if is_over else None
    replies = [at for at, role in talk if role == "agent"]
    replied = replies[0] if replies else None
    if data.comments is None:
        replied = ticket["first_replied_at"]
        if replied and created and replied < created:
            replied = None

    def minutes(begin: datetime | None, end: datetime | None) -> float | None:
        both = begin is not None and end is not None and end >= begin
        return (end - begin) / MINUTE if both and begin and end else None

    def business(begin: datetime | None, end: datetime | None) -> float | None:
        both = begin is not None and end is not None and end >= begin
        return business_minutes(rules, begin, end) if both and begin and end else None

    def waited(count: Callable[[Any, Any], float | None], *, pending: bool) -> float | None:
        if any(state.status is None for state in states):
            return None
        return sum(
            count(state.started_at, state.ended_at or data.as_of) or 0
            for state in states
            if not state.is_solved
            and ((state.status or "").strip().lower() in rules.pending) == pending
        )

    agent_replies = len(replies) if data.comments is not None else None
    names = {group["id"]: group["name"] for group in data.groups}
    people = {user["id"]: user["name"] for user in data.users}
    group, assignee = ticket["group_id"], ticket["assignee_id"]
    return {
        "ticket_id": ticket["id"],
        "status": ticket["status"],
        "is_solved": is_over,
        "priority": ticket["priority"],
        "group_name": None if group is None else names.get(group, str(group)),
        "assignee_name": None if assignee is None else people.get(assignee, str(assignee)),
        "created_at": created,
        "first_reply_at": replied,
        "first_solved_at": first_solved,
        "solved_at": solved,
        "first_reply_minutes": minutes(created, replied),
        "first_reply_business_minutes": business(created, replied),
        "first_resolution_minutes": minutes(created, first_solved),
        "first_resolution_business_minutes": business(created, first_solved),
        "resolution_minutes": minutes(created, solved),
        "resolution_business_minutes": business(created, solved),
        "requester_wait_minutes": waited(minutes, pending=False),
        "requester_wait_business_minutes": waited(business, pending=False),
        "agent_wait_minutes": waited(minutes, pending=True),
        "agent_wait_business_minutes": waited(business, pending=True),
        "reopens": sum(
            before.is_solved and not after.is_solved for before, after in pairwise(states)
        ),
        "agent_replies": agent_replies,
        "customer_replies": (
            sum(role == "customer" for _, role in talk) if data.comments is not None else None
        ),
        "is_one_touch": (
            False if not is_over else None if agent_replies is None else agent_replies <= 1
        ),
        "satisfaction": ticket["satisfaction"],
    }


def backlog_daily(data: HelpDeskData, rules: Rules) -> dict[tuple[Any, ...], int]:
    """Return the open tickets at the end of each day, by day, status, priority and group."""
    found: Counter[tuple[Any, ...]] = Counter()
    open_states = [
        (state, metrics(data, rules, ticket))
        for ticket in present(data)
        for state in history(data, rules, ticket)
        if not state.is_solved
    ]
    if not open_states:
        return {}
    day = min(state.started_at.astimezone(rules.zone).date() for state, _ in open_states)
    today = data.as_of.astimezone(rules.zone).date()
    while day <= today:
        # Midnight, and not 24 hours later: some days have 23 or 25.
        end = datetime.combine(day + timedelta(days=1), time(), rules.zone)
        end = end.astimezone(timezone.utc)
        is_empty = True
        for state, row in open_states:
            if state.started_at < end and (state.ended_at is None or state.ended_at >= end):
                found[day, state.status, row["priority"], row["group_name"]] += 1
                is_empty = False
        if is_empty:
            found[day, None, None, None] = 0
        day += timedelta(days=1)
    return dict(found)


def sla(data: HelpDeskData, rules: Rules) -> list[Row]:
    """Return the rows of sla_breaches."""
    rows = []
    for ticket in present(data):
        row, talk = metrics(data, rules, ticket), conversation(data, ticket)
        solved = solutions(history(data, rules, ticket))
        waits = [("resolution", row["created_at"], row["solved_at"])]
        first = [at for at in (row["first_reply_at"], row["first_solved_at"]) if at]
        waits.append(("first_reply", row["created_at"], min(first) if first else None))
        for place, (at, role) in enumerate(talk):
            if role == "customer" and place and talk[place - 1][1] == "agent":
                ends = [later for later, who in talk[place + 1 :] if who == "agent"][:1]
                ends += [later for later in solved if later >= at][:1]
                waits.append(("next_reply", at, min(ends) if ends else None))
        for target, began, met in waits:
            priority = (ticket["priority"] or "").strip().lower()
            allowed = rules.targets.get((target, priority), rules.targets.get((target, "*")))
            if began is None or allowed is None or (met is None and row["is_solved"]):
                continue
            until = met or data.as_of
            if rules.in_business_hours:
                due = due_at(rules, began, allowed)
                used = business_minutes(rules, began, until)
                over, left = used - allowed, allowed - used
            else:
                due = began + allowed * MINUTE
                over, left = (until - due) / MINUTE, (due - until) / MINUTE
            rows.append(
                {
                    "ticket_id": ticket["id"],
                    "target": target,
                    "priority": ticket["priority"],
                    "group_name": row["group_name"],
                    "started_at": began,
                    "due_at": due,
                    "met_at": met,
                    "is_breached": until > due,
                    "minutes_over": max(over, 0) if until > due else 0,
                    "minutes_left": max(left, 0) if met is None else None,
                    "is_open": met is None,
                }
            )
    return rows


def team_daily(data: HelpDeskData, rules: Rules) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Return taken, solved, replies, satisfied and dissatisfied, by day, group and assignee."""
    found: dict[tuple[Any, ...], list[int]] = {}

    def count(place: int, row: Row, at: datetime | None) -> None:
        if at is not None:
            key = at.astimezone(rules.zone).date(), row["group_name"], row["assignee_name"]
            found.setdefault(key, [0] * 5)[place] += 1

    for ticket in present(data):
        row = metrics(data, rules, ticket)
        count(0, row, row["created_at"])
        count(1, row, row["solved_at"])
        for at, role in conversation(data, ticket):
            if role == "agent":
                count(2, row, at)
        rated_at = row["solved_at"] or row["created_at"]
        if row["satisfaction"] in ("good", "5"):
            count(3, row, rated_at)
        if row["satisfaction"] in ("bad", "1"):
            count(4, row, rated_at)
    return {key: tuple(numbers) for key, numbers in found.items()}
