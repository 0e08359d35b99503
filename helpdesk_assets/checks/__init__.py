"""Asset checks of the loaded tables. They only read."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.checks.stored import StoredTable, stored_table
from helpdesk_assets.checks.table import (
    id_is_not_null,
    id_is_unique,
    null_rates,
    required_columns_present,
)
from helpdesk_assets.checks.walk import is_complete, no_mass_deletion, no_rejected_rows
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import Table


@dataclass(frozen=True)
class Check:
    """A check, the columns it requires, and whether it blocks downstream assets."""

    run: Callable[[StoredTable], dg.AssetCheckResult]
    column: str | None = None
    needs_key: bool = False
    blocking: bool = False

    def missing(self, stored: StoredTable) -> list[str]:
        """Return the required columns that a table does not have."""
        needed = stored.table.key if self.needs_key else [self.column] if self.column else []
        return [name for name in needed if name not in stored.types]

    @property
    def name(self) -> str:
        """The check's name in Dagster: the name of its function."""
        return self.run.__name__


CHECKS = (
    Check(id_is_unique, needs_key=True, blocking=True),
    Check(id_is_not_null, needs_key=True, blocking=True),
    Check(required_columns_present, blocking=True),
    Check(is_complete, column="_dlt_load_id", blocking=True),
    Check(no_rejected_rows),
    Check(no_mass_deletion),
    Check(null_rates),
)


def table_checks(desk: HelpDesk, table: Table | None = None) -> dg.AssetChecksDefinition:
    """Return the checks of a desk's table. Default: the tickets."""
    table = table or desk.table()
    key = desk.asset_key(table.name)

    @dg.multi_asset_check(
        name=f"{desk.op_name(table.name)}_checks",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                description=inspect.getdoc(check.run),
                blocking=check.blocking,
            )
            for check in CHECKS
        ],
        can_subset=True,
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def look(
        context: dg.AssetCheckExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> Iterator[dg.AssetCheckResult]:
        """Runs the selected checks on the current table."""
        selected = {key.name for key in context.selected_asset_check_keys}
        results = check_results(
            context.instance,
            key,
            table,
            api=help_desk_api,
            warehouse=help_desk_warehouse,
            run_id=context.run.run_id,
        )
        for check, result in results:
            if check.name in selected:
                yield result

    return look


def check_results(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    table: Table,
    *,
    api: HelpDeskApi,
    warehouse: HelpDeskWarehouse,
    run_id: str = "",
) -> Iterator[tuple[Check, dg.AssetCheckResult]]:
    """Yield each check with its result on the current table.

    Args:
        instance: the Dagster instance with the metadata of the load.
        key: the key of the table's asset.
        table: the table.
        api: its profile determines the expected columns.
        warehouse: contains the table.
        run_id: the run of the checks; see stored_table.
    """
    with warehouse.reader(table.dataset) as connection:
        yield from results_on(connection, instance, key, table, api=api, run_id=run_id)


def results_on(
    connection: DuckDBPyConnection,
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    table: Table,
    *,
    api: HelpDeskApi,
    run_id: str = "",
) -> Iterator[tuple[Check, dg.AssetCheckResult]]:
    """Yield each check with its result on the table that a connection reads; see check_results."""
    profile = api.resolved_profile()
    api.resolved_resource(profile, table.name)
    share = api.number("deleted_share")
    stored = stored_table(connection, instance, key, profile.table(table), share, run_id)
    for check in CHECKS:
        yield check, _result(check, key, stored)


def _result(check: Check, key: dg.AssetKey, stored: StoredTable) -> dg.AssetCheckResult:
    """Run one check, if the table exists and has the required columns."""
    table = stored.table
    if not stored.types:
        result = dg.AssetCheckResult(
            passed=False,
            description=(
                f"The table {table.qualified} does not exist: materialize {table.name} first, or "
                "check that the settings of the destination are those that it was loaded with."
            ),
        )
    elif missing := check.missing(stored):
        result = dg.AssetCheckResult(
            passed=False, description=f"The table has no column {', '.join(missing)}."
        )
    else:
        result = check.run(stored)
        if stored.rows == 0 and result.passed:
            result = result._replace(description="The table is empty: there are no rows to check.")
    return result._replace(
        check_name=check.name,
        asset_key=key,
        metadata={"rows": dg.MetadataValue.int(stored.rows), **result.metadata},
    )
