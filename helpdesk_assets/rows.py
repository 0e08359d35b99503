"""Which rows of a page can be loaded, and why the others cannot."""

import json
from collections.abc import Iterator
from typing import Any

from dlt.common.data_types import coerce_value, py_type_to_sc_type

from helpdesk_assets.schema import COLUMNS

Row = dict[str, Any]


def reason_to_reject(row: Row) -> str | None:
    """Say why a row cannot be loaded, by field and type and never by value; None when it can.

    A value must be readable as its column's type by dlt's own rules: "42" is a whole number and
    7 is a text, but "yesterday" is no time and an object is no text.
    """
    return read(row)[1]


def read(row: Row) -> tuple[Row, str | None]:
    """Return the typed fields of a row, by name, and why it cannot be loaded, if it cannot."""
    typed: Row = {}
    for column in COLUMNS:
        value = row.get(column.name)
        if value is None:
            if not column.nullable:
                return typed, f"{column.name} is missing or null"
            typed[column.name] = None
            continue
        try:
            kind = py_type_to_sc_type(type(value))
            if kind in ("json", "bool"):
                raise ValueError(kind)
            typed[column.name] = coerce_value(column.dlt_type, kind, value)
            if column.dlt_type == "bigint" and not -(2**63) <= typed[column.name] < 2**63:
                raise OverflowError
            if column.dlt_type == "text":
                typed[column.name].encode()
        except (TypeError, ValueError, OverflowError):
            return typed, f"{column.name} cannot be read as {column.dlt_type}"
    return typed, None


def rejected(rows: list[tuple[Row, str, int]], *, run_id: str) -> Iterator[Row]:
    """Yield a record of each row that cannot be loaded, as the rejected table keeps it.

    Args:
        rows: each with the reason and the offset of the page it was on.
        run_id: of the run that read them.
    """
    for row, reason, page_offset in rows:
        yield {
            "reason": reason,
            "row": json.dumps(row, ensure_ascii=False),
            "page_offset": page_offset,
            "run_id": run_id,
        }
