"""Fields that are not in the schema: their columns and types, in repeated runs."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets.tables.columns import OtherColumns
from helpdesk_assets_tests.conftest import PROJECT, Sandbox, Warehouse, at_length

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Load = Callable[..., dict[str, list[Any]]]

TABLE = "help_desk.help_desk_tickets"


@pytest.fixture
def load(sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse) -> Load:
    """Load tickets with further fields; return the columns of these fields, with rows by id."""

    async def lone_surrogates(request: Request, answer: Answer) -> Response:
        try:
            return await answer(request)
        except UnicodeEncodeError:
            # The sandbox does not escape characters, but a lone surrogate can only be sent escaped.
            rows, total = desk.desk.page(int(request.query_params["offset"]), 100)
            return Response(json.dumps({"total": total, "data": rows}))

    desk = sandbox(tickets=0, fault=lone_surrogates)
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
    at_length(
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
        short=1,
    ),
)
def test_no_value_is_lost_if_a_field_changes_its_type(
    first: Any, second: Any, expected: dict[str, list[Any]], load: Load
) -> None:
    load({"field": first})
    columns = load({"field": first}, {"field": second})

    assert {name: columns[name] for name in expected} == expected


def test_type_of_a_new_column_fits_all_values_of_the_first_load(load: Load) -> None:
    columns = load(
        {"number": 1, "time": "2026-01-01T00:00:00Z"}, {"number": 2.5, "time": "not yet"}
    )

    assert columns == {"number": [1.0, 2.5], "time": ["2026-01-01T00:00:00Z", "not yet"]}


def test_column_keeps_its_type_in_later_runs(load: Load) -> None:
    assert load({"field": 1}) == {"field": [1]}
    assert load({"field": 1}, {"field": "two"}) == {
        "field": [1, None],
        "field__v_text": [None, "two"],
    }
    assert load({"field": 1}, {"field": 2}) == {"field": [1, 2], "field__v_text": [None, None]}


def test_odd_names_and_values_are_loaded(load: Load) -> None:
    columns = load(
        {
            "Due Date": "2026-03-29T02:30:00+02:00",
            "nothing": None,
            "empty": {},
            "id_": 5,
            "subject ": "no",
            "ünïcode": "✅",
        }
    )

    assert [str(value) for value in columns["due_date"][:1]] != ["None"]
    assert "nothing" not in columns
    assert "empty" not in columns
    assert columns["unicode"] == ["✅"]
    assert columns["subject__raw"] == ["no"]


def test_lone_surrogate_is_replaced() -> None:
    columns = OtherColumns({}, NamingConvention()).of([{"text": "\ud83d"}, {"text": "whole"}])

    assert columns["text"].to_pylist() == ["\ufffd", "whole"]


def tagged(name: str, field: str) -> str:
    """Return the column of a field whose name is used by another field."""
    return f"{name}__x{hashlib.sha256(field.encode()).hexdigest()[:6]}"


def reversed_order(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: reversed_order(value) if isinstance(value, dict) else value
        for name, value in reversed(fields.items())
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(
            {"custom": {"Клиент": "Анна", "Приоритет": "высокий", "优先级": "高"}},
            {
                "custom__klient": "Анна",
                "custom__prioritet": "высокий",
                "custom__you_xian_ji": "高",
            },
            id="other-alphabets",
        ),
        pytest.param(
            {"Größe": 1, "grosse": 2, "gr_e": 3},
            {"grosse": 2, tagged("grosse", "Größe"): 1, "gr_e": 3},
            id="one-name-in-ascii",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {"Due Date": "a", "due-date": "b", "due_date": "c", "dueDate": "d", " due_date": "e"},
            {
                "due_date": "c",
                tagged("due_date", "Due Date"): "a",
                tagged("due_date", "due-date"): "b",
                tagged("due_date", "dueDate"): "d",
                tagged("due_date", " due_date"): "e",
            },
            id="case-spaces-dashes",
        ),
        pytest.param(
            {"a": {"b": 1}, "a__b": 2, "a_b": 3, "a.b": 4},
            {"a__b": 1, "a_b": 3, tagged("a_b", "a__b"): 2, tagged("a_b", "a.b"): 4},
            id="nested-and-flat",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {"Owner": {"id": 1, "ID": 2}, "owner": {"id": 3}},
            {
                "owner__id": 3,
                f"{tagged('owner', 'Owner')}__id": 1,
                tagged(f"{tagged('owner', 'Owner')}__id", "ID"): 2,
            },
            id="objects",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {
                "_row_number": "a",
                "deleted_at": "b",
                "_dlt_load_id": {"c": "d"},
                "_dlt_id": "e",
                "_DLT_ID": "f",
                "Created At": "g",
            },
            {
                "_row_number__raw": "a",
                "deleted_at__raw": "b",
                "_dlt_load_id__c__raw": "d",
                "_dlt_id__raw": "e",
                tagged("_dlt_id__raw", "_DLT_ID"): "f",
                "created_at__raw": "g",
            },
            id="columns-of-ours",
        ),
    ],
)
def test_fields_with_similar_names_do_not_overwrite_each_other(
    row: dict[str, Any], expected: dict[str, Any], load: Load
) -> None:
    for fields in (row, reversed_order(row)):
        assert load(fields) == {name: [value] for name, value in expected.items()}


def test_field_keeps_its_column_if_another_one_with_that_name_is_added(load: Load) -> None:
    second, third = tagged("priority", "priority"), tagged("priority", "PRIORITY")

    assert load({"Priority": "a"}) == {"priority": ["a"]}
    assert load({"priority": 1}, {"Priority": "b"}) == {"priority": [None, "b"], second: [1, None]}
    assert load({"PRIORITY": 2.5}, {"priority": 3}, {"Priority": "c"}) == {
        "priority": [None, None, "c"],
        second: [None, 3, None],
        third: [2.5, None, None],
    }


@pytest.mark.long
def test_variant_column_is_not_shared_with_a_field_of_that_name(load: Load) -> None:
    theirs = {"field": {"v_text": 7}, "field__v_text": True, "field_v_text": 8}
    expected = {
        "field": [1, None, None],
        "field__v_text": [None, "two", None],
        tagged("field__v_text", "v_text"): [None, None, 7],
        "field_v_text": [None, None, 8],
        tagged("field_v_text", "field__v_text"): [None, None, True],
    }

    load({"field": 1}, {"field": "two"})
    assert load({"field": 1}, {"field": "two"}, theirs) == expected
    assert load({"field": 1}, {"field": "two"}, reversed_order(theirs)) == expected


@pytest.mark.long
def test_each_odd_name_has_a_separate_column(load: Load) -> None:
    names = ["", " ", "\n", "\x00", "\x00\x00", "_", "x", "!!!", "---", "🙂", "🙃🙃", "\u200b"]
    names += ["\ud83d", "\ud83e", "x" * 1000, "X" * 1000, "优" * 1000, "優" * 1000, "1/2", "½"]
    outer = {name: f"outer {place}" for place, name in enumerate(names)}
    inner = {name: f"inner {place}" for place, name in enumerate(names)}
    columns = load({**outer, "inner": inner})

    values = [value for values in columns.values() for value in values]
    assert sorted(values) == sorted([*outer.values(), *inner.values()])
    assert load(reversed_order({**outer, "inner": inner})) == columns


def test_columns_of_earlier_versions_are_used() -> None:
    stored: dict[str, Any] = {
        "gr_e": "bigint",
        "gr_e__v_text": "text",
        "custom__x": "text",
        "custom__x__a": "bigint",
        "created_at__raw": "text",
        "priority": "text",
    }
    record: dict[str, str] = {}

    def made(row: dict[str, Any]) -> dict[str, list[Any]]:
        columns = OtherColumns(stored, NamingConvention(), record=record).of([row])
        return {name: array.to_pylist() for name, array in columns.items()}

    assert made({"custom": {"Клиент": "Анна", "Приоритет": "высокий"}, "Größe": "XL"}) == {
        "custom__x": ["Анна"],
        "custom__prioritet": ["высокий"],
        "gr_e__v_text": ["XL"],
    }
    assert made(
        {
            "Größe": 1,
            "custom": {"Приоритет": "низкий", "Клиент": {"a": 2}, "Имя": "Иван"},
            "Created At": "then",
            "Priority": "high",
            "priority": "low",
        }
    ) == {
        "gr_e": [1],
        "custom__prioritet": ["низкий"],
        "custom__x__a": [2],
        "custom__imya": ["Иван"],
        "created_at__raw": ["then"],
        tagged("priority", "Priority"): ["high"],
        "priority": ["low"],
    }


def test_name_that_contains_a_dot_is_not_a_path(
    load: Load, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = (PROJECT / "helpdesk_assets" / "profiles" / "default.yaml").read_text()
    file = tmp_path / "desk.yaml"
    file.write_text(
        f"""{profile}      state: meta.state
    exclude: [a.b, "['c.d']", "e['f.g']"]
"""
    )
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    monkeypatch.setenv("SOURCES__HELP_DESK__REJECTED_SHARE", "1")
    row = {
        "a": {"b": "hidden"},
        "a.b": "shown 1",
        "c.d": "hidden",
        "c": {"d": "shown 2"},
        "e": {"f.g": "hidden", "f": {"g": "shown 3"}},
        "e.f.g": "shown 4",
        "meta": {"state": "open"},
        "meta.state": "shown 5",
    }

    assert load(row, {**row, "created_at": "no time"}) == {
        "state": ["open"],
        "a_b": ["shown 1"],
        "c__d": ["shown 2"],
        "e__f__g": ["shown 3"],
        "e_f_g": ["shown 4"],
        "meta_state": ["shown 5"],
    }
    ((rejected,),) = warehouse.query(f"select row from {TABLE}_rejected")
    assert "hidden" not in rejected
    assert all(f"shown {number}" in rejected for number in range(1, 6))


NAMES = st.text(alphabet="aAä\u0410_ -.1+\x00\ud83d🙂", max_size=4) | st.sampled_from(
    ["raw", "v_text"]
)
VALUES = st.recursive(
    st.integers(0, 2) | st.sampled_from(["text", True, 0.5]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=4))
def test_no_value_is_lost_and_dlt_does_not_change_names(rows: list[dict[str, Any]]) -> None:
    naming = NamingConvention()
    types: dict[str, Any] = {}
    records: list[dict[str, str]] = [{}]
    for some in (rows, [reversed_order(row) for row in reversed(rows)]):
        records.append(dict(records[-1]))
        others = OtherColumns(types, naming, record=records[-1])
        columns = others.of([{"id": 0, **row} for row in some])
        types = others.types

        assert [name for name in columns if naming.normalize_path(name) != name] == []
        values = [v for array in columns.values() for v in array.to_pylist() if v is not None]
        assert len(values) == sum(map(leaves, some))
    assert records[1] == records[2]


def leaves(value: Any) -> int:
    """Return the number of values that are not objects."""
    return sum(map(leaves, value.values())) if isinstance(value, dict) else 1
