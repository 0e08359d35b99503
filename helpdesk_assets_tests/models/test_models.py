"""The reports: every number in them equals a count of the API's tickets."""

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets.models import charts
from helpdesk_assets.models.assets import draw_backlog, draw_changes, draw_volume
from helpdesk_assets.models.runner import build
from helpdesk_assets.models.sources import create_views
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.models.tickets import BACKLOG, CHANGES, VOLUME
from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    error_of,
    execute,
    failure_of,
    job_of,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Ticket = dict[str, Any]

REPORTS = ("ticket_volume_daily", "ticket_backlog", "ticket_status_changes", "help_desk_report")
BERLIN = "Europe/Berlin"
# In Berlin, daylight saving time began on 29 March 2026 at 01:00 UTC, and ended on 25 October.
AROUND_THE_CHANGES = (
    "2026-03-28T22:59:59Z",
    "2026-03-28T23:00:00Z",
    "2026-03-29T00:59:59Z",
    "2026-03-29T01:00:00Z",
    "2026-03-29T21:59:59Z",
    "2026-03-29T22:00:00Z",
    "2026-10-24T21:59:59Z",
    "2026-10-24T22:00:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z",
    "2026-10-25T22:59:59Z",
    "2026-10-25T23:00:00Z",
)
SOLVED = ("solved", "closed", "merged")
AGES = ((1, "under a day"), (7, "1 to 7 days"), (30, "7 to 30 days"), (90, "30 to 90 days"))


@pytest.fixture
def desk(sandbox: StartSandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Serve 400 tickets, some created around clock changes, some without date or status."""
    desk = sandbox(tickets=400)
    connect(desk)
    for ticket in desk.desk.tickets:
        # Tickets in the trash are not counted.
        ticket["is_deleted"] = False
    monkeypatch.setenv("REPORTS__HELP_DESK__TIMEZONE", BERLIN)
    now = datetime.now(timezone.utc)
    young = [f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (1, 30, 200, 1000)]
    for ticket, moment in zip(desk.desk.tickets[100:], [*AROUND_THE_CHANGES, *young], strict=False):
        ticket["created_at"] = moment
    # A date in the future, from a wrong clock, does not shift the days shown.
    desk.desk.tickets[150]["created_at"] = f"{now + timedelta(days=700):%Y-%m-%dT%H:%M:%SZ}"
    for place in (7, 8, 9, 300):
        desk.desk.tickets[place]["created_at"] = None
    for place in (9, 10, 101, 301):
        desk.desk.tickets[place]["status"] = None
    return desk


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def day_of(ticket: Ticket, zone: str = BERLIN) -> date | None:
    if ticket["created_at"] is None:
        return None
    return instant(ticket["created_at"]).astimezone(ZoneInfo(zone)).date()


def materialization_of(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetMaterialization:
    (found,) = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(name)
    ]
    return found


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    materialization = materialization_of(result, name)
    return {entry: value.value for entry, value in materialization.metadata.items()}


def test_volume_matches_the_tickets_of_the_api(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    result = whole_sync()
    rows = warehouse.query("select day, status, tickets from help_desk.ticket_volume_daily")
    counted = Counter((day_of(t), t["status"]) for t in desk.desk.tickets if t["created_at"])

    assert result.success
    assert {(day, status): tickets for day, status, tickets in rows if tickets} == dict(counted)
    assert counted[date(2026, 3, 29), desk.desk.tickets[102]["status"]] >= 1
    numbers = metadata(result, "ticket_volume_daily")
    assert numbers["tickets"] == sum(counted.values())
    assert numbers["dagster/row_count"] == len(rows)


def test_volume_includes_days_without_tickets_as_zeros(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    whole_sync()
    rows = warehouse.query("select day, status, tickets from help_desk.ticket_volume_daily")
    days = sorted({day for day, _, _ in rows})
    statuses = {ticket["status"] for ticket in desk.desk.tickets}

    first = min(day for t in desk.desk.tickets if (day := day_of(t)))
    today = datetime.now(ZoneInfo(BERLIN)).date()
    assert days[:-1] == [first + timedelta(days=n) for n in range((today - first).days + 1)]
    assert days[-1] > today + timedelta(days=690)
    assert len(rows) == len(days[:-1]) * len(statuses) + 1
    empty = set(days) - {day_of(ticket) for ticket in desk.desk.tickets}
    assert len(empty) > 300
    assert sum(tickets for day, _, tickets in rows if day in empty) == 0


def test_volume_counts_mistaken_dates_without_filling_the_days_between(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    desk.desk.tickets[0]["created_at"] = "0001-01-02T00:00:00Z"
    desk.desk.tickets[1]["created_at"] = "9998-01-02T00:00:00Z"
    assert whole_sync().success

    days = warehouse.query("select count(distinct day) from help_desk.ticket_volume_daily")
    assert 7000 < days[0][0] < 8000
    assert warehouse.query(
        "select sum(tickets) from help_desk.ticket_volume_daily where year(day) in (1, 9998)"
    ) == [(2,)]


def expected_backlog(tickets: list[Ticket], counted_at: datetime) -> dict[str, int]:
    found: Counter[str] = Counter()
    for ticket in tickets:
        if ticket["status"] in SOLVED:
            continue
        if ticket["created_at"] is None:
            found["unknown"] += 1
            continue
        age = (counted_at - instant(ticket["created_at"])) / timedelta(days=1)
        limits = (
            (1, "under a day"),
            (7, "1 to 7 days"),
            (30, "7 to 30 days"),
            (90, "30 to 90 days"),
        )
        found[next((name for limit, name in limits if age < limit), "over 90 days")] += 1
    return dict(found)


def test_backlog_matches_the_tickets_of_the_api(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    result = whole_sync()
    rows = warehouse.query(
        "select age_bucket, tickets, counted_at, oldest_created_at"
        " from help_desk.ticket_backlog order by position"
    )
    expected = expected_backlog(desk.desk.tickets, rows[0][2])

    assert [bucket for bucket, *_ in rows] == [
        "under a day", "1 to 7 days", "7 to 30 days", "30 to 90 days", "over 90 days", "unknown"
    ]  # fmt: skip
    assert {bucket: tickets for bucket, tickets, *_ in rows if tickets} == expected
    assert expected["unknown"] >= 1
    assert metadata(result, "ticket_backlog")["tickets"] == sum(expected.values())
    assert warehouse.query(
        "select min(created_at) from help_desk.help_desk_tickets"
        " where status is null or status not in ('solved', 'closed', 'merged')"
    ) == [(min(oldest for *_, oldest in rows if oldest),)]


def test_solved_statuses_can_be_set(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTS__HELP_DESK__SOLVED_STATUSES", "Open, on hold")
    assert whole_sync().success
    waiting = sum(ticket["status"] not in ("open", "on hold") for ticket in desk.desk.tickets)

    assert warehouse.query("select sum(tickets)::int from help_desk.ticket_backlog") == [(waiting,)]


def test_solved_field_can_be_set_in_the_profile(
    desk: Sandbox,
    whole_sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for place, ticket in enumerate(desk.desk.tickets):
        # A flag that some tickets do not have; the status is irrelevant here.
        ticket["is_over"] = {0: True, 1: False}.get(place % 3)
    profile = (BUILT_IN / "default.yaml").read_text()
    solved = 'solved_statuses: ["True"]\nsolved_field: over\nclient:'
    field = "status: status\n      over: {path: is_over, type: bool}"
    file = tmp_path / "flagged.yaml"
    file.write_text(profile.replace("client:", solved, 1).replace("status: status", field, 1))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    result = whole_sync()
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    waiting = sum(ticket["is_over"] is not True for ticket in desk.desk.tickets)

    total = "select sum(tickets)::int from help_desk.ticket_backlog"
    assert warehouse.query(total) == [(waiting,)]

    # A setting lists statuses, even if the profile uses another field.
    monkeypatch.setenv("REPORTS__HELP_DESK__SOLVED_STATUSES", "open")
    assert whole_sync().success
    assert warehouse.query(total) == [
        (sum(ticket["status"] != "open" for ticket in desk.desk.tickets),)
    ]


def test_each_status_change_is_recorded_once(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    first = whole_sync()
    assert metadata(first, "ticket_status_changes")["moved"] == 0
    assert metadata(first, "ticket_status_changes")["new"] == 400
    moves = {21: "open", 22: None, 10: "closed"}
    expected = []
    for place, status in moves.items():
        ticket = desk.desk.tickets[place]
        assert ticket["status"] != status
        expected.append((ticket["id"], ticket["status"], status))
        ticket["status"] = status
    desk.desk.tickets.append({**desk.desk.tickets[0], "id": 401, "status": "new"})
    del desk.desk.tickets[50]
    second = whole_sync()
    # Without a change of any ticket, the models would not be built.
    desk.desk.tickets[11]["subject"] = "another subject"
    third = whole_sync()

    assert metadata(second, "ticket_status_changes")["moved"] == 3
    assert metadata(second, "ticket_status_changes")["new"] == 1
    assert metadata(third, "ticket_status_changes")["moved"] == 0
    assert warehouse.query(
        "select ticket_id, old_status, new_status from help_desk.ticket_status_changes"
        " where not is_new order by ticket_id"
    ) == sorted(expected)
    (moment,) = {
        seen
        for (seen,) in warehouse.query(
            "select first_seen_at from help_desk.ticket_status_changes where not is_new"
        )
    }
    assert datetime.now(timezone.utc) - moment < timedelta(minutes=5)


SVG = "{http://www.w3.org/2000/svg}"


def bars_of(image: str) -> list[int]:
    """Return the numbers beside the bars of a chart."""
    texts = [element.text or "" for element in ElementTree.fromstring(image).iter(f"{SVG}tspan")]
    return [int(text.replace(",", "")) for text in texts[1::2]]


def heights_of(image: str) -> list[int]:
    """Return the height in pixels of each day of a chart."""
    path = ElementTree.fromstring(image).find(f"{SVG}path")
    assert path is not None
    heights, height = [], 0
    for letter, number in re.findall(r"([hv])(-?\d+)", path.attrib["d"]):
        if letter == "v":
            height -= int(number)
        else:
            heights += [height] * (int(number) // (charts.WIDTH // 90))
    return heights


def test_charts_match_the_tickets_of_the_api(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    whole_sync()
    for place in (30, 31, 32):
        desk.desk.tickets[place]["status"] = "on hold"
    moved = Counter(
        old
        for (old,) in warehouse.query(
            "select status from help_desk.help_desk_tickets where id in (31, 32, 33)"
            " and status <> 'on hold'"
        )
    )
    whole_sync()
    today = datetime.now(ZoneInfo(BERLIN)).date()
    with HelpDeskWarehouse().reader() as connection:
        volume, backlog, changes = (
            draw(connection, today) for draw in (draw_volume, draw_backlog, draw_changes)
        )
    counted = Counter(
        day
        for ticket in desk.desk.tickets
        if (day := day_of(ticket)) and today - timedelta(days=90) < day <= today
    )
    days = [today - timedelta(days=n) for n in reversed(range(90))]
    most = max(counted.values())

    assert heights_of(volume) == [round(charts.TALLEST * counted[day] / most) for day in days]
    assert f"at most {most}<" in volume
    assert f"{today}: {counted[today]}<" in volume
    assert len(counted) > 10
    (counted_at,) = warehouse.query("select max(counted_at) from help_desk.ticket_backlog")[0]
    expected = expected_backlog(desk.desk.tickets, counted_at)
    assert bars_of(backlog) == [
        expected.get(name, 0) for name in (*dict(AGES).values(), "over 90 days", "unknown")
    ]
    assert bars_of(changes) == sorted(moved.values(), reverse=True)


def test_each_materialization_has_a_chart(desk: Sandbox, whole_sync: Sync) -> None:
    desk.desk.tickets[0]["status"] = "_a $x^2$ <b> ![](&amp;) 解決"
    whole_sync()
    desk.desk.tickets[0]["status"], desk.desk.tickets[1]["status"] = (
        "\\",
        "_a $x^2$ <b> ![](&amp;) 解決",
    )
    result = whole_sync()

    for table in (VOLUME, BACKLOG, CHANGES):
        materialization = materialization_of(result, table.name)
        shown = str(materialization.metadata["chart"].value)
        # The UI shows Markdown of this length in place.
        assert len(shown) < 1000
        found = re.fullmatch(rf"!\[{table.name}\]\((data:image/svg\+xml,[^\s()<>&#\\]+)\)", shown)
        assert found
        picture = ElementTree.fromstring(unquote(found[1].partition(",")[2]))
        assert picture.tag == f"{SVG}svg"
        assert "background:#fff" in picture.attrib["style"]


def test_charts_are_drawn_quickly() -> None:
    days = [(date(2026, 1, 1) + timedelta(days=n), n * n % 97) for n in range(90)]
    began = time.perf_counter()
    charts.chart_of_days("tickets", days)
    charts.chart_of_bars("tickets", [(f"status {n}", n) for n in range(50)])

    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize("label", ["解決" * 50, "😀" * 50, "<&>" * 50, "x" * 500])
def test_chart_omits_bars_that_do_not_fit(label: str) -> None:
    bars = [(f"{number} {label}", 10**12) for number in range(40)]
    image = charts.chart_of_bars("tickets", bars)
    texts = [element.text or "" for element in ElementTree.fromstring(image).iter(f"{SVG}tspan")]

    assert len(charts.as_address(image).encode("utf-16-le")) <= 2 * charts.LONGEST
    assert [text[0] for text in texts[::2]] == [str(n) for n in range(len(texts) // 2)]
    assert len(texts) // 2 >= 2
    assert set(texts[1::2]) == {f"{10**12:,}"}
    days = [(date(1, 1, 1) + timedelta(days=n), n % 2 * 10**9) for n in range(90)]
    drawn = charts.chart_of_days("tickets", days)
    assert len(charts.as_address(drawn)) <= charts.LONGEST
    assert f"{days[-1][0]}: 1,000,000,000<" in drawn


def test_reports_are_not_built_after_a_failed_blocking_check(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    whole_sync()
    before = warehouse.query("from help_desk.ticket_volume_daily order by all")
    warehouse.query(
        "insert into help_desk.help_desk_tickets by name"
        " select * replace ('zzz' as _dlt_load_id) from help_desk.help_desk_tickets limit 1"
    )
    execute(job_of(dg.AssetSelection.checks_for_assets("help_desk_tickets")), instance)
    alone = execute(job_of(dg.AssetSelection.assets("ticket_volume_daily")), instance)

    assert "because its check id_is_unique failed: 1 duplicate id." in error_of(alone)
    assert warehouse.query("from help_desk.ticket_volume_daily order by all") == before


def test_reports_are_not_built_after_a_failed_load(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    desk.fault = FAULTS["refuses-page-two"].make()
    result = whole_sync()

    assert not result.success
    assert not result.get_asset_materialization_events()
    assert not (warehouse.path.parent / "help_desk_report.html").exists()


def test_failed_query_leaves_the_report_table_unchanged(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    whole_sync()
    before = warehouse.query("from help_desk.ticket_volume_daily order by all")
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("delete from help_desk.help_desk_tickets where id > 200")
        connection.execute("use help_desk")
        settings = {
            "as_of": datetime.now(timezone.utc),
            "timezone": "Nowhere/Land",
            "solved_statuses": ["solved"],
            "solved_field": "status",
        }
        create_views(connection, "help_desk", {}, settings)
        with pytest.raises(duckdb.Error):
            build(connection, [BACKLOG, VOLUME], settings)

    assert warehouse.query("from help_desk.ticket_volume_daily order by all") == before


def test_adds_up_check_fails_if_a_report_table_was_changed(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    assert whole_sync().success
    warehouse.query(
        "delete from help_desk.ticket_volume_daily where tickets > 0 and status = 'new'"
    )
    warehouse.query("update help_desk.ticket_backlog set tickets = tickets + 1 where position = 1")
    warehouse.query("delete from help_desk.ticket_status_changes where ticket_id = 5")
    warehouse.query("delete from help_desk.ticket_status_history where ticket_id = 5")
    warehouse.query("insert into help_desk.ticket_metrics from help_desk.ticket_metrics limit 1")
    warehouse.query("delete from help_desk.ticket_backlog_daily where day >= today() - 1")
    warehouse.query("update help_desk.team_daily set day = null where taken = 1")
    # Without targets, sla_breaches has no rows.
    tampered = [table.name for table in MODELS if table.name != "sla_breaches"]
    checks = dg.AssetSelection.checks_for_assets(*tampered)
    result = execute(job_of(checks), instance)
    said = [str(each.description) for each in result.get_asset_check_evaluations()]

    assert not any(each.passed for each in result.get_asset_check_evaluations())
    assert len(said) == len(tampered)
    assert sum("The table accounts for " in sentence for sentence in said) == len(tampered) - 1
    assert any("rows lack a value" in sentence for sentence in said)
    assert any("duplicate ticket_id" in sentence for sentence in said)
    assert all(sentence.endswith(" again.") for sentence in said)


def test_reports_of_an_empty_help_desk_are_empty(
    sandbox: StartSandbox, connect: Connect, whole_sync: Sync, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=0))
    result = whole_sync()

    assert result.success
    assert all(each.passed for each in result.get_asset_check_evaluations() if "null" not in
               each.check_name)  # fmt: skip
    assert warehouse.query("select count(*) from help_desk.ticket_volume_daily") == [(0,)]
    assert warehouse.query("select sum(tickets)::int from help_desk.ticket_backlog") == [(0,)]
    page = (warehouse.path.parent / "help_desk_report.html").read_text(encoding="utf-8")
    assert '<p class="big">0</p>' in page


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("TIMEZONE", "Mars/Base", "Unknown time zone 'Mars/Base': set REPORTS__"),
        ("PATH", "/nowhere/at/all.html", "cannot be written to /nowhere/at/all.html (No such"),
    ],
)
def test_invalid_setting_fails_with_an_error_message(
    setting: str,
    value: str,
    said: str,
    desk: Sandbox,
    whole_sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"REPORTS__HELP_DESK__{setting}", value)
    result = whole_sync()

    assert not result.success
    sentences = {
        str(event.step_failure_data.user_failure_data.description)
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    }
    assert any(said in sentence for sentence in sentences)


def test_column_lineage_names_existing_columns(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse
) -> None:
    whole_sync()
    graph = defs.resolve_asset_graph()
    for table in MODELS:
        shown = graph.get(dg.AssetKey(table.name)).metadata
        stored = warehouse.query(f"describe help_desk.{table.name}")
        schema = shown["dagster/column_schema"].columns
        assert [(column.name, column.type) for column in schema] == [row[:2] for row in stored]
        assert all(column.description for column in schema)
        lineage = shown["dagster/column_lineage"].deps_by_column
        assert list(lineage) == [column.name for column in schema]
        for dependency in (each for column in lineage.values() for each in column):
            (upstream,) = dependency.asset_key.path
            assert dependency.column_name in {
                row[0] for row in warehouse.query(f"describe help_desk.{upstream}")
            }


def test_reports_have_group_owners_kinds_and_code_references() -> None:
    graph = defs.resolve_asset_graph()
    for name in REPORTS:
        node = graph.get(dg.AssetKey(name))
        assert dg.AssetKey("help_desk_tickets") in node.parent_keys
        assert node.group_name == "help_desk"
        assert node.owners
        assert node.kinds
        assert node.tags["help_desk/layer"] == "report"
        assert node.description
        assert node.pools == {"duckdb"}
        (reference,) = node.metadata["dagster/code_references"].code_references
        assert Path(reference.file_path).is_file()
    schedules = [schedule.name for schedule in defs.schedules or []]
    sensors = [sensor.name for sensor in defs.sensors or []]
    assert schedules == [
        "help_desk_sync_schedule",
        "help_desk_full_refresh_schedule",
        "help_desk_maintenance_schedule",
    ]
    assert sensors == ["help_desk_run_failure_alert", "help_desk_check_failure_alert"]
    assert all(each.description for each in [*(defs.schedules or []), *(defs.sensors or [])])


def test_tickets_remain_loaded_if_a_report_fails(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTS__HELP_DESK__PATH", "/nowhere/at/all.html")
    result = whole_sync()

    assert "cannot be written" in str(failure_of(result).description)
    assert len(warehouse.tickets()) == 400
