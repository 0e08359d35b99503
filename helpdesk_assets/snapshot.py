"""The copy of the DuckDB file for readers, as the last asset of a sync."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.checks import results_on
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.snapshot import replace_snapshot

SNAPSHOT = "help_desk_snapshot"


def snapshot_asset(
    desk: HelpDesk, tables: Sequence[Table], after: Sequence[dg.AssetKey]
) -> dg.AssetsDefinition:
    """Return the asset of the copy. It is not materialized if no copy is configured.

    Args:
        desk: the help desk.
        tables: its tables, whose blocking checks have to pass.
        after: the assets that are materialized before: all others of the desk.
    """

    @dg.asset(
        key=desk.asset_key(SNAPSHOT),
        deps=after,
        output_required=False,
        description=(
            "A copy of the DuckDB file for dashboards and notebooks, replaced in one step after "
            "each sync whose blocking checks have passed. Set `DESTINATION__DUCKDB__SNAPSHOT` to "
            "its path."
        ),
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        kinds={"duckdb"},
        tags=desk.asset_tags("report"),
        metadata=code_references(__file__),
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def make(
        context: dg.AssetExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Replaces the copy, unless a blocking check fails on what would be copied."""
        path = help_desk_warehouse.snapshot_path(desk.schema)
        if path is None:
            context.log.info("No copy is configured: DESTINATION__DUCKDB__SNAPSHOT is not set.")
            return
        started = time.perf_counter()
        with help_desk_warehouse.at_rest(desk.schema) as connection:
            for table in tables:
                key = desk.asset_key(table.name)
                for check, result in results_on(
                    connection, context.instance, key, table, api=help_desk_api
                ):
                    if check.blocking and not result.passed:
                        raise setting_failure(
                            f"The DuckDB file is not copied to {path}, because the check "
                            f"{check.name} of {table.name} fails: {result.description} The copy "
                            "is as it was before."
                        )
            size = replace_snapshot(help_desk_warehouse.path(desk.schema), path)
        yield dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(path)),
                "bytes": size,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return make
