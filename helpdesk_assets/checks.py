"""Asset checks: whether the tickets table can be trusted, asked of DuckDB in SQL, read-only.

The load itself cannot make duplicate or null ids: dlt merges on ``id`` and refuses a null one. The
checks on ``id`` guard the table against everything else: other programs that write to the file,
rows inserted by hand, a table restored or altered. DuckDB holds no unique constraint for them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb

from helpdesk_assets.assets import TICKETS
from helpdesk_assets.resources import POOL, HelpDeskWarehouse, stored_columns
from helpdesk_assets.schema import COLUMNS, QUALIFIED_TABLE

EXAMPLES = 5


@dataclass(frozen=True)
class StoredTable:
    """The tickets table as DuckDB has it: its columns' types by name, and its number of rows."""

    connection: duckdb.DuckDBPyConnection
    types: Mapping[str, str]
    rows: int

    def one(self, query: str) -> tuple[Any, ...]:
        """Return the only row of a query's result."""
        row: tuple[Any, ...] = self.connection.execute(query).fetchall()[0]
        return row


def id_is_unique(table: StoredTable) -> dg.AssetCheckResult:
    """No two rows have the same id."""
    duplicated, examples = table.one(
        f"with duplicated as (select id from {QUALIFIED_TABLE} where id is not null"
        "  group by id having count(*) > 1)"
        f" select count(*), list(id order by id)[:{EXAMPLES}] from duplicated"
    )
    return dg.AssetCheckResult(
        passed=duplicated == 0,
        description=f"{duplicated} ids stand in more than one row." if duplicated else None,
        metadata={"duplicated_ids": duplicated, **_offending("ids", examples)},
    )


def id_is_not_null(table: StoredTable) -> dg.AssetCheckResult:
    """Every row has an id. Rows without one are shown by their place in the table (rowid)."""
    nulls, examples = table.one(
        f"select count(*), list(rowid order by rowid)[:{EXAMPLES}]"
        f" from {QUALIFIED_TABLE} where id is null"
    )
    return dg.AssetCheckResult(
        passed=nulls == 0,
        description=f"{nulls} rows have no id." if nulls else None,
        metadata={"null_ids": nulls, **_offending("row_numbers", examples)},
    )


def required_columns_present(table: StoredTable) -> dg.AssetCheckResult:
    """The columns id, subject, status and created_at are there, with their types."""
    wrong = [
        f"{column.name} is {table.types[column.name]} and not {column.duckdb_type}"
        if column.name in table.types
        else f"{column.name} is missing"
        for column in COLUMNS
        if table.types.get(column.name) != column.duckdb_type
    ]
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{'; '.join(wrong)}." if wrong else None,
        metadata={
            "wrong_columns": len(wrong),
            **{column.name: table.types.get(column.name, "missing") for column in COLUMNS},
        },
    )


def null_rates(table: StoredTable) -> dg.AssetCheckResult:
    """The share of rows, 0 to 1, that each nullable column has no value in.

    A column without a single value is a warning: that is what a field the API renamed looks like.
    """
    present = [column.name for column in COLUMNS if column.nullable and column.name in table.types]
    shares = (f"count(*) filter ({name} is null) / greatest(count(*), 1)" for name in present)
    rates = table.one(f"select {', '.join(shares)} from {QUALIFIED_TABLE}") if present else ()
    empty = [name for name, rate in zip(present, rates, strict=True) if rate == 1]
    return dg.AssetCheckResult(
        passed=not empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"No row has a value in {', '.join(empty)}." if empty else None,
        metadata={
            f"null_rate_{name}": float(rate) for name, rate in zip(present, rates, strict=True)
        },
    )


@dataclass(frozen=True)
class Check:
    """A check, the column it cannot do without, and whether what is downstream waits for it."""

    run: Callable[[StoredTable], dg.AssetCheckResult]
    column: str | None = None
    blocking: bool = False

    @property
    def name(self) -> str:
        """The check's name in Dagster: its function's."""
        return self.run.__name__


CHECKS = (
    Check(id_is_unique, column="id", blocking=True),
    Check(id_is_not_null, column="id", blocking=True),
    Check(required_columns_present, blocking=True),
    Check(null_rates),
)


@dg.multi_asset_check(
    name="help_desk_tickets_checks",
    specs=[
        dg.AssetCheckSpec(
            check.name, asset=TICKETS, description=check.run.__doc__, blocking=check.blocking
        )
        for check in CHECKS
    ],
    can_subset=True,
    pool=POOL,
)
def help_desk_tickets_checks(
    context: dg.AssetCheckExecutionContext, help_desk_warehouse: HelpDeskWarehouse
) -> Iterator[dg.AssetCheckResult]:
    """Look at the tickets table as it is now, with each of the checks that were selected."""
    selected = {key.name for key in context.selected_asset_check_keys}
    with help_desk_warehouse.reader() as connection:
        columns = stored_columns(connection)
        table = StoredTable(
            connection=connection,
            types={name: duckdb_type for name, duckdb_type, _ in columns},
            rows=_count_rows(connection) if columns else 0,
        )
        for check in CHECKS:
            if check.name in selected:
                yield _result(check, table)


def _count_rows(connection: duckdb.DuckDBPyConnection) -> int:
    (rows,) = connection.execute(f"select count(*) from {QUALIFIED_TABLE}").fetchall()[0]
    return int(rows)


def _result(check: Check, table: StoredTable) -> dg.AssetCheckResult:
    """Run one check, where there is something to run it on."""
    if not table.types:
        result = dg.AssetCheckResult(
            passed=False,
            description=(
                f"There is no table {QUALIFIED_TABLE}: materialize help_desk_tickets first, or "
                "check that DESTINATION__DUCKDB__CREDENTIALS names the file it was loaded into."
            ),
        )
    elif check.column and check.column not in table.types:
        result = dg.AssetCheckResult(
            passed=False, description=f"The table has no column {check.column}."
        )
    else:
        result = check.run(table)
        if table.rows == 0 and result.passed:
            result = result._replace(description="The table is empty: it has no row to look at.")
    return result._replace(
        check_name=check.name,
        asset_key=TICKETS,
        metadata={"rows": dg.MetadataValue.int(table.rows), **result.metadata},
    )


def _offending(name: str, examples: list[int] | None) -> Mapping[str, Any]:
    """Show up to five of the rows that a check failed on; numbers only, never a ticket's text."""
    return {f"offending_{name}": examples} if examples else {}
