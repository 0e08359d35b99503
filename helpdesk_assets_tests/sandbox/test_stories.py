"""What the sandbox tells about each ticket is consistent, and looks like a support team's work."""

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from helpdesk_assets.profiles import load_profile
from helpdesk_assets.sandbox.__main__ import PROFILE
from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets.tables.vocabulary import COMMENTS, STATUS_CHANGES, TICKETS
from helpdesk_assets_tests.conftest import API_KEY

NOW = datetime(2026, 11, 26, 9, tzinfo=timezone.utc)
SPELLED = "2026-11-26T09:00:00Z"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(2500, end=NOW, span=timedelta(days=365))


def by_ticket(rows: list[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["ticket_id"], []).append(row)
    return found


def test_status_and_times_follow_from_the_status_changes(desk: Desk) -> None:
    changes = by_ticket(desk.rows("status_changes"))
    for ticket in desk.tickets:
        told = changes.get(ticket["id"], [])
        times = [change["changed_at"] for change in told]
        assert times == sorted(times)
        assert [change["old_status"] for change in told] == [
            "new" if not place else told[place - 1]["new_status"] for place in range(len(told))
        ]
        assert ticket["status"] == (told[-1]["new_status"] if told else ticket["status"])
        assert told or ticket["status"] in ("new", None)
        for status in ("solved", "closed"):
            ends = [change["changed_at"] for change in told if change["new_status"] == status]
            assert ticket[f"{status}_at"] == (ends[-1] if ends else None)


def test_first_reply_is_the_first_public_comment_of_an_agent(desk: Desk) -> None:
    comments = by_ticket(desk.rows("comments"))
    for ticket in desk.tickets:
        written = comments[ticket["id"]]
        times = [comment["created_at"] for comment in written]
        assert times == sorted(times)
        assert times[0] == (ticket["created_at"] or times[0])
        replies = [
            comment["created_at"]
            for comment in written
            if comment["author_role"] == "agent" and comment["is_public"]
        ]
        assert ticket["first_replied_at"] == (replies[0] if replies else None)
        assert times[-1] <= ticket["updated_at"] <= SPELLED


def test_ids_are_unique_and_lead_to_people_and_groups(desk: Desk) -> None:
    users = {user["id"]: user for user in desk.rows("users")}
    groups = {group["id"] for group in desk.rows("groups")}
    for name in ("comments", "status_changes", "users", "groups", "organizations"):
        ids = [row["id"] for row in desk.rows(name)]
        assert ids == sorted(set(ids))
    for ticket in desk.tickets:
        assert users[ticket["requester"]["id"]]["role"] == "customer"
        assert ticket["assignee_id"] is None or users[ticket["assignee_id"]]["role"] == "agent"
        assert ticket["group_id"] in groups | {None}
        merged = ticket["merged_into"]
        assert merged is None or (ticket["status"] == "closed" and merged < ticket["id"])
    for comment in desk.rows("comments"):
        author = comment["author_id"]
        assert comment["author_role"] == (users[author]["role"] if author else "system")


def test_agents_who_have_left_write_no_more(desk: Desk) -> None:
    left = {user["id"] for user in desk.rows("users") if not user["active"]}
    recent = {
        comment["author_id"]
        for comment in desk.rows("comments")
        if comment["created_at"] > "2026-11-01"
    }
    ever = {comment["author_id"] for comment in desk.rows("comments")}

    assert left <= ever
    assert not left & recent


def test_exceptions_of_real_help_desks_occur(desk: Desk) -> None:
    tickets = desk.tickets
    changes = by_ticket(desk.rows("status_changes"))
    reopened = [
        number
        for number, told in changes.items()
        if any(
            change["old_status"] in ("solved", "closed") and change["new_status"] == "open"
            for change in told
        )
    ]

    assert {ticket["status"] for ticket in tickets} >= {
        "new",
        "open",
        "pending",
        "on hold",
        "solved",
        "closed",
        None,
    }
    assert len(reopened) > 20
    assert sum(ticket["is_deleted"] for ticket in tickets) > 5
    assert sum(ticket["first_replied_at"] is None for ticket in tickets) > 20
    for field in ("group_id", "priority", "satisfaction", "assignee_id"):
        assert any(ticket[field] is None for ticket in tickets)
    assert {ticket["satisfaction"] for ticket in tickets} == {"good", "bad", None}
    assert tickets[-1]["created_at"] > "2026-11-24"


def test_weekends_are_quiet_and_one_week_is_bad(desk: Desk) -> None:
    days = [ticket["created_at"][:10] for ticket in desk.tickets if ticket["created_at"]]
    by_weekday = Counter(datetime.fromisoformat(day).weekday() for day in days)
    by_week = Counter(datetime.fromisoformat(day).isocalendar()[:2] for day in days)

    assert by_weekday[0] > 3 * by_weekday[6]
    (worst, most), (_, second) = by_week.most_common(2)
    assert worst == (2026, 43)
    assert most > 1.5 * second

    solved = {
        change["ticket_id"]: change["changed_at"]
        for change in desk.rows("status_changes")
        if change["new_status"] in ("solved", "closed")
    }

    def backlog(day: str) -> int:
        return sum(
            ticket["created_at"] < day <= solved.get(ticket["id"], "9")
            for ticket in desk.tickets
            if ticket["created_at"]
        )

    assert backlog("2026-10-24") > 1.5 * backlog("2026-10-17")


def test_the_profile_fills_the_whole_vocabulary_and_is_served(desk: Desk) -> None:
    profile = load_profile(str(PROFILE))
    assert TICKETS.keys() <= profile.tickets.fields.keys()
    assert COMMENTS.keys() <= profile.resource("comments").fields.keys()
    assert STATUS_CHANGES.keys() <= profile.resource("status_changes").fields.keys()

    with serve(build_app(desk, api_key=API_KEY)) as base_url:
        for resource in profile.resources:
            url = f"{base_url}{resource.endpoint.path}?api_key={API_KEY}&offset=1&limit=2"
            body = requests.get(url, timeout=10).json()
            assert len(body["data"]) == 2
            assert body["total"] > 2
        recent = f"{base_url}/v1/comments?api_key={API_KEY}&updated_since={SPELLED[:10]}"
        body = requests.get(recent, timeout=10).json()
        assert 0 < body["total"] < 200
        assert requests.get(f"{base_url}/v1/nothing", timeout=10).status_code == 404
