"""The assets of the models: each a table with a chart."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.models import charts
from helpdesk_assets.models.tables import BACKLOG, CHANGES, VOLUME, ReportTable
from helpdesk_assets.models.trust import refuse_what_cannot_be_trusted
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of

# Days shown in the volume chart; the table contains all of them.
DAYS_SHOWN = 90
MOVES_SHOWN = 10
# Maximum length of a status queried for a chart.
LETTERS = 200

# Draws an SVG image.
Draw = Callable[[duckdb.DuckDBPyConnection, date], str]


def draw_volume(connection: duckdb.DuckDBPyConnection, today: date) -> str:
    """Draw the volume of the last days; tickets with a future date are only in the table."""
    days = connection.execute(
        f"select day, sum(tickets)::bigint from {VOLUME.name}"
        f" where day > $today - {DAYS_SHOWN} and day <= $today group by day order by day",
        {"today": today},
    ).fetchall()
    return charts.chart_of_days("tickets opened per day", days)


def draw_backlog(connection: duckdb.DuckDBPyConnection, today: date) -> str:
    """Draw the backlog, one bar per age bucket."""
    rows = connection.execute(
        f"select age_bucket, tickets from {BACKLOG.name} order by position"
    ).fetchall()
    return charts.chart_of_bars("unsolved tickets", rows)


def draw_changes(connection: duckdb.DuckDBPyConnection, today: date) -> str:
    """Draw the most frequent status changes of the last run that found any."""
    rows = connection.execute(
        f"select coalesce(left(old_status, {LETTERS}), $none) || ' → '"
        f" || coalesce(left(new_status, {LETTERS}), $none), count(*)"
        f" from {CHANGES.name} where not is_new and first_seen_at ="
        f" (select max(first_seen_at) from {CHANGES.name} where not is_new)"
        f" group by all order by count(*) desc, 1 limit {MOVES_SHOWN}",
        {"none": charts.NONE},
    ).fetchall()
    return charts.chart_of_bars("tickets with a status change", rows)


def today_in(time_zone: str, moment: datetime) -> date:
    """Return the date of a moment in a time zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


DRAW: Mapping[str, Draw] = {
    VOLUME.name: draw_volume,
    BACKLOG.name: draw_backlog,
    CHANGES.name: draw_changes,
}


def _numbers(table: ReportTable, connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Any:
    """Return the numbers of a table that are plotted over its runs."""
    queries = {
        VOLUME.name: {
            "tickets": f"select coalesce(sum(tickets), 0)::bigint from {VOLUME.name}",
            "days": f"select count(distinct day) from {VOLUME.name}",
        },
        BACKLOG.name: {
            "tickets": f"select sum(tickets)::bigint from {BACKLOG.name}",
            "over_90_days": f"select tickets from {BACKLOG.name} where position = 5",
        },
        CHANGES.name: {
            "moved": f"select count(*) from {CHANGES.name}"
            " where first_seen_at = $as_of and not is_new",
            "new": f"select count(*) from {CHANGES.name} where first_seen_at = $as_of and is_new",
        },
    }
    numbers = {}
    for name, query in queries[table.name].items():
        given = {"as_of": as_of} if "$as_of" in query else {}
        ((number,),) = connection.execute(query, given).fetchall()
        numbers[name] = number
    return numbers


@contextmanager
def missing_tables_explained() -> Iterator[None]:
    """Convert the error about a table that does not exist yet to a dg.Failure with a remedy."""
    try:
        yield
    except duckdb.CatalogException as error:
        found = re.search(r"Table with name (\w+) does not exist", str(error))
        if not found:
            raise
        raise setting_failure(
            f"The table {found[1]} does not exist yet: materialize {found[1]} first."
        ) from None


def report_asset(desk: HelpDesk, table: ReportTable) -> dg.AssetsDefinition:
    """Return the asset of a report table."""

    @dg.asset(
        key=desk.asset_key(table.name),
        deps=[desk.tickets],
        description=table.description,
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        kinds={"sql", "duckdb"},
        tags=desk.asset_tags("report"),
        metadata={
            "dagster/table_name": f"{desk.schema}.{table.name}",
            "dagster/column_schema": table.schema(),
            "dagster/column_lineage": table.lineage(desk.tickets),
            **code_references(table.file),
        },
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def make(
        context: dg.AssetExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
        help_desk_reports: HelpDeskReports,
    ) -> dg.MaterializeResult[Any]:
        """Builds the table in one transaction, and draws its chart."""
        started, as_of = time.perf_counter(), datetime.now(timezone.utc)
        refuse_what_cannot_be_trusted(context.instance, desk)
        settings = help_desk_reports.parameters(help_desk_api.resolved_profile())
        with help_desk_warehouse.writer(desk.schema) as connection, missing_tables_explained():
            table.make(connection, settings, as_of)
            ((rows,),) = connection.execute(f"select count(*) from {table.name}").fetchall()
            numbers = _numbers(table, connection, as_of)
            image = DRAW[table.name](connection, today_in(settings["timezone"], as_of))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "dagster/column_lineage": table.lineage(desk.tickets),
                "chart": dg.MetadataValue.md(charts.as_markdown(table.name, image)),
                **numbers,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return make
