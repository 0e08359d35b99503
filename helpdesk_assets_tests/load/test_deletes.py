"""Tickets that are deleted in the help desk: marked, removed or kept, and never by mistake."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, at_length, error_of, metadata_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

DELETES = "SOURCES__HELP_DESK__DELETES"


@pytest.fixture
def desk(sandbox: StartSandbox, connect: Connect) -> Sandbox:
    """Serve a desk of 250 tickets that runs load from."""
    desk = sandbox(tickets=250)
    connect(desk)
    return desk


def deleted(warehouse: Warehouse) -> list[int]:
    return [
        number
        for (number,) in warehouse.query(
            "select id from help_desk.help_desk_tickets where deleted_at is not null order by id"
        )
    ]


def check(result: dg.ExecuteInProcessResult, name: str) -> Any:
    (found,) = [c for c in result.get_asset_check_evaluations() if c.check_name == name]
    return found


def test_deleted_ticket_is_marked_until_it_reappears(
    desk: Sandbox, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    assert deleted(warehouse) == []
    lost = [desk.desk.tickets.pop(place) for place in (200, 100, 0)]
    result = sync()

    assert deleted(warehouse) == [1, 101, 201]
    assert len(warehouse.tickets()) == 250
    assert metadata_of(result)["rows_deleted"] == 3
    assert metadata_of(result)["deletes"] == "soft"
    assert check(result, "no_mass_deletion").passed
    (first,) = warehouse.query("select deleted_at from help_desk.help_desk_tickets where id = 1")
    desk.desk.tickets.insert(0, lost[2])
    again = sync()

    assert deleted(warehouse) == [101, 201]
    assert metadata_of(again)["rows_deleted"] == 0
    assert first[0] is not None
    assert all(each.passed for each in again.get_asset_check_evaluations())


def test_deleted_ticket_is_removed_with_hard_deletes(
    desk: Sandbox,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DELETES, "hard")
    sync()
    del desk.desk.tickets[100]
    result = sync()

    assert len(warehouse.tickets()) == 249
    assert metadata_of(result)["deletes"] == "hard"
    # Mass deletions may be a mistake, so the rows are only marked.
    del desk.desk.tickets[:100]
    result = sync()

    assert len(warehouse.tickets()) == 249
    assert len(deleted(warehouse)) == 100
    assert metadata_of(result)["deletes"] == "soft"
    assert not check(result, "no_mass_deletion").passed


def test_deletes_can_be_turned_off(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DELETES, "off")
    desk = sandbox(tickets=50)
    connect(desk)
    sync()
    del desk.desk.tickets[10]

    assert sync().success
    assert deleted(warehouse) == []


def test_unknown_value_of_the_setting_is_reported(
    sandbox: StartSandbox, connect: Connect, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DELETES, "softly")
    desk = sandbox(tickets=50)
    connect(desk)

    assert "set SOURCES__HELP_DESK__DELETES to one of soft, hard, off" in error_of(sync())
    assert desk.queries == []


def test_mass_deletion_is_reported_as_a_warning(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=100)
    connect(desk)
    sync()
    del desk.desk.tickets[:11]
    result = sync()
    warned = check(result, "no_mass_deletion")

    assert result.success
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert "11 rows (11% of all)" in str(warned.description)
    monkeypatch.setenv("SOURCES__HELP_DESK__DELETED_SHARE", "0.5")
    del desk.desk.tickets[:30]
    assert check(sync(), "no_mass_deletion").passed


@pytest.mark.parametrize(
    "fault", at_length(["ends-early", "data-missing", "refuses-page-two", "html"], short=2)
)
def test_failed_run_marks_no_tickets_as_deleted(
    fault: str, desk: Sandbox, sync: Sync, warehouse: Warehouse
) -> None:
    sync()
    del desk.desk.tickets[20]
    desk.fault = FAULTS[fault].make()

    assert not sync().success
    assert deleted(warehouse) == []


def test_incremental_sync_marks_no_tickets_as_deleted(
    desk: Sandbox,
    sync: Sync,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH", "updated_at")
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    sync()
    del desk.desk.tickets[20]
    result = sync()

    assert deleted(warehouse) == []
    assert "incremental" in metadata_of(result)["deletes"]
    config = {"ops": {"help_desk_tickets": {"config": {"full_refresh": True}}}}
    defs.resolve_job_def("help_desk_sync").execute_in_process(instance=instance, run_config=config)
    assert deleted(warehouse) == [21]


def test_rejected_ticket_does_not_count_as_deleted(
    desk: Sandbox, sync: Sync, warehouse: Warehouse
) -> None:
    sync()
    del desk.desk.tickets[20]
    desk.desk.tickets[50]["created_at"] = "yesterday-ish"
    assert sync().success
    assert deleted(warehouse) == [21]
    # A row without a readable id may be any ticket.
    del desk.desk.tickets[0]
    desk.desk.tickets[60]["id"] = None
    result = sync()

    assert deleted(warehouse) == [21]
    assert "rejected rows have no readable id" in metadata_of(result)["deletes"]


def test_empty_help_desk_is_reported_as_a_mass_deletion(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=50)
    connect(desk)
    sync()
    desk.desk.tickets.clear()
    result = sync()

    assert len(deleted(warehouse)) == 50
    assert not check(result, "no_mass_deletion").passed
