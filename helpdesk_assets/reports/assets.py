"""The assets that are made of the tickets: three tables, each with its chart, and a page."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from helpdesk_assets.assets.loaded import GROUP, OWNER, TICKETS
from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.reports import charts
from helpdesk_assets.reports.page import today_in, write_page
from helpdesk_assets.reports.tables import BACKLOG, CHANGES, REPORT_TABLES, VOLUME, ReportTable
from helpdesk_assets.reports.trust import CheckHistory, check_history, refuse_what_cannot_be_trusted
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.warehouse.pool import POOL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT = "help_desk_report"
# Days that the chart of the volume shows; the table has all of them.
DAYS_SHOWN = 90
MOVES_SHOWN = 10

Draw = Callable[[duckdb.DuckDBPyConnection, date], "Figure"]


def draw_volume(connection: duckdb.DuckDBPyConnection, today: date) -> "Figure":
    """Draw the last days of the volume; what has a date in the future is in the table alone."""
    return charts.volume_chart(
        connection.execute(
            f"select day, status, tickets from {VOLUME.qualified}"
            f" where day > $today - {DAYS_SHOWN} and day <= $today order by day",
            {"today": today},
        ).fetchall()
    )


def draw_backlog(connection: duckdb.DuckDBPyConnection, today: date) -> "Figure":
    """Draw the backlog, a bar for each age."""
    rows = connection.execute(
        f"select age_bucket, tickets from {BACKLOG.qualified} order by position"
    ).fetchall()
    return charts.bar_chart([bucket for bucket, _ in rows], [n for _, n in rows], "not solved")


def draw_changes(connection: duckdb.DuckDBPyConnection, today: date) -> "Figure":
    """Draw which moves were the commonest of the last run that saw any."""
    rows = connection.execute(
        "select coalesce(old_status, $none) || ' → ' || coalesce(new_status, $none), count(*)"
        f" from {CHANGES.qualified} where not is_new and first_seen_at ="
        f" (select max(first_seen_at) from {CHANGES.qualified} where not is_new)"
        f" group by all order by count(*) desc, 1 limit {MOVES_SHOWN}",
        {"none": charts.NONE},
    ).fetchall()
    return charts.bar_chart([move for move, _ in rows], [n for _, n in rows], "moved")


DRAW: Mapping[str, Draw] = {
    VOLUME.name: draw_volume,
    BACKLOG.name: draw_backlog,
    CHANGES.name: draw_changes,
}


def _numbers(table: ReportTable, connection: duckdb.DuckDBPyConnection, as_of: datetime) -> Any:
    """Return what is worth plotting of a table, run over run."""
    queries = {
        VOLUME.name: {
            "tickets": f"select coalesce(sum(tickets), 0)::bigint from {VOLUME.qualified}",
            "days": f"select count(distinct day) from {VOLUME.qualified}",
        },
        BACKLOG.name: {
            "tickets": f"select sum(tickets)::bigint from {BACKLOG.qualified}",
            "over_90_days": f"select tickets from {BACKLOG.qualified} where position = 5",
        },
        CHANGES.name: {
            "moved": f"select count(*) from {CHANGES.qualified}"
            " where first_seen_at = $as_of and not is_new",
            "new": f"select count(*) from {CHANGES.qualified}"
            " where first_seen_at = $as_of and is_new",
        },
    }
    numbers = {}
    for name, query in queries[table.name].items():
        given = {"as_of": as_of} if "$as_of" in query else {}
        ((number,),) = connection.execute(query, given).fetchall()
        numbers[name] = number
    return numbers


def report_asset(table: ReportTable) -> dg.AssetsDefinition:
    """Return the asset that is a table made of the tickets."""

    @dg.asset(
        name=table.name,
        deps=[TICKETS],
        description=table.description,
        group_name=GROUP,
        owners=[OWNER],
        kinds={"sql", "duckdb"},
        tags={"help_desk/layer": "report"},
        metadata={
            "dagster/table_name": table.qualified,
            "dagster/column_schema": table.schema(),
            "dagster/column_lineage": table.lineage(),
            **code_references(table.file),
        },
        pool=POOL,
    )
    def make(
        context: dg.AssetExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
        help_desk_reports: HelpDeskReports,
    ) -> dg.MaterializeResult[Any]:
        """Make the table in one transaction, and draw it."""
        started, as_of = time.perf_counter(), datetime.now(timezone.utc)
        refuse_what_cannot_be_trusted(context.instance)
        settings = help_desk_reports.parameters(help_desk_api.resolved_profile())
        with help_desk_warehouse.writer() as connection:
            table.make(connection, settings, as_of)
            ((rows,),) = connection.execute(f"select count(*) from {table.qualified}").fetchall()
            numbers = _numbers(table, connection, as_of)
            figure = DRAW[table.name](connection, today_in(settings["timezone"], as_of))
        picture = charts.as_address(charts.svg(figure))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "dagster/column_lineage": table.lineage(),
                "chart": dg.MetadataValue.md(f"![{table.name}]({picture})"),
                **numbers,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return make


def report_page(checks: Sequence[dg.AssetChecksDefinition]) -> dg.AssetsDefinition:
    """Return the asset that is a page with all of it.

    Args:
        checks: those whose history it shows.
    """
    specs = [spec for each in checks for spec in each.check_specs]

    @dg.asset(
        name=REPORT,
        deps=[TICKETS, *(table.name for table in REPORT_TABLES)],
        description=(
            "One HTML page that needs no network: how many tickets come in and wait, how fresh "
            "and complete they are, and what the checks have said of late."
        ),
        group_name=GROUP,
        owners=[OWNER],
        kinds={"html"},
        tags={"help_desk/layer": "report"},
        metadata=code_references(__file__),
        pool=POOL,
    )
    def make(
        context: dg.AssetExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
        help_desk_reports: HelpDeskReports,
    ) -> dg.MaterializeResult[Any]:
        """Write the page."""
        started = time.perf_counter()
        refuse_what_cannot_be_trusted(context.instance)
        settings = help_desk_reports.parameters(help_desk_api.resolved_profile())
        histories = [
            CheckHistory(
                spec.asset_key.to_user_string(),
                spec.name,
                spec.blocking,
                check_history(context.instance, spec.key),
            )
            for spec in specs
        ]
        path = help_desk_reports.resolved_path(help_desk_warehouse.path())
        event = context.instance.get_latest_materialization_event(TICKETS)
        with help_desk_warehouse.reader() as connection:
            today = today_in(settings["timezone"], datetime.now(timezone.utc))
            pictures = {name: charts.svg(draw(connection, today)) for name, draw in DRAW.items()}
            size = write_page(path, connection, event, histories, pictures, settings["timezone"])
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(path.as_uri()),
                "path": dg.MetadataValue.path(str(path)),
                "bytes": size,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return make
