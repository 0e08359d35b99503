"""Checks of the report tables: their totals match an independent query of the tickets."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import duckdb

from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.tables import BACKLOG, CHANGES, VOLUME, ReportTable, filled
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import TABLE

ADDS_UP = "adds_up"
# Per table: description, the query for the expected number, and the one for the actual number.
SUMS = {
    VOLUME.name: (
        "Each ticket with a creation date is counted on exactly one day, and no other ticket is.",
        f"select count(created_at) from {TABLE} where deleted_at is null",
        f"select coalesce(sum(tickets), 0) from {VOLUME.name}",
    ),
    BACKLOG.name: (
        "Each unsolved ticket is in exactly one bucket, and no other ticket is.",
        f"select count(*) from {TABLE} where deleted_at is null and"
        " coalesce(lower(trim(cast($solved_field as varchar)))"
        " not in (select unnest($solved_statuses)), true)",
        f"select sum(tickets) from {BACKLOG.name}",
    ),
    CHANGES.name: (
        "The last recorded status of each ticket is its current status.",
        f"select count(*) from {TABLE} where deleted_at is null",
        f"select count(*) from {TABLE} as tickets join (select ticket_id,"
        " last(new_status order by first_seen_at) as status"
        f" from {CHANGES.name} group by ticket_id) as seen on seen.ticket_id = tickets.id"
        " and seen.status is not distinct from tickets.status where tickets.deleted_at is null",
    ),
}


def report_check(desk: HelpDesk, table: ReportTable) -> dg.AssetChecksDefinition:
    """Return the check of a report table."""
    says, should, does = SUMS[table.name]

    @dg.asset_check(
        asset=desk.asset_key(table.name),
        name=ADDS_UP,
        description=says,
        blocking=True,
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def look(
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
        help_desk_reports: HelpDeskReports,
    ) -> dg.AssetCheckResult:
        """Compares the table with the tickets."""
        profile = help_desk_api.resolved_profile()
        settings = help_desk_reports.parameters(profile)
        with help_desk_warehouse.reader(desk.schema) as connection:
            try:
                expected, found = (_one(connection, query, settings) for query in (should, does))
            except duckdb.CatalogException:
                return dg.AssetCheckResult(
                    passed=False,
                    description=(
                        f"The table {desk.schema}.{table.name} does not exist: materialize "
                        f"{table.name}."
                    ),
                )
        return dg.AssetCheckResult(
            passed=expected == found,
            description=(
                None
                if expected == found
                else f"The table accounts for {found} tickets instead of {expected}: the tickets "
                f"have changed since it was built. Materialize {table.name} again."
            ),
            metadata={"expected": expected, "found": found},
        )

    return look


def _one(connection: duckdb.DuckDBPyConnection, query: str, settings: Mapping[str, Any]) -> int:
    ((number,),) = connection.execute(*filled(query, settings)).fetchall()
    return int(number)
