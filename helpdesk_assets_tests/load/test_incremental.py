"""Runs that ask for what has changed only, and runs that do not although they could."""

import asyncio
from collections.abc import Callable

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, metadata_of, sentence_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

CURSOR = "SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH"
START = "SOURCES__HELP_DESK__INCREMENTAL__START_PARAM"
LAG = "SOURCES__HELP_DESK__INCREMENTAL__LAG"


@pytest.fixture
def incremental(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CURSOR, "updated_at")
    monkeypatch.setenv(START, "updated_since")


def full_refresh(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the job as the weekly schedule does."""
    schedule = defs.resolve_schedule_def("help_desk_full_refresh_schedule")
    (request,) = schedule.evaluate_tick(dg.build_schedule_context()).run_requests or []
    return defs.resolve_job_def("help_desk_sync").execute_in_process(
        instance=instance, run_config=request.run_config, raise_on_error=False
    )


@pytest.mark.usefixtures("incremental")
def test_an_unchanged_desk_costs_one_request(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=1000)
    connect(desk)
    first = sync()
    before = warehouse.tickets()
    desk.queries.clear()
    second = sync()

    assert metadata_of(first)["sync_mode"] == metadata_of(second)["sync_mode"] == "incremental"
    assert metadata_of(second)["requests"] == len(desk.queries) == 1
    assert desk.queries[0]["updated_since"] < max(
        ticket["updated_at"] for ticket in desk.desk.tickets
    )
    assert warehouse.tickets() == before
    assert all(check.passed for check in second.get_asset_check_evaluations())


@pytest.mark.usefixtures("incremental")
def test_what_has_changed_arrives_run_after_run(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=500)
    connect(desk)
    sync()
    for number in range(4):
        desk.desk.tickets[number].update(
            status=f"round {number}", updated_at=f"2026-12-0{number + 1}T00:00:00Z"
        )
        desk.desk.tickets.append(
            {"id": 501 + number, "subject": "new", "updated_at": f"2026-12-0{number + 1}T00:00:01Z"}
        )
        result = sync()

        assert result.success
        assert metadata_of(result)["rows_read"] < 10
        assert warehouse.tickets() == [
            (ticket["id"], ticket["subject"], ticket.get("status")) for ticket in desk.desk.tickets
        ]


@pytest.mark.usefixtures("incremental")
def test_a_change_while_a_long_walk_lasts_is_read_by_the_next(
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
            # What has been read changes first, what is still to be read a second later.
            desk.desk.tickets[150].update(status="reopened", updated_at="2026-12-01T00:00:00Z")
            desk.desk.tickets[490].update(status="reopened", updated_at="2026-12-01T00:00:01Z")
            await asyncio.sleep(1.5)
        return await answer(request)

    desk = sandbox(tickets=500, fault=busy)
    connect(desk)
    sync()
    (stale,) = [status for number, _, status in warehouse.tickets() if number == 151]
    sync()
    (fresh,) = [status for number, _, status in warehouse.tickets() if number == 151]

    assert stale != "reopened"
    assert fresh == "reopened"


@pytest.mark.usefixtures("incremental")
def test_a_full_refresh_reads_what_has_changed_without_saying_so(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    desk = sandbox(tickets=300)
    connect(desk)
    sync()
    desk.desk.tickets[3]["status"] = "changed in silence"
    sync()
    before = warehouse.tickets()[3]
    desk.queries.clear()
    result = full_refresh(instance)

    assert before[2] != "changed in silence"
    assert metadata_of(result)["sync_mode"] == "full"
    assert all("updated_since" not in query for query in desk.queries)
    assert warehouse.tickets()[3][2] == "changed in silence"
    # And the next run goes on from where the last one that asked for changes was.
    desk.queries.clear()
    assert metadata_of(sync())["sync_mode"] == "incremental"
    assert len(desk.queries) == 1


@pytest.mark.usefixtures("incremental")
def test_a_failed_run_is_made_up_for(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=300)
    connect(desk)
    sync()
    for ticket in desk.desk.tickets[:150]:
        ticket.update(status="reopened", updated_at="2026-12-01T00:00:00Z")
    desk.fault = FAULTS["refuses-page-two"].make()
    failed = sync()
    desk.fault = None
    sync()

    assert not failed.success
    assert [status for _, _, status in warehouse.tickets()[:150]] == ["reopened"] * 150


@pytest.mark.parametrize("cursor", ["updated_at", ""])
def test_a_table_that_was_dropped_is_loaded_in_full(
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
    # What was rejected before is still known.
    assert len(warehouse.query("from help_desk.help_desk_tickets_rejected")) >= 1
    assert sync().success


@pytest.mark.usefixtures("incremental")
def test_an_empty_desk_is_asked_again_for_everything(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=0)
    connect(desk)
    assert sync().success
    desk.desk.tickets.append({"id": 1, "subject": "old", "updated_at": "2001-01-01T00:00:00Z"})
    desk.desk.tickets.append({"id": 2, "subject": "of no time", "updated_at": "2001-01-01"})

    assert sync().success
    assert [number for number, _, _ in warehouse.tickets()] == [1, 2]


@pytest.mark.parametrize("name", [CURSOR, START])
def test_half_a_setting_is_said_so(
    name: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    monkeypatch.setenv(name, "updated_at")

    assert "two settings are needed and one is missing" in sentence_of(sync())
    assert desk.queries == []


def test_merging_the_same_again_does_not_fill_the_disk(
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
