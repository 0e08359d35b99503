"""The rows in DuckDB and the metadata in Dagster after a materialization."""

import json
from collections.abc import Callable

import dagster as dg
import pytest

from helpdesk_assets.assets.metadata import age_of
from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets.tables.schema import COLUMNS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, metadata_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

TICKETS = dg.AssetKey("help_desk_tickets")


def test_materialization_metadata_describes_the_load(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=250))
    metadata = metadata_of(sync())

    assert metadata["rows_loaded"] == 250
    assert metadata["dagster/row_count"] == 250
    assert metadata["dagster/table_name"] == "help_desk.help_desk_tickets"
    assert metadata["duckdb_file"] == str(warehouse.path)
    assert metadata["pages"] == 6
    assert metadata["requests"] == 6
    assert metadata["retries"] == 0
    assert metadata["page_overlap_retries"] == 0
    assert metadata["rows_read"] == 250
    assert metadata["rows_rejected"] == 0
    assert metadata["api_total"] == 250
    assert 0 < metadata["seconds"] < 60


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 min"),
        (59, "0 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 0 h"),
        (1359231, "15 d 17 h"),
    ],
)
def test_the_age_of_the_newest_ticket_is_readable(seconds: int, text: str) -> None:
    assert age_of(seconds) == text


def test_ui_shows_stored_columns_with_types_and_descriptions(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=10))
    shown = {column.name: column for column in metadata_of(sync())["dagster/column_schema"].columns}
    stored = warehouse.query("describe help_desk.help_desk_tickets")

    assert [(name, column.type) for name, column in shown.items()] == [row[:2] for row in stored]
    for column in COLUMNS:
        assert shown[column.name].description == column.description
    assert all(column.description for column in shown.values())
    assert not shown["id"].constraints.nullable
    assert shown["subject"].constraints.nullable
    assert shown["created_at"].type == "TIMESTAMP WITH TIME ZONE"


def test_columns_are_described_before_the_first_run() -> None:
    spec = defs.resolve_asset_graph().get(TICKETS)
    schema = spec.metadata["dagster/column_schema"]

    assert [column.name for column in schema.columns] == ["id", "subject", "status", "created_at"]
    assert all(column.description for column in schema.columns)


def test_asset_has_parent_kinds_group_owners_and_pool() -> None:
    graph = defs.resolve_asset_graph()
    node = graph.get(TICKETS)

    assert node.parent_keys == {dg.AssetKey("help_desk_api")}
    assert not graph.get(dg.AssetKey("help_desk_api")).is_materializable
    assert node.kinds == {"dlt", "duckdb"}
    assert node.group_name == "help_desk"
    assert node.owners
    assert node.description
    assert node.freshness_policy_or_from_metadata
    assert node.pools == {"duckdb"}


def test_fields_not_in_the_profile_are_loaded(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=30)
    connect(desk)
    sync()
    rows = warehouse.query(
        "select priority, requester__id from help_desk.help_desk_tickets order by id"
    )
    tags = warehouse.query("select tags from help_desk.help_desk_tickets order by id")

    assert rows == [(ticket["priority"], ticket["requester"]["id"]) for ticket in desk.desk.tickets]
    assert [json.loads(tag) for (tag,) in tags] == [ticket["tags"] for ticket in desk.desk.tickets]


def test_time_zone_offset_of_created_at_is_respected(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=1)
    desk.desk.tickets[0]["created_at"] = "2026-03-29T01:30:00.250+05:30"
    connect(desk)
    sync()

    assert warehouse.query(
        "select created_at = timestamptz '2026-03-28 20:00:00.25+00'"
        " from help_desk.help_desk_tickets"
    ) == [(True,)]


def test_second_run_updates_and_inserts_rows_by_id(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=150)
    connect(desk)
    sync()
    desk.desk.tickets[7].update(status="closed", subject="Solved at last ✅")
    desk.desk.tickets[8].update(subject=None)
    desk.desk.tickets.append({"id": 151, "subject": "new", "status": "new", "queue": "second"})
    metadata = metadata_of(sync())

    assert metadata["dagster/row_count"] == 151
    assert metadata["rows_loaded"] == 151
    assert warehouse.tickets() == [
        (ticket["id"], ticket["subject"], ticket["status"]) for ticket in desk.desk.tickets
    ]
    assert "queue" in [column.name for column in metadata["dagster/column_schema"].columns]


def test_empty_help_desk_creates_an_empty_table_that_is_filled_later(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=0)
    connect(desk)
    first = sync()

    assert first.success
    assert metadata_of(first)["dagster/row_count"] == 0
    assert metadata_of(first)["rows_loaded"] == 0
    assert warehouse.query("describe help_desk.help_desk_tickets")[0][:2] == ("id", "BIGINT")

    desk.desk.tickets.append({"id": 1, "subject": "first", "status": "new"})
    second = sync()

    assert second.success
    assert warehouse.tickets() == [(1, "first", "new")]


def test_working_folder_is_removed_after_successful_and_failed_runs(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=10))

    assert sync().success
    monkeypatch.setenv("API_KEY", "wrong")
    assert not sync().success
    left = {path.name for path in warehouse.path.parent.iterdir()}
    assert left <= {"tickets.duckdb", ".tickets.duckdb.lock", "help_desk_report.html"}


def test_failed_run_leaves_the_table_unchanged(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=250)
    connect(desk)
    sync()
    before = warehouse.tickets()
    for ticket in desk.desk.tickets:
        ticket["status"] = "closed"
    desk.fault = FAULTS["refuses-page-two"].make()
    result = sync()

    assert not result.success
    assert warehouse.tickets() == before
