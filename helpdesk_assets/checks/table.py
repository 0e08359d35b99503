"""Checks of a table's contents, in SQL.

A load cannot create duplicate or null ids: dlt merges on ``id``, and rows without an id are
rejected. The checks on ``id`` guard against everything else, such as other programs that write to
the file, manual inserts, or a restored table. The tables have no unique constraint in DuckDB.
"""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg

from helpdesk_assets.checks.stored import StoredTable

EXAMPLES = 5


def id_is_unique(table: StoredTable) -> dg.AssetCheckResult:
    """No two rows have the same id, or the same key in tables with a composite key."""
    duplicated, examples = 0, None
    if table.rows - table.counts["null_keys"] > table.counts["distinct_keys"]:
        key = ", ".join(table.table.key)
        given = " and ".join(f"{name} is not null" for name in table.table.key)
        duplicated, examples = table.one(
            f"with duplicated as (select ({key}) as key from {table.table.qualified} where {given}"
            "  group by all having count(*) > 1)"
            f" select count(*), list(key order by key)[:{EXAMPLES}] from duplicated"
        )
    return dg.AssetCheckResult(
        passed=duplicated == 0,
        description=f"{counted(duplicated, 'duplicate id')}." if duplicated else None,
        metadata={"duplicated_ids": duplicated, **_offending("ids", examples)},
    )


def id_is_not_null(table: StoredTable) -> dg.AssetCheckResult:
    """Every row has an id, or a complete composite key. Offending rows are listed by rowid."""
    nulls, examples = table.counts["null_keys"], None
    if nulls:
        missing = " or ".join(f"{name} is null" for name in table.table.key)
        (examples,) = table.one(
            f"select list(rowid order by rowid)[:{EXAMPLES}] from {table.table.qualified}"
            f" where {missing}"
        )
    return dg.AssetCheckResult(
        passed=nulls == 0,
        description=f"{counted(nulls, 'row')} without an id." if nulls else None,
        metadata={"null_ids": nulls, **_offending("row_numbers", examples)},
    )


def required_columns_present(table: StoredTable) -> dg.AssetCheckResult:
    """All required columns exist and have the expected types.

    For tickets, these are id, subject, status, created_at, and the fields that the profile adds.
    """
    wrong = [
        f"{column.name} is {table.types[column.name]} instead of {column.duckdb_type}"
        if column.name in table.types
        else f"{column.name} is missing"
        for column in table.columns
        if table.types.get(column.name) != column.duckdb_type
    ]
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{'; '.join(wrong)}." if wrong else None,
        metadata={
            "wrong_columns": len(wrong),
            **{column.name: table.types.get(column.name, "missing") for column in table.columns},
        },
    )


def null_rates(table: StoredTable) -> dg.AssetCheckResult:
    """The share of nulls, 0 to 1, in each nullable column.

    Warns about a column without any values, which may mean that the API has renamed the field. It
    does not if the column is one of a built-in profile that not every help desk uses.
    """
    present = [
        column.name for column in table.columns if column.nullable and column.name in table.types
    ]
    rates = {name: table.counts[f"null_{name}"] / max(1, table.rows) for name in present}
    optional = {column.name for column in table.columns if column.may_be_empty}
    empty = [name for name, rate in rates.items() if rate == 1 and name not in optional]
    return dg.AssetCheckResult(
        passed=not empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"No row has a value in {', '.join(empty)}." if empty else None,
        metadata={f"null_rate_{name}": rate for name, rate in rates.items()},
    )


def counted(number: int, what: str) -> str:
    """Return a number with what it counts, in the singular or the plural."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _offending(name: str, examples: list[Any] | None) -> Mapping[str, Any]:
    """Return up to five rows that a check failed on: only numbers, never a ticket's text."""
    return {f"offending_{name}": json.loads(json.dumps(examples, default=str))} if examples else {}
