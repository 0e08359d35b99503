"""The page after a sync: what it contains, what it must not contain, and where it is."""

import html
import json
import re
import stat
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets.reports.numbers import numbers
from helpdesk_assets.reports.page import page
from helpdesk_assets.reports.texts import count_text, duration_text
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, execute
from helpdesk_assets_tests.reports.test_numbers import AS_OF, models, ticket_with

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

BERLIN = ZoneInfo("Europe/Berlin")
SOLVED = ("solved", "closed")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u2028"


@pytest.fixture
def desk(sandbox: StartSandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Serve 400 tickets, a few of them without a date, and the last ones opened recently."""
    desk = sandbox(tickets=400)
    connect(desk)
    monkeypatch.setenv("REPORTS__HELP_DESK__TIMEZONE", "Europe/Berlin")
    now = datetime.now(timezone.utc)
    for hours, ticket in enumerate(desk.desk.tickets[100:]):
        ticket["created_at"] = f"{now - timedelta(hours=7 * hours):%Y-%m-%dT%H:%M:%SZ}"
    for place, ticket in enumerate(desk.desk.tickets):
        ticket["status"] = ("new", "open", *SOLVED)[place % 4]
    for place in (7, 8, 9, 300):
        desk.desk.tickets[place]["created_at"] = None
    return desk


def text_of(warehouse: Warehouse) -> str:
    return (warehouse.path.parent / "help_desk_report.html").read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', text, re.S)
    assert found
    return dict(json.loads(found[1]))


def section_of(text: str, name: str) -> str:
    """Return the text of a section without markup."""
    found = re.search(rf'<section [^>]*aria-labelledby="{name}-title".*?</section>', text, re.S)
    assert found, name
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (found,) = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(name)
    ]
    return {entry: value.value for entry, value in found.metadata.items()}


def day_of(ticket: dict[str, Any]) -> date | None:
    if ticket["created_at"] is None:
        return None
    return (
        datetime.fromisoformat(ticket["created_at"].replace("Z", "+00:00"))
        .astimezone(BERLIN)
        .date()
    )


def test_page_matches_the_tickets_of_the_api(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    result = whole_sync()
    text = text_of(warehouse)
    tickets = [ticket for ticket in desk.desk.tickets if not ticket["is_deleted"]]
    assert len(tickets) < 400
    data, today = data_of(text), datetime.now(BERLIN).date()
    cell = data["cells"][","]
    opened = Counter(day_of(ticket) for ticket in tickets)
    unsolved = [t for t in tickets if t["status"] not in SOLVED]

    assert cell["open"] == len(unsolved)
    assert cell["days"]["opened"] == [opened[today - timedelta(days=n)] for n in range(29, -1, -1)]
    for place, days in enumerate((30, 91, 364)):
        within = [opened[today - timedelta(days=n)] for n in range(days)]
        assert cell["periods"][place]["opened"][0] == sum(within) > 90
        assert sum(cell["hours"][place]) == sum(within)
    assert f"Open now {len(unsolved)} " in section_of(text, "open")
    oldest = sorted((t for t in unsolved if t["created_at"]), key=lambda t: t["created_at"])
    (table,) = re.findall(r'<table [^>]*id="oldest">(.*?)</table>', text, re.S)
    assert re.findall(r'<th scope="row">(?:<a [^>]*>)?(\d+)<', table) == [
        str(ticket["id"]) for ticket in oldest[:10]
    ]
    trust = section_of(text, "trust")
    assert f"tickets {len(tickets)} tickets without a creation date 4 " in trust
    assert "total reported by the API 400 " in trust
    assert "completeness verified yes " in trust
    age = metadata(result, "help_desk_tickets")["newest_ticket_age"]
    assert f"age of newest ticket {age} " in trust
    assert "Service levels: no targets are set." in section_of(text, "lacks")
    assert 'aria-labelledby="breaches-title"' not in text


def test_page_requests_nothing_and_runs_only_its_own_script(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    desk.desk.tickets[3]["status"] = HOSTILE
    desk.desk.tickets[4]["status"] = HOSTILE
    whole_sync()
    text = text_of(warehouse)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.S)

    assert [attributes.strip() for attributes, _ in scripts] == [
        'type="application/json" id="numbers"', ""
    ]  # fmt: skip
    allowed = b64encode(sha256(scripts[1][1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'sha2")
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]* (src|style|on\w+)\s*=", text.replace(scripts[1][1], ""))
    assert not {"<", ">", "&"} & set(scripts[0][1])
    links = re.findall(r'href="([^"]*)"', text)
    assert links == ["#trust"]


def test_subjects_are_on_the_page_only_if_they_are_wanted(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ticket in desk.desk.tickets:
        ticket["subject"] = f"private {HOSTILE} {ticket['id']}"
    whole_sync()
    assert "private" not in text_of(warehouse)
    monkeypatch.setenv("REPORTS__HELP_DESK__SUBJECTS", "true")
    whole_sync()
    text = text_of(warehouse)

    assert "private" in section_of(text, "oldest")
    assert "<script>alert" not in text
    assert "<img" not in text


def test_page_shows_recent_check_results(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    whole_sync()
    assert re.search(r"✓ All \d+ checks passed\.", section_of(text_of(warehouse), "trust"))
    del desk.desk.tickets[:100]
    whole_sync()
    text = section_of(text_of(warehouse), "trust")

    assert "✗ help_desk_tickets: no_mass_deletion failed. 100 rows (25% of all) disappeared" in text
    assert "help_desk_tickets id_is_unique* ✓ ✓ passed" in text
    assert "help_desk_tickets no_mass_deletion ✓ ✗ failed" in text
    assert "checks failed</span></a>" in text_of(warehouse)


def test_copy_of_the_page_is_stored_for_the_webserver(
    desk: Sandbox, warehouse: Warehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        told = metadata(
            execute(defs.resolve_job_def("help_desk_sync"), instance), "help_desk_report"
        )
    path = warehouse.path.parent / "help_desk_report.html"
    (served,) = folder.rglob("help_desk_report.html")

    assert told["report"] == "/logs/help_desk_report/html"
    assert told["path"] == str(path)
    assert told["bytes"] == path.stat().st_size
    assert served.read_bytes() == path.read_bytes()
    assert stat.S_IMODE(served.stat().st_mode) == 0o600


def test_link_leads_to_the_published_page(
    desk: Sandbox, whole_sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://example.com/reports/help_desk.html"
    monkeypatch.setenv("REPORTS__HELP_DESK__URL", url)

    assert metadata(whole_sync(), "help_desk_report")["report"] == url


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0, "0 min"),
        (59, "59 min"),
        (60, "1 h"),
        (1359231 // 60, "15 d 17 h"),
        (24 * 60 - 1, "23 h 59 min"),
        (24 * 60, "1 d"),
    ],
)
def test_durations_are_written_as_people_say_them(minutes: int | None, text: str) -> None:
    assert duration_text(minutes) == text


def test_numbers_are_written_with_separators() -> None:
    assert count_text(1234567) == "1,234,567"


def test_page_of_any_help_desk_is_of_reasonable_size() -> None:
    tickets = [
        ticket_with(
            day + 10_000 * group,
            group=f"group {group}",
            priority=f"priority {group % 17}",
            created_at=AS_OF - timedelta(days=day),
            replied_at=AS_OF - timedelta(days=day / 2),
            due_at=AS_OF,
            solved_at=None if day % 2 else AS_OF,
        )
        for group in range(60)
        for day in range(60)
    ]
    with models(tickets) as connection:
        counted = numbers(
            connection, AS_OF, "Europe/Berlin", ticket_url="https://e.com/{id}", subjects=True
        )
    text = page(counted, None, [], made_at=AS_OF, time_zone="Europe/Berlin", subjects=True).decode()

    assert len(data_of(text)["groups"]) == 11
    assert len(data_of(text)["priorities"]) == 7
    assert 200_000 < len(text) < 1_500_000
