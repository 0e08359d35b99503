"""Texts that an API sends for fields that are not set, such as the year 1970; they become null."""

from collections.abc import Collection

from helpdesk_assets.tables.rows import Row
from helpdesk_assets.tables.schema import DEEPEST


def nulled(rows: list[Row], null_values: Collection[str]) -> list[Row]:
    """Return rows with null in place of these texts, also in nested objects.

    Lists, and objects that are nested too deeply for columns, stay as the API sent them.
    """
    if not null_values:
        return rows
    return [_nulled(row, frozenset(null_values), DEEPEST) for row in rows]


def _nulled(row: Row, null_values: Collection[str], depth: int) -> Row:
    found: Row = {}
    for name, value in row.items():
        if isinstance(value, str):
            found[name] = None if value in null_values else value
        elif isinstance(value, dict) and depth:
            found[name] = _nulled(value, null_values, depth - 1)
        else:
            found[name] = value
    return found
