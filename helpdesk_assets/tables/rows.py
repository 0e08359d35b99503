"""Which rows can be loaded, and why others are rejected."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from dlt.common.data_types import coerce_value, py_type_to_sc_type

from helpdesk_assets.tables.json_text import json_text
from helpdesk_assets.tables.paths import MISSING, Path, path_of, storable, value_at
from helpdesk_assets.tables.schema import COLUMNS, Column
from helpdesk_assets.tables.times import UTC_TIMES, Times
from helpdesk_assets.tables.values import replacement

Row = dict[str, Any]


def reason_to_reject(row: Row) -> str | None:
    """Return why a row is rejected, by field and type, never by value; None if it can be loaded.

    A value must be convertible to its column's type by dlt's rules: "42" to an integer and 7 to
    text, but not "yesterday" to a time or an object to text.
    """
    return read(row)[1]


def read(
    row: Row, columns: Sequence[Column] = COLUMNS, times: Times = UTC_TIMES
) -> tuple[Row, str | None]:
    """Return the typed fields of a row by name, and the reason if it is rejected."""
    typed: Row = {}
    for column in columns:
        value = value_at(row, column.field)
        if column.values:
            value = replacement(value, column.values)
        if value is None or value is MISSING:
            if not column.nullable:
                return typed, f"{column.name} is missing or null"
            typed[column.name] = None
            continue
        if column.is_json:
            typed[column.name] = storable(json_text(value))
            continue
        try:
            kind = py_type_to_sc_type(type(value))
            if kind == "json" or (kind == "bool") != (column.dlt_type == "bool"):
                raise ValueError(kind)
            if column.dlt_type == "timestamp":
                typed[column.name] = times.instant(value)
            else:
                typed[column.name] = coerce_value(column.dlt_type, kind, value)
            if column.dlt_type == "bigint" and not -(2**63) <= typed[column.name] < 2**63:
                raise OverflowError
            if column.dlt_type == "text":
                typed[column.name] = storable(typed[column.name])
            if column.primary_key and not _is_same(value, typed[column.name]):
                raise ValueError(kind)
        except (TypeError, ValueError, OverflowError):
            return typed, f"{column.name} cannot be read as {column.dlt_type}"
    return typed, None


def _is_same(value: Any, key: Any) -> bool:
    """Return whether a key is the API's value unchanged, so that keys cannot collide.

    The id "007" would collide with 7, and different lone surrogates or invalid bytes with each
    other.
    """
    if isinstance(key, str):
        return str(value) == key and "\ufffd" not in key
    return not isinstance(value, str) or str(key) == value


def rejected(
    rows: list[tuple[Row, str, int]], *, run_id: str, exclude: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield the records of the rejected table.

    Args:
        rows: the rejected rows, each with its reason and page offset.
        run_id: the run that read them.
        exclude: paths of fields that are not stored.
    """
    paths = [path_of(spelled) for spelled in exclude]
    for row, reason, page_offset in rows:
        yield {
            "reason": reason,
            "row": storable(json.dumps(_without(row, paths), ensure_ascii=False)),
            "page_offset": page_offset,
            "run_id": run_id,
        }


def _without(row: Row, paths: Sequence[Path]) -> Row:
    """Return a row without the fields at these paths."""
    here = {name for name, *deeper in paths if not deeper}
    kept = {name: value for name, value in row.items() if name not in here}
    for name, *deeper in paths:
        if deeper and isinstance(kept.get(name), dict):
            kept[name] = _without(kept[name], [tuple(deeper)])
    return kept
