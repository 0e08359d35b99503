"""Asset checks: whether a loaded table can be trusted. They only read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg

from helpdesk_assets.checks.stored import StoredTable, stored_table
from helpdesk_assets.checks.table import (
    id_is_not_null,
    id_is_unique,
    null_rates,
    required_columns_present,
)
from helpdesk_assets.checks.walk import is_complete, no_mass_deletion, no_rejected_rows
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.tables.schema import TABLE
from helpdesk_assets.warehouse.pool import POOL


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
    Check(is_complete, column="_dlt_load_id", blocking=True),
    Check(no_rejected_rows),
    Check(no_mass_deletion),
    Check(null_rates),
)


def table_checks(name: str = TABLE) -> dg.AssetChecksDefinition:
    """Return the checks of a table; by default, of the tickets."""

    @dg.multi_asset_check(
        name=f"{name}_checks",
        specs=[
            dg.AssetCheckSpec(
                check.name, asset=name, description=check.run.__doc__, blocking=check.blocking
            )
            for check in CHECKS
        ],
        can_subset=True,
        pool=POOL,
    )
    def look(
        context: dg.AssetCheckExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> Iterator[dg.AssetCheckResult]:
        """Look at a table as it is now, with each of the checks that were selected."""
        selected = {key.name for key in context.selected_asset_check_keys}
        profile = help_desk_api.resolved_profile()
        resource = help_desk_api.resolved_resource(profile, name)
        share = help_desk_api.number("deleted_share")
        with help_desk_warehouse.reader() as connection:
            table = stored_table(connection, context.instance, profile.table(resource.name), share)
            for check in CHECKS:
                if check.name in selected:
                    yield _result(check, table)

    return look


def _result(check: Check, stored: StoredTable) -> dg.AssetCheckResult:
    """Run one check, where there is something to run it on."""
    table = stored.table
    if not stored.types:
        result = dg.AssetCheckResult(
            passed=False,
            description=(
                f"There is no table {table.qualified}: materialize {table.name} first, or "
                "check that DESTINATION__DUCKDB__CREDENTIALS names the file it was loaded into."
            ),
        )
    elif check.column and check.column not in stored.types:
        result = dg.AssetCheckResult(
            passed=False, description=f"The table has no column {check.column}."
        )
    else:
        result = check.run(stored)
        if stored.rows == 0 and result.passed:
            result = result._replace(description="The table is empty: it has no row to look at.")
    return result._replace(
        check_name=check.name,
        asset_key=dg.AssetKey(table.name),
        metadata={"rows": dg.MetadataValue.int(stored.rows), **result.metadata},
    )
