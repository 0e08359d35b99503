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
    for column in COLUMNS:
        value = row.get(column.name)
        if value is None:
            if not column.nullable:
                return f"{column.name} is missing or null"
            continue
        try:
            kind = py_type_to_sc_type(type(value))
            if kind in ("json", "bool"):
                raise ValueError(kind)
            number = coerce_value(column.dlt_type, kind, value)
            if column.dlt_type == "bigint" and not -(2**63) <= number < 2**63:
                raise OverflowError
        except (TypeError, ValueError, OverflowError):
            return f"{column.name} cannot be read as {column.dlt_type}"
    return None


def rejected(rows: list[Row], *, page_offset: int, run_id: str) -> Iterator[Row]:
    """Yield a record of each row that cannot be loaded, as the rejected table keeps it."""
    for row in rows:
        reason = reason_to_reject(row)
        if reason:
            yield {
                "reason": reason,
                "row": json.dumps(row, ensure_ascii=False),
                "page_offset": page_offset,
                "run_id": run_id,
            }
