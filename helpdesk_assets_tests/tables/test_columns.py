"""Fields that the schema does not know: which columns they become, and what of, run after run."""

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.tables.columns import OtherColumns
from helpdesk_assets_tests.conftest import Sandbox, Warehouse

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Load = Callable[..., dict[str, list[Any]]]

TABLE = "help_desk.help_desk_tickets"


@pytest.fixture
def load(sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse) -> Load:
    """Load tickets with some more fields; return these fields' columns, by name, in id's order."""
    desk = sandbox(tickets=0)
    connect(desk)

    def run(*others: dict[str, Any]) -> dict[str, list[Any]]:
        desk.desk.tickets = [{"id": number, **other} for number, other in enumerate(others, 1)]
        result = sync()
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations()[:4])
        ours = ("deleted_at", "_row_number", "_dlt_load_id")
        known = ("id", "subject", "status", "created_at", *ours)
        columns = [row[0] for row in warehouse.query(f"describe {TABLE}") if row[0] not in known]
        return {
            name: [
                value for (value,) in warehouse.query(f'select "{name}" from {TABLE} order by id')
            ]
            for name in columns
        }

    return run


def test_objects_become_columns_and_lists_become_json(load: Load) -> None:
    columns = load(
        {"requester": {"id": 7, "address": {"city": "Köln"}}, "tags": ["a", "b"], "cc": [{"n": 1}]},
        {"requester": None, "tags": []},
        {"requester": {"id": 8, "vip": True}},
    )

    tags, cc = columns.pop("tags"), columns.pop("cc")
    assert columns == {
        "requester__id": [7, None, 8],
        "requester__address__city": ["Köln", None, None],
        "requester__vip": [None, None, True],
    }
    assert [tag and json.loads(tag) for tag in tags] == [["a", "b"], [], None]
    assert [each and json.loads(each) for each in cc] == [[{"n": 1}], None, None]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 2.5, {"field": [1, None], "field__v_double": [None, 2.5]}),
        (1, "two", {"field": [1, None], "field__v_text": [None, "two"]}),
        (1, 2**70, {"field": [1, None], "field__v_text": [None, str(2**70)]}),
        (1.5, 2, {"field": [1.5, 2.0]}),
        ("one", 2, {"field": ["one", "2"]}),
        ("one", [2], {"field": ["one", "[2]"]}),
        (True, "yes", {"field": [True, None], "field__v_text": [None, "yes"]}),
        ([1], "two", {"field": ["[1]", "two"]}),
        ("one", {"two": 2}, {"field": ["one", None], "field__two": [None, 2]}),
        ("2026-01-01T00:00:00Z", "soon", {"field__v_text": [None, "soon"]}),
    ],
)
def test_a_field_that_changes_its_type_hides_nothing(
    first: Any, second: Any, expected: dict[str, list[Any]], load: Load
) -> None:
    load({"field": first})
    columns = load({"field": first}, {"field": second})

    assert {name: columns[name] for name in expected} == expected


def test_a_type_that_holds_all_is_found_where_all_come_at_once(load: Load) -> None:
    columns = load(
        {"number": 1, "time": "2026-01-01T00:00:00Z"}, {"number": 2.5, "time": "not yet"}
    )

    assert columns == {"number": [1.0, 2.5], "time": ["2026-01-01T00:00:00Z", "not yet"]}


def test_a_type_is_kept_from_run_to_run(load: Load) -> None:
    assert load({"field": 1}) == {"field": [1]}
    assert load({"field": 1}, {"field": "two"}) == {
        "field": [1, None],
        "field__v_text": [None, "two"],
    }
    assert load({"field": 1}, {"field": 2}) == {"field": [1, 2], "field__v_text": [None, None]}


def test_odd_names_and_values_arrive(load: Load) -> None:
    columns = load(
        {
            "Due Date": "2026-03-29T02:30:00+02:00",
            "nothing": None,
            "empty": {},
            "both": 1,
            "BOTH": None,
            "id_": 5,
            "_row_number": "theirs",
            "subject ": "no",
            "ünïcode": "✅",
        },
        {"BOTH": 2},
    )

    assert [str(value) for value in columns["due_date"][:1]] != ["None"]
    assert columns["both"] == [1, 2]
    assert "nothing" not in columns
    assert "empty" not in columns
    assert "✅" in [values[0] for values in columns.values()]


def test_half_a_character_is_no_reason_to_fail() -> None:
    columns = OtherColumns({}, str.lower).of([{"text": "\ud83d"}, {"text": "whole"}])

    assert columns["text"].to_pylist() == ["\ufffd", "whole"]
