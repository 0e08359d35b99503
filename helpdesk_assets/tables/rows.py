"""Which rows of a page can be loaded, and why the others cannot."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from dlt.common.data_types import coerce_value, py_type_to_sc_type

from helpdesk_assets.tables.paths import MISSING, Path, path_of, storable, value_at
from helpdesk_assets.tables.schema import COLUMNS, Column
from helpdesk_assets.tables.times import UTC_TIMES, Times

Row = dict[str, Any]


def reason_to_reject(row: Row) -> str | None:
    """Say why a row cannot be loaded, by field and type and never by value; None when it can.

    A value must be readable as its column's type by dlt's own rules: "42" is a whole number and
    7 is a text, but "yesterday" is no time and an object is no text.
    """
    return read(row)[1]


def read(
    row: Row, columns: Sequence[Column] = COLUMNS, times: Times = UTC_TIMES
) -> tuple[Row, str | None]:
    """Return the typed fields of a row, by name, and why it cannot be loaded, if it cannot."""
    typed: Row = {}
    for column in columns:
        value = value_at(row, column.field)
        if value is None or value is MISSING:
            if not column.nullable:
                return typed, f"{column.name} is missing or null"
            typed[column.name] = None
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
    """Tell whether a key is what the API sent, and no other value could have become it.

    An id of 007 would become that of 7, and half an emoji, or a byte that is none of UTF-8, the
    same as any other.
    """
    if isinstance(key, str):
        return str(value) == key and "\ufffd" not in key
    return not isinstance(value, str) or str(key) == value


def rejected(
    rows: list[tuple[Row, str, int]], *, run_id: str, exclude: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield a record of each row that cannot be loaded, as the rejected table keeps it.

    Args:
        rows: each with the reason and the offset of the page it was on.
        run_id: of the run that read them.
        exclude: fields that are not to be kept, by their paths.
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
    """Return a row without the fields on those paths."""
    here = {name for name, *deeper in paths if not deeper}
    kept = {name: value for name, value in row.items() if name not in here}
    for name, *deeper in paths:
        if deeper and isinstance(kept.get(name), dict):
            kept[name] = _without(kept[name], [tuple(deeper)])
    return kept
