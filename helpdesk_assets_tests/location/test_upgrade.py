"""A database from an earlier version is continued by this one.

``before_desks.duckdb.xz`` was written by the last version without HelpDesk objects: a sandbox of 60
tickets was loaded incrementally; then tickets 5 and 6 were deleted, 10 was reopened, and all
tickets were read; then it was loaded incrementally again.
"""

import lzma
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, metadata_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]

BEFORE = Path(__file__).with_name("before_desks.duckdb.xz")


def sync(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    result = defs.resolve_job_def("help_desk_sync").execute_in_process(instance=instance)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    return result


def test_database_of_an_earlier_version_is_continued(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH", "updated_at")
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    warehouse.path.write_bytes(lzma.decompress(BEFORE.read_bytes()))
    desk = sandbox(tickets=60)
    connect(desk)
    tickets = {ticket["id"]: ticket for ticket in desk.desk.tickets}
    # The sandbox of today has other tickets than that of the earlier version.
    statuses = dict(warehouse.query("select id, status from help_desk.help_desk_tickets"))
    for number, ticket in tickets.items():
        ticket.update(status=statuses.get(number, ticket["status"]), is_deleted=False)
    tickets[10].update(status="reopened", updated_at="2026-12-01T00:00:00Z")
    tickets[11].update(status="escalated", updated_at="2026-12-02T00:00:00Z")
    del tickets[6], tickets[7]
    desk.desk.tickets = list(tickets.values())
    deleted = "select id from help_desk.help_desk_tickets where deleted_at is not null order by id"
    history = (
        "select ticket_id, old_status, new_status from help_desk.ticket_status_changes"
        " where not is_new order by first_seen_at"
    )
    seen = warehouse.query(history)

    everything = sync(instance)

    # The earlier version took its watermark from the tickets and may have missed changes. Therefore
    # all tickets are read once: 5 has been restored, and 7 deleted.
    assert "updated_since" not in desk.queries[0]
    assert metadata_of(everything)["sync_mode"] == "full"
    assert metadata_of(everything)["rows_deleted"] == 1
    assert warehouse.query(deleted) == [(6,), (7,)]
    assert len(warehouse.tickets()) == 60
    assert [(number, new) for number, _, new in seen] == [(10, "reopened")]
    added = warehouse.query(history)[len(seen) :]
    assert [(number, new) for number, _, new in added] == [(11, "escalated")]

    tickets[12].update(status="merged", updated_at="2099-01-01T00:00:00Z")
    changes = sync(instance)

    # After that, only changes are loaded.
    assert metadata_of(changes)["sync_mode"] == "incremental"
    assert (12, "merged") in [(number, new) for number, _, new in warehouse.query(history)]
