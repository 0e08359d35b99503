"""Tables, columns and files that were dropped or altered between two loads."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    at_length,
    error_of,
    everything_logged,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

FILE = "DESTINATION__DUCKDB__CREDENTIALS"
DROP = "alter table help_desk.help_desk_tickets drop column"
TICKETS = 120


@pytest.fixture(params=at_length([False, True], short=[True]), ids=["full", "incremental"])
def desk(
    request: pytest.FixtureRequest,
    sandbox: StartSandbox,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> Sandbox:
    if request.param:
        monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    started = sandbox(tickets=TICKETS)
    connect(started)
    return started


@pytest.mark.parametrize(
    "lost",
    at_length(
        [
            "drop table help_desk._dlt_pipeline_state",
            "drop table help_desk._dlt_version",
            "drop table help_desk._dlt_loads",
            "drop table help_desk._watermarks",
            f"{DROP} subject",
            f"{DROP} channel",
            f"{DROP} deleted_at",
            f"{DROP} _row_number",
            "drop table help_desk.help_desk_tickets",
            "drop schema help_desk cascade",
        ],
        short=[
            "drop table help_desk._dlt_pipeline_state",
            f"{DROP} subject",
            "drop schema help_desk cascade",
        ],
    ),
)
def test_dropped_tables_and_columns_are_recreated(
    lost: str, desk: Sandbox, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    before = warehouse.tickets()
    warehouse.query(lost)

    # The first sync recreates it, and the second one uses it.
    for _ in range(2):
        result = sync()
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations())
        assert warehouse.tickets() == before


@pytest.mark.parametrize("column", at_length(["id", "_dlt_load_id"], short=1))
def test_missing_key_column_is_reported(
    column: str, desk: Sandbox, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    warehouse.query(f"{DROP} {column}")
    asked = len(desk.queries)

    assert f"has lost its column {column}" in error_of(sync())
    assert len(desk.queries) == asked
    warehouse.query("drop table help_desk.help_desk_tickets")
    assert sync().success
    assert len(warehouse.tickets()) == TICKETS


@pytest.mark.parametrize(
    "name", at_length(["50%.duckdb", "%s.duckdb", "it's.duckdb", 'a "b" c;.duckdb', "é#?"], short=1)
)
def test_file_may_have_any_name(
    name: str, desk: Sandbox, sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE, str(tmp_path / name))

    for _ in range(2):
        assert sync().success
    assert len(Warehouse(tmp_path / name).tickets()) == TICKETS


@pytest.mark.parametrize("folder", ["50%", "it's"])
def test_folder_that_dlt_does_not_support_is_reported(
    folder: str, desk: Sandbox, sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    monkeypatch.setenv(FILE, str(tmp_path / folder / "tickets.duckdb"))

    assert "dlt does not support" in error_of(sync())
    assert desk.queries == []


def test_file_that_is_deleted_during_a_load_is_recreated(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    async def delete(request: Request, answer: Answer) -> Response:
        if request.query_params["offset"] == "99":
            warehouse.path.unlink(missing_ok=True)
        return await answer(request)

    desk = sandbox(tickets=TICKETS)
    connect(desk)
    assert sync().success
    desk.fault = delete
    assert sync().success
    assert len(warehouse.tickets()) == TICKETS


def test_error_message_for_a_changed_column_type_contains_no_values(
    desk: Sandbox, sync: Sync, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    assert sync().success
    warehouse.query("alter table help_desk.help_desk_tickets alter channel type bigint using 0")
    desk.desk.tickets[5].update(channel='it\'s "planted" 7Qx9', updated_at="2030-01-01T00:00:00Z")
    result = sync()

    assert not result.success
    assert "The load failed: ConversionException: " in error_of(result)
    logged = everything_logged(instance, result)
    assert "planted" not in logged
    assert "7Qx9" not in logged
