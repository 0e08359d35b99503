"""Incremental syncs, and the reasons for full ones."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.definitions import defs
from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    at_length,
    error_of,
    everything_logged,
    metadata_of,
    set_variables,
)
from helpdesk_assets_tests.support.clocked import ClockedDesk, profile, utc

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Use = Callable[..., Any]

CURSOR = "SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH"
START = "SOURCES__HELP_DESK__INCREMENTAL__START_PARAM"
LAG = "SOURCES__HELP_DESK__INCREMENTAL__LAG"
TABLE = "help_desk.help_desk_tickets"


@pytest.fixture
def incremental(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CURSOR, "updated_at")
    monkeypatch.setenv(START, "updated_since")


@pytest.fixture
def use(tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Serve a desk with a clock inside a ``with`` block, and load from it with a profile."""

    @contextmanager
    def start(
        desk: ClockedDesk, incremental: str = "{start_param: since}", **options: str
    ) -> Iterator[None]:
        file = tmp_path / "desk.yaml"
        file.write_text(profile(incremental, **options))
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
        monkeypatch.setenv(LAG, "0")
        with desk.served() as base_url:
            set_variables(monkeypatch, base_url, warehouse, "key")
            yield

    return start


def now(seconds: float = 0) -> str:
    """Return the time in a number of seconds, in the sandbox's format."""
    instant = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def statuses(warehouse: Warehouse) -> dict[int, str | None]:
    return {number: status for number, _, status in warehouse.tickets()}


def full_refresh(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the job as the weekly schedule does."""
    schedule = defs.resolve_schedule_def("help_desk_full_refresh_schedule")
    (request,) = schedule.evaluate_tick(dg.build_schedule_context()).run_requests or []
    return defs.resolve_job_def("help_desk_sync").execute_in_process(
        instance=instance, run_config=request.run_config, raise_on_error=False
    )


@pytest.mark.usefixtures("incremental")
def test_sync_without_changes_takes_one_request(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=1000)
    connect(desk)
    began = datetime.now(timezone.utc)
    first = sync()
    before = warehouse.tickets()
    desk.queries.clear()
    loads = warehouse.query("select count(*) from help_desk._dlt_loads")
    second = sync()

    assert metadata_of(first)["sync_mode"] == "full"
    assert metadata_of(second)["sync_mode"] == "incremental"
    assert metadata_of(second)["rows_loaded"] == 0
    assert metadata_of(second)["deletes"] == "an incremental sync reads only changed rows"
    assert warehouse.query("select count(*) from help_desk._dlt_loads") == loads
    assert metadata_of(second)["requests"] == len(desk.queries) == 1
    # The start of the first sync, minus the lag of 300 seconds, in whole seconds.
    since = utc(desk.queries[0]["updated_since"])
    assert timedelta(seconds=295) <= began - since <= timedelta(seconds=305)
    assert warehouse.tickets() == before
    assert all(check.passed for check in second.get_asset_check_evaluations())


@pytest.mark.usefixtures("incremental")
def test_each_run_loads_the_changes_since_the_last_one(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=500)
    connect(desk)
    sync()
    for number in range(4):
        desk.desk.tickets[number].update(status=f"round {number}", updated_at=now())
        desk.desk.tickets.append({"id": 501 + number, "subject": "new", "updated_at": now()})
        result = sync()

        assert result.success
        assert metadata_of(result)["rows_read"] < 10
        assert warehouse.tickets() == [
            (ticket["id"], ticket["subject"], ticket.get("status")) for ticket in desk.desk.tickets
        ]


@pytest.mark.usefixtures("incremental")
def test_change_during_a_full_sync_is_loaded_by_the_next_run(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(LAG, "0")
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "1")
    changed = False

    async def busy(request: Request, answer: Answer) -> Response:
        nonlocal changed
        if request.query_params["offset"] == "396" and not changed:
            changed = True
            # First a ticket that was read changes, then one that is still to be read.
            desk.desk.tickets[150].update(status="reopened", updated_at=now())
            await asyncio.sleep(1.5)
            desk.desk.tickets[490].update(status="reopened", updated_at=now())
        return await answer(request)

    desk = sandbox(tickets=500, fault=busy)
    connect(desk)
    sync()
    stale = statuses(warehouse)[151]
    sync()

    assert stale != "reopened"
    assert statuses(warehouse)[151] == "reopened"


@pytest.mark.usefixtures("incremental")
def test_full_refresh_loads_changes_that_the_api_does_not_report(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    desk = sandbox(tickets=300)
    connect(desk)
    sync()
    desk.desk.tickets[3]["status"] = "changed unnoticed"
    sync()
    before = warehouse.tickets()[3]
    desk.queries.clear()
    began = datetime.now(timezone.utc)
    result = full_refresh(instance)

    assert before[2] != "changed unnoticed"
    assert metadata_of(result)["sync_mode"] == "full"
    assert all("updated_since" not in query for query in desk.queries)
    assert warehouse.tickets()[3][2] == "changed unnoticed"
    # The next run requests the changes since the start of this one.
    desk.queries.clear()
    assert metadata_of(sync())["sync_mode"] == "incremental"
    (query,) = desk.queries
    assert abs(began - utc(query["updated_since"])) <= timedelta(seconds=305)


@pytest.mark.usefixtures("incremental")
def test_run_after_a_failed_one_loads_the_changes_since_the_last_successful_run(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=300)
    connect(desk)
    sync()
    for ticket in desk.desk.tickets[:150]:
        ticket.update(status="reopened", updated_at=now())
    desk.fault = FAULTS["refuses-page-two"].make()
    failed = sync()
    desk.fault = None
    sync()

    assert not failed.success
    assert [status for _, _, status in warehouse.tickets()[:150]] == ["reopened"] * 150


@pytest.mark.parametrize(
    ("ahead", "dated"),
    # A slow clock without a Date header is a limit documented in docs/profiles.md.
    at_length([(-3600, True), (0, True), (365 * 86400, True), (0, False), (3600, False)], short=1),
)
def test_no_change_is_missed_if_clocks_differ(
    ahead: int, dated: bool, use: Use, sync: Sync, warehouse: Warehouse
) -> None:
    desk = ClockedDesk(150, ahead=timedelta(seconds=ahead), dated=dated)
    with use(desk):
        assert sync().success
        for number in range(1, 4):
            desk.change(number, f"round {number}")
            desk.add()
            assert sync().success
            assert statuses(warehouse)[number] == f"round {number}"
            assert len(warehouse.tickets()) == len(desk.tickets)


@pytest.mark.long
@pytest.mark.parametrize(
    "value",
    at_length(
        ["2027-12-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon", None],
        short=["9999-12-31T23:59:59Z"],
    ),
)
def test_time_of_one_ticket_does_not_exclude_changes_of_others(
    value: str | None, use: Use, sync: Sync, warehouse: Warehouse
) -> None:
    desk = ClockedDesk(150)
    desk.tickets[7]["updated_at"] = value
    with use(desk, "{cursor_path: updated_at, start_param: since}"):
        for number in range(1, 4):
            assert sync().success
            desk.change(number, f"round {number}", updated_at="2026-01-01T00:00:00Z")
            result = sync()
            # Even if its time is the same, because all rows that the API sends are loaded.
            assert statuses(warehouse)[number] == f"round {number}"
            assert metadata_of(result)["rows_loaded"] == metadata_of(result)["rows_read"]


@pytest.mark.parametrize(
    ("path", "fields"),
    at_length(
        [
            ("meta.updated", {"meta": {"updated": "2026-11-01T00:00:00Z"}}),
            ("updatedAt", {"updatedAt": "2026-11-01T00:00:00Z"}),
            ("updated_at", {"updated_at": "2026-11-01 10:00:00"}),
            ("updated_at", {"updated_at": 1764060000000}),
            ("nowhere", {}),
        ],
        short=1,
    ),
)
def test_changes_are_loaded_wherever_their_time_is_in_a_row(
    path: str, fields: dict[str, Any], use: Use, sync: Sync, warehouse: Warehouse
) -> None:
    desk = ClockedDesk(120)
    for ticket in desk.tickets.values():
        ticket.update(fields)
    with use(desk, f"{{cursor_path: {path}, start_param: since}}"):
        for number in range(1, 4):
            assert sync().success
            desk.change(number, "changed")

        assert metadata_of(sync())["rows_read"] <= 3
        assert [statuses(warehouse)[number] for number in (1, 2, 3)] == ["changed"] * 3


BERLIN = ZoneInfo("Europe/Berlin")
PATTERN = "%d.%m.%Y %H:%M:%S"


def from_berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("times", "reads", "spells"),
    at_length(
        [
            ("", utc, lambda at: at.isoformat(timespec="milliseconds")),
            (
                "format: epoch_seconds\n",
                lambda text: datetime.fromtimestamp(int(text), timezone.utc),
                lambda at: int(at.timestamp()),
            ),
            (
                "format: epoch_milliseconds\n",
                lambda text: datetime.fromtimestamp(int(text) / 1000, timezone.utc),
                lambda at: int(at.timestamp() * 1000),
            ),
            (
                "time_zone: Europe/Berlin\n",
                from_berlin,
                lambda at: at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S"),
            ),
            (
                f"format: '{PATTERN}'\ntime_zone: Europe/Berlin\n",
                lambda text: datetime.strptime(text, PATTERN).replace(tzinfo=BERLIN),
                lambda at: at.astimezone(BERLIN).strftime(PATTERN),
            ),
        ],
        short=2,
    ),
)
def test_times_have_the_format_in_the_profile(
    times: str,
    reads: Callable[[str], datetime],
    spells: Callable[[datetime], Any],
    use: Use,
    sync: Sync,
    warehouse: Warehouse,
) -> None:
    desk = ClockedDesk(120, reads=reads, spells=spells)
    with use(desk, times=times):
        assert sync().success
        desk.change(5, "changed")
        desk.add()
        result = sync()

    assert metadata_of(result)["sync_mode"] == "incremental"
    assert metadata_of(result)["rows_read"] in (2, 3)
    assert statuses(warehouse)[5] == "changed"
    # All times of creation are correct, to the second.
    stored = warehouse.query(f"select id, epoch(created_at) from {TABLE}")
    assert len(stored) == 121
    for number, seconds in stored:
        assert abs(seconds - desk.changed[number].timestamp()) < 1 or number == 5


def test_format_may_contain_an_operator(use: Use, sync: Sync) -> None:
    desk = ClockedDesk(10, reads=lambda text: utc(text.removeprefix(">=")))
    with use(desk, "{start_param: since, format: '>=%Y-%m-%dT%H:%M:%SZ'}"):
        assert sync().success
        desk.change(5, "changed")

        assert metadata_of(sync())["rows_read"] == 1


def reason_for_full_sync(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """Return the logged reason for a full sync; the run must have been one."""
    assert metadata_of(result)["sync_mode"] == "full"
    logged = everything_logged(instance, result)
    return logged.partition("Full sync of help_desk_tickets: ")[2].partition(".'")[0]


@pytest.mark.parametrize(
    ("edit", "why"),
    at_length(
        [
            (f"drop table {TABLE}", "no complete sync"),
            (f"delete from {TABLE}", "the table is empty"),
            (f"delete from {TABLE} where id = 7", "the table has 149 rows instead of 150"),
            (f"update {TABLE} set _dlt_load_id = '1' where id > 0", "something else has written"),
            (
                f"insert into {TABLE} (id, _dlt_load_id) values (999, '9')",
                "something else has written",
            ),
            ("drop table help_desk._watermarks", "no complete sync"),
        ],
        short=1,
    ),
)
def test_edited_table_causes_a_full_sync(
    edit: str,
    why: str,
    use: Use,
    sync: Sync,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    desk = ClockedDesk(150)
    with use(desk):
        sync()
        assert metadata_of(sync())["sync_mode"] == "incremental"
        warehouse.query(edit)
        result = sync()

        assert why in reason_for_full_sync(instance, result)
        assert {n for n, _, _ in warehouse.tickets()} >= set(desk.tickets)
        assert metadata_of(sync())["sync_mode"] == "incremental"


@pytest.mark.long
def test_another_base_url_or_profile_causes_a_full_sync(
    use: Use, sync: Sync, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    staging, production = ClockedDesk(150), ClockedDesk(100)
    for ticket in production.tickets.values():
        ticket["subject"] = "production"
    with use(staging):
        sync()
    with use(production):
        assert "another base URL" in reason_for_full_sync(instance, sync())
        loaded = warehouse.query(f"select id from {TABLE} where deleted_at is null order by id")
        assert loaded == [(number,) for number in range(1, 101)]
        assert {subject for _, subject, _ in warehouse.tickets()[:100]} == {"production"}
        assert metadata_of(sync())["sync_mode"] == "incremental"
    with use(production, params="{status: all}"), production.served():
        # The base URL is another one, too; only the first reason is logged.
        assert metadata_of(sync())["sync_mode"] == "full"


def test_changed_params_cause_a_full_sync(
    tmp_path: Path, use: Use, sync: Sync, instance: dg.DagsterInstance
) -> None:
    desk = ClockedDesk(10)
    with use(desk):
        sync()
        (tmp_path / "desk.yaml").write_text(profile("{start_param: since}", params="{status: all}"))

        assert "the profile has changed" in reason_for_full_sync(instance, sync())
        assert metadata_of(sync())["sync_mode"] == "incremental"


@pytest.mark.parametrize("cursor", at_length(["updated_at", ""], short=1))
def test_dropped_table_causes_a_full_sync(
    cursor: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if cursor:
        monkeypatch.setenv(CURSOR, cursor)
        monkeypatch.setenv(START, "updated_since")
    desk = sandbox(tickets=300)
    desk.desk.tickets[7]["id"] = None
    connect(desk)
    sync()
    sync()
    warehouse.query("drop table help_desk.help_desk_tickets")
    desk.desk.tickets[7]["id"] = 8

    assert sync().success
    assert len(warehouse.tickets()) == 300
    # The rows rejected by earlier runs are kept.
    assert len(warehouse.query("from help_desk.help_desk_tickets_rejected")) >= 1
    assert sync().success


@pytest.mark.usefixtures("incremental")
def test_empty_table_causes_a_full_sync(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=0)
    connect(desk)
    assert sync().success
    desk.desk.tickets.append({"id": 1, "subject": "old", "updated_at": "2001-01-01T00:00:00Z"})
    desk.desk.tickets.append({"id": 2, "subject": "date only", "updated_at": "2001-01-01"})

    assert sync().success
    assert [number for number, _, _ in warehouse.tickets()] == [1, 2]


def test_cursor_path_without_start_param_is_reported(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    monkeypatch.setenv(CURSOR, "updated_at")

    assert "Incremental loading needs a query parameter for changed tickets" in error_of(sync())
    assert desk.queries == []


@pytest.mark.long
def test_repeated_merges_do_not_enlarge_the_file(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=5000)
    connect(desk)
    assert sync().success
    first = warehouse.path.stat().st_size
    for _ in range(5):
        assert sync().success

    assert warehouse.path.stat().st_size < 2 * first
    assert {path.name for path in warehouse.path.parent.iterdir()} == {
        "tickets.duckdb",
        ".tickets.duckdb.lock",
    }


def test_lag_requests_changes_from_an_earlier_time(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=250)
    connect(desk)
    file = tmp_path / "desk.yaml"
    text = (BUILT_IN / "default.yaml").read_text()
    described = "      incremental: {start_param: updated_since, lag: 172800}\n"
    file.write_text(text.replace("    fields:\n", f"{described}    fields:\n"))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    assert sync().success

    def days_back() -> int:
        asked = datetime.fromisoformat(metadata_of(sync())["asked_from"])
        assert desk.queries[-1]["updated_since"] == f"{asked:%Y-%m-%dT%H:%M:%SZ}"
        return (datetime.now(timezone.utc) - asked).days

    assert days_back() == 2
    monkeypatch.setenv(LAG, "864000")
    assert days_back() == 10


def test_initial_value_may_be_zero(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=250)
    connect(desk)
    file = tmp_path / "desk.yaml"
    described = (
        '      params: {updated_since: "{incremental.start_value}"}\n'
        "      incremental: {initial_value: 0, format: epoch_seconds}\n"
    )
    text = (BUILT_IN / "default.yaml").read_text()
    file.write_text(text.replace("    fields:\n", f"{described}    fields:\n"))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))

    assert sync().success
    assert {query["updated_since"] for query in desk.queries} == {"0"}
