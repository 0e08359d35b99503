"""Whether a table is what it should be, asked of DuckDB in SQL.

The load itself cannot make duplicate or null ids: dlt merges on ``id``, and a row without one is
rejected. The checks on ``id`` guard the table against everything else: other programs that write
to the file, rows inserted by hand, a table restored or altered. DuckDB holds no unique constraint
for them.
"""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg

from helpdesk_assets.checks.stored import StoredTable

EXAMPLES = 5


def id_is_unique(table: StoredTable) -> dg.AssetCheckResult:
    """No two rows have the same id; of a table that is merged on several columns, the same key."""
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
        description=f"{duplicated} ids stand in more than one row." if duplicated else None,
        metadata={"duplicated_ids": duplicated, **_offending("ids", examples)},
    )


def id_is_not_null(table: StoredTable) -> dg.AssetCheckResult:
    """Every row has an id, or all of its key. Others are shown by their place (rowid)."""
    nulls, examples = table.counts["null_keys"], None
    if nulls:
        missing = " or ".join(f"{name} is null" for name in table.table.key)
        (examples,) = table.one(
            f"select list(rowid order by rowid)[:{EXAMPLES}] from {table.table.qualified}"
            f" where {missing}"
        )
    return dg.AssetCheckResult(
        passed=nulls == 0,
        description=f"{nulls} rows have no id." if nulls else None,
        metadata={"null_ids": nulls, **_offending("row_numbers", examples)},
    )


def required_columns_present(table: StoredTable) -> dg.AssetCheckResult:
    """The columns that the table has in any case are there, with their types.

    Of tickets they are id, subject, status and created_at, and whatever the profile adds.
    """
    wrong = [
        f"{column.name} is {table.types[column.name]} and not {column.duckdb_type}"
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
    """The share of rows, 0 to 1, that each nullable column has no value in.

    A column without a single value is a warning: that is what a field the API renamed looks like.
    """
    present = [
        column.name for column in table.columns if column.nullable and column.name in table.types
    ]
    rates = {name: table.counts[f"null_{name}"] / max(1, table.rows) for name in present}
    empty = [name for name, rate in rates.items() if rate == 1]
    return dg.AssetCheckResult(
        passed=not empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"No row has a value in {', '.join(empty)}." if empty else None,
        metadata={f"null_rate_{name}": rate for name, rate in rates.items()},
    )


def _offending(name: str, examples: list[Any] | None) -> Mapping[str, Any]:
    """Show up to five of the rows that a check failed on; numbers only, never a ticket's text."""
    return {f"offending_{name}": json.loads(json.dumps(examples, default=str))} if examples else {}
