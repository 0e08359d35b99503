"""Unreadable rows: why they are rejected, where they are stored, and the maximum share."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.tables.columns import typed_columns
from helpdesk_assets.tables.rows import read, reason_to_reject
from helpdesk_assets.tables.schema import COLUMNS, Column
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": 1}, None),
        ({"id": "42", "subject": 7, "created_at": "2026-01-01T00:00:00Z"}, None),
        ({"id": 1, "subject": None, "status": None, "created_at": None}, None),
        ({"id": None}, "id is missing or null"),
        ({"subject": "nameless"}, "id is missing or null"),
        ({"id": "not-a-number"}, "id cannot be read as bigint"),
        ({"id": True}, "id cannot be read as bigint"),
        ({"id": 3.5}, "id cannot be read as bigint"),
        ({"id": 2**63}, "id cannot be read as bigint"),
        # Their keys would collide with 7.
        ({"id": "007"}, "id cannot be read as bigint"),
        ({"id": " 7"}, "id cannot be read as bigint"),
        ({"id": "0x7"}, "id cannot be read as bigint"),
        ({"id": [1]}, "id cannot be read as bigint"),
        ({"id": 1, "subject": {"text": "a"}}, "subject cannot be read as text"),
        ({"id": 1, "created_at": "yesterday-ish"}, "created_at cannot be read as timestamp"),
        ({"id": 1, "created_at": 1e99}, "created_at cannot be read as timestamp"),
    ],
)
def test_unreadable_row_is_rejected_with_a_reason(row: dict[str, Any], reason: str | None) -> None:
    assert reason_to_reject(row) == reason


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("a-7", None),
        ("№ 7", None),
        ("123456789012345678901", None),
        (123456789012345678901, None),
        (7, None),
        ("a\udc00", "id cannot be read as text"),
        # The replacement of an invalid byte.
        ("b\ufffd", "id cannot be read as text"),
    ],
)
def test_key_is_stored_unchanged_or_rejected(key: Any, reason: str | None) -> None:
    columns = [replace(COLUMNS[0], dlt_type="text")]
    fields, rejected_for = read({"id": key}, columns)

    assert rejected_for == reason
    assert reason or fields == {"id": str(key)}


@pytest.mark.parametrize("others", [[], [{"id": None}]])
def test_json_column_holds_values_of_any_type(others: list[dict[str, Any]]) -> None:
    """With a rejected row, the other rows are read one by one, with the same result."""
    tags = Column(name="tags", dlt_type="text", description="Tags.", is_json=True)
    sent = [["vpn", "l\u00e4uft"], [], {"id": 7}, "vpn", None, 3, True, [2**70], "half \ud83d"]
    rows = [{"id": number, "tags": value} for number, value in enumerate(sent)]
    arrays, rejected_for = typed_columns([*rows, *others], (COLUMNS[0], tags))

    assert list(rejected_for.values()) == ["id is missing or null" for _ in others]
    assert arrays["tags"].to_pylist() == [
        '["vpn","l\u00e4uft"]',
        "[]",
        '{"id":7}',
        "vpn",
        None,
        "3",
        "true",
        f"[{2**70}]",
        "half \ufffd",
    ]


def test_unreadable_rows_are_rejected_with_a_warning(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=250)
    desk.desk.tickets[120]["created_at"] = "yesterday-ish"
    desk.desk.tickets[130]["id"] = None
    connect(desk)
    result = sync()

    assert result.success
    assert len(warehouse.tickets()) == 248
    rejected = warehouse.query(
        "select reason, row, page_offset, run_id from help_desk.help_desk_tickets_rejected"
        " order by reason"
    )
    assert [(reason, offset, run) for reason, _, offset, run in rejected] == [
        ("created_at cannot be read as timestamp", 99, result.run_id),
        ("id is missing or null", 99, result.run_id),
    ]
    assert json.loads(rejected[0][1]) == desk.desk.tickets[120]
    check = result.get_asset_check_evaluations()
    (warned,) = [each for each in check if each.check_name == "no_rejected_rows"]
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert warned.metadata["rejected"].value == 2

    desk.desk.tickets[120]["created_at"] = None
    desk.desk.tickets[130]["id"] = 131
    again = sync()

    assert len(warehouse.tickets()) == 250
    assert all(evaluation.passed for evaluation in again.get_asset_check_evaluations())


def test_too_many_unreadable_rows_leave_the_table_unchanged(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=100)
    connect(desk)
    sync()
    before = warehouse.tickets()
    for ticket in desk.desk.tickets:
        ticket["status"] = "closed"
    for ticket in desk.desk.tickets[:6]:
        ticket["created_at"] = "yesterday-ish"
    result = sync()

    assert "6 of 100 rows cannot be loaded" in error_of(result)
    assert warehouse.tickets() == before

    monkeypatch.setenv("SOURCES__HELP_DESK__REJECTED_SHARE", "0.06")
    assert sync().success
    assert warehouse.tickets() != before


@pytest.mark.parametrize("share", ["-0.1", "1.5"])
def test_invalid_share_is_reported(
    share: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=1))
    monkeypatch.setenv("SOURCES__HELP_DESK__REJECTED_SHARE", share)

    assert "must be between 0 and 1: set SOURCES__HELP_DESK__REJECTED_SHARE" in error_of(sync())


def test_last_row_of_a_ticket_that_is_listed_twice_is_kept(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=150)
    desk.desk.tickets += [{"id": 7, "subject": f"{n}", "status": "again"} for n in range(30)]
    connect(desk)

    assert sync().success
    assert warehouse.tickets()[6] == (7, "29", "again")
    assert len(warehouse.tickets()) == 150


def test_known_columns_keep_their_types(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=100)
    connect(desk)
    sync()
    desk.desk.tickets[3].update(id="4", subject=12345, status=None)
    desk.desk.tickets[4].update(created_at="not yet")
    desk.desk.tickets[5].update(mood="good")

    assert sync().success
    columns = [row[0] for row in warehouse.query("describe help_desk.help_desk_tickets")]
    assert "mood" in columns
    assert [name for name in columns if "__v_" in name] == []
    assert warehouse.tickets()[3] == (4, "12345", None)
