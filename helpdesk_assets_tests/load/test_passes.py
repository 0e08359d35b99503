"""Lists that incremental syncs request beside the changes."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of

Sync = Callable[[], dg.ExecuteInProcessResult]

PASSES = """\
      passes:
        - name: changed
          params: {updated_since: "{incremental.start_value}"}
        - name: listed
          incremental_only: true
      incremental:
        cursor_path: updated_at
        initial_value: "2000-01-01T00:00:00Z"
    fields:
"""
COUNT = "select count(*) from help_desk.help_desk_tickets where deleted_at is"


def test_incremental_pass_is_skipped_by_full_syncs(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Sync,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text((BUILT_IN / "default.yaml").read_text().replace("    fields:\n", PASSES))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    desk = sandbox(tickets=250)
    connect(desk)

    result = sync()
    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"] is True
    assert all("updated_since" in query for query in desk.queries)

    # This is a change that the API does not report as one.
    desk.desk.tickets[7]["subject"] = "another one"
    result = sync()
    assert result.success, error_of(result)
    assert metadata_of(result)["sync_mode"] == "incremental"
    assert metadata_of(result)["completeness_verified"] is False
    assert (8, "another one") in [(number, text) for number, text, _ in warehouse.tickets()]

    # A row missing from the table causes a full sync, which detects deleted tickets.
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("delete from help_desk.help_desk_tickets where id = 3")
    del desk.desk.tickets[100]
    result = sync()
    assert result.success, error_of(result)
    assert metadata_of(result)["sync_mode"] == "full"
    assert warehouse.query(f"{COUNT} null") == [(249,)]
    assert warehouse.query(f"{COUNT} not null") == [(1,)]
