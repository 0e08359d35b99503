"""Checks of what is made of the tickets: that it adds up, by another query than made it."""

from typing import Any

import dagster as dg
import duckdb

from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.reports.tables import BACKLOG, CHANGES, VOLUME, ReportTable
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import TABLE

ADDS_UP = "adds_up"
# Of each: what it says, the query for what it should come to, and the one for what it does.
SUMS = {
    VOLUME.name: (
        "Every ticket with a date is counted on one day, and no other is.",
        f"select count(created_at) from {TABLE} where deleted_at is null",
        f"select coalesce(sum(tickets), 0) from {VOLUME.name}",
    ),
    BACKLOG.name: (
        "Every ticket that is not solved is in one bucket, and no other is.",
        f"select count(*) from {TABLE} where deleted_at is null and"
        " coalesce(lower(trim(status)) not in (select unnest($solved_statuses)), true)",
        f"select sum(tickets) from {BACKLOG.name}",
    ),
    CHANGES.name: (
        "Every ticket was last seen with the status that it has.",
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
        """Count the tickets once more."""
        profile = help_desk_api.resolved_profile()
        solved = help_desk_reports.resolved_solved_statuses(profile)
        with help_desk_warehouse.reader(desk.schema) as connection:
            try:
                expected, found = (
                    _one(connection, query, {"solved_statuses": solved}) for query in (should, does)
                )
            except duckdb.CatalogException:
                return dg.AssetCheckResult(
                    passed=False,
                    description=(
                        f"There is no table {desk.schema}.{table.name}: materialize {table.name}."
                    ),
                )
        return dg.AssetCheckResult(
            passed=expected == found,
            description=(
                None
                if expected == found
                else f"It says {found} of the tickets, and there are {expected}: the tickets have "
                f"changed since; materialize {table.name} again."
            ),
            metadata={"expected": expected, "found": found},
        )

    return look


def _one(connection: duckdb.DuckDBPyConnection, query: str, given: dict[str, Any]) -> int:
    used = {name: value for name, value in given.items() if f"${name}" in query}
    ((number,),) = connection.execute(query, used).fetchall()
    return int(number)
