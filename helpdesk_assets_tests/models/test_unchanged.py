"""A sync leaves the models and the page if nothing that they are built from has changed."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets.models import unchanged
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    at_length,
    everything_logged,
    execute,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Change = Callable[[Sandbox, Warehouse, pytest.MonkeyPatch], None]

REPORTS = {dg.AssetKey(name) for name in (*(model.name for model in MODELS), "help_desk_report")}


@pytest.fixture
def desk(sandbox: StartSandbox, connect: Connect) -> Sandbox:
    """Serve 50 tickets, none of which is deleted."""
    desk = sandbox(tickets=50)
    connect(desk)
    return desk


def materialized(result: dg.ExecuteInProcessResult) -> set[dg.AssetKey | None]:
    return {event.asset_key for event in result.get_asset_materialization_events()} & REPORTS


def page_of(warehouse: Warehouse) -> Path:
    return warehouse.path.parent / "help_desk_report.html"


def test_reports_are_left_as_they_are_if_no_ticket_has_changed(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    first = whole_sync()
    built_at = warehouse.query("select max(counted_at) from help_desk.ticket_backlog")
    page = page_of(warehouse).stat()
    second = whole_sync()

    assert first.success
    assert materialized(first) == REPORTS
    assert second.success
    assert not materialized(second)
    assert "The reports are unchanged" in everything_logged(instance, second)
    assert {event.asset_key for event in second.get_asset_materialization_events()} == {
        dg.AssetKey("help_desk_tickets")
    }
    assert warehouse.query("select max(counted_at) from help_desk.ticket_backlog") == built_at
    assert page_of(warehouse).stat() == page


@pytest.mark.long
def test_reports_are_built_if_someone_materializes_them(
    desk: Sandbox, whole_sync: Sync, instance: dg.DagsterInstance
) -> None:
    whole_sync()
    job = defs.resolve_job_def("help_desk_sync").get_subset(asset_selection=frozenset(REPORTS))
    result = execute(job, instance)

    assert result.success
    assert materialized(result) == REPORTS


def status_changes(desk: Sandbox, *_: object) -> None:
    desk.desk.tickets[3]["status"] = "on hold"


def ticket_is_deleted(desk: Sandbox, *_: object) -> None:
    del desk.desk.tickets[3]


def target_is_set(_: Sandbox, __: Warehouse, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REPORTS__HELP_DESK__SLA_TARGETS", '{"resolution": {"*": "4h"}}')


def holiday_is_set(_: Sandbox, __: Warehouse, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REPORTS__HELP_DESK__HOLIDAYS", "2026-12-25")


def page_moves(_: Sandbox, warehouse: Warehouse, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REPORTS__HELP_DESK__PATH", str(warehouse.path.parent / "other.html"))


def page_is_deleted(_: Sandbox, warehouse: Warehouse, __: pytest.MonkeyPatch) -> None:
    page_of(warehouse).unlink()


def model_is_dropped(_: Sandbox, warehouse: Warehouse, __: pytest.MonkeyPatch) -> None:
    warehouse.query("drop table help_desk.ticket_metrics")


def rows_are_removed(_: Sandbox, warehouse: Warehouse, __: pytest.MonkeyPatch) -> None:
    warehouse.query("delete from help_desk.ticket_metrics where ticket_id < 9")


def copy_is_made(_: Sandbox, warehouse: Warehouse, environment: pytest.MonkeyPatch) -> None:
    copy = warehouse.path.with_name("copy.duckdb")
    environment.setenv("DESTINATION__DUCKDB__SNAPSHOT", str(copy))


def day_ends(_: Sandbox, __: Warehouse, environment: pytest.MonkeyPatch) -> None:
    tomorrow = (datetime.now(timezone.utc) + timedelta(days=1)).date()
    environment.setattr(unchanged, "today_in", lambda zone, moment: tomorrow)


CHANGES = [
    ticket_is_deleted,
    target_is_set,
    page_is_deleted,
    status_changes,
    holiday_is_set,
    page_moves,
    model_is_dropped,
    rows_are_removed,
    copy_is_made,
    day_ends,
]


@pytest.mark.parametrize("change", at_length(CHANGES, short=1))
def test_reports_are_built_again_after_a_change(
    change: Change,
    desk: Sandbox,
    whole_sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole_sync()
    change(desk, warehouse, monkeypatch)
    result = whole_sync()

    assert result.success
    assert materialized(result) == REPORTS


@pytest.mark.long
def test_reports_are_built_again_after_a_failure(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTS__HELP_DESK__URL", "nowhere")
    assert not whole_sync().success
    monkeypatch.delenv("REPORTS__HELP_DESK__URL")
    result = whole_sync()

    assert result.success
    assert materialized(result) == REPORTS


@pytest.mark.long
def test_reports_are_built_again_when_a_target_comes_due(
    desk: Sandbox, whole_sync: Sync, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "REPORTS__HELP_DESK__SLA_TARGETS",
        '{"resolution": {"*": "9999d"}, "hours": "calendar"}',
    )
    desk.desk.tickets[3] |= {"status": "open", "solved_at": None, "is_deleted": False}
    whole_sync()
    assert not materialized(whole_sync())
    ((open_targets,),) = warehouse.query(
        "select count(*) from help_desk.sla_breaches where is_open and not is_breached"
    )
    assert open_targets
    # As if one had come due since the models were built.
    warehouse.query(
        "update help_desk.sla_breaches set due_at = now() - interval 1 minute where is_open"
    )
    result = whole_sync()

    assert materialized(result) == REPORTS
    assert warehouse.query("select min(due_at) > now() from help_desk.sla_breaches where is_open")
