"""Limits of untrusted rows: nesting, number of fields, and names."""

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention

from helpdesk_assets.tables.columns import OtherColumns
from helpdesk_assets.tables.schema import DEEPEST, FURTHER, MOST_NEW
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, at_length, everything_logged

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

TABLE = "help_desk.help_desk_tickets"


def nested(levels: int, kind: type = dict) -> Any:
    """Return objects in objects, or lists in lists, with a number of levels."""
    value: Any = 1
    for _ in range(levels):
        value = {"in": value} if kind is dict else [value]
    return value


def columns(rows: list[dict[str, Any]], most_new: int = MOST_NEW) -> dict[str, list[Any]]:
    made = OtherColumns({}, NamingConvention(), most_new=most_new).of(rows)
    return {name: array.to_pylist() for name, array in made.items()}


@pytest.mark.parametrize("kind", [dict, list])
@pytest.mark.parametrize("levels", at_length([50, 600, 900], short=[900]))
def test_deeply_nested_rows_are_loaded(
    kind: type,
    levels: int,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
) -> None:
    desk = sandbox(tickets=120)
    # The last row of a page, which is also the first of the next one.
    desk.desk.tickets[99]["deep"] = nested(levels, kind)
    connect(desk)

    assert sync().success
    assert len(warehouse.tickets()) == 120
    described = [name for name, *_ in warehouse.query(f"describe {TABLE}") if "deep" in name]
    assert described == [("deep" if kind is list else "__".join(["deep"] + ["in"] * (DEEPEST - 1)))]
    ((text,),) = warehouse.query(f"select {described[0]} from {TABLE} where id = 100")
    assert len(text) > levels


def test_fields_beyond_the_maximum_are_stored_in_one_column_and_reported(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Before 2.0, DuckDB needs more memory for so many columns than the default.
    monkeypatch.setenv("DESTINATION__DUCKDB__MEMORY_LIMIT", "1GB")
    desk = sandbox(tickets=200)
    for number, ticket in enumerate(desk.desk.tickets):
        ticket["custom"] = {f"field-{number}-{place}": place for place in range(100)}
    connect(desk)
    result = sync()

    assert result.success
    assert len(warehouse.query(f"describe {TABLE}")) < MOST_NEW + 30
    assert "new fields have no column of their own" in everything_logged(instance, result)
    ((further,),) = warehouse.query(f"select {FURTHER} from {TABLE} where id = 200")
    assert json.loads(further) == {f"custom.field-199-{place}": place for place in range(100)}


def test_field_keeps_its_column_if_there_are_too_many_new_ones() -> None:
    others = OtherColumns({}, NamingConvention(), most_new=3)
    first = others.of([{"a": 1, "b": {"c": 2}}, {"d": 3, "b": {"e": 4}}])
    then = others.of([{"a": 5, "b": {"c": 6}, "f": None}])

    assert {name: array.to_pylist() for name, array in first.items()} == {
        "a": [1, None],
        "d": [None, 3],
        FURTHER: ['{"b.c":2}', '{"b.e":4}'],
    }
    assert {name: array.to_pylist() for name, array in then.items()} == {
        "a": [5],
        FURTHER: ['{"b.c":6}'],
    }


@pytest.mark.parametrize(
    "field",
    at_length(
        [
            "",
            " ",
            "\t",
            "\x00",
            "\u200b",
            "\u202e",
            "...",
            "a.b",
            "__",
            "\ud83d",
            "💥",
            "a" * 10_000,
        ],
        short=["", "a.b", "\ud83d", "💥"],
    ),
)
def test_field_may_have_any_name(
    field: str, sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    made = columns([{field: 1, "other": 2}])

    assert sorted(made.values()) == [[1], [2]]
    if field.isprintable():
        desk = sandbox(tickets=3)
        desk.desk.tickets[1][field] = "planted"
        connect(desk)
        assert sync().success
        assert "planted" in str(warehouse.query(f"from {TABLE}"))
