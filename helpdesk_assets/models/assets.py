"""The assets of the models: tables that one step builds, with their checks and charts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timezone
from functools import partial
from typing import Any

import dagster as dg

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models import charts
from helpdesk_assets.models.calendar import today_in
from helpdesk_assets.models.checks import check_result, check_spec
from helpdesk_assets.models.history import BACKLOG_DAILY
from helpdesk_assets.models.lineage import Lineage, column_schema, tables_by_role
from helpdesk_assets.models.model import Model
from helpdesk_assets.models.omitted import omitted
from helpdesk_assets.models.preparation import prepare
from helpdesk_assets.models.runner import build
from helpdesk_assets.models.sources import Sources, create_views
from helpdesk_assets.models.tickets import BACKLOG, CHANGES, VOLUME
from helpdesk_assets.models.trust import refuse_what_cannot_be_trusted
from helpdesk_assets.models.unchanged import UNCHANGED, Reports
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.choice import kind_of_environment

# Days shown in the volume chart; the table contains all of them.
DAYS_SHOWN = 90
MOVES_SHOWN = 10
# Maximum length of a status queried for a chart.
LETTERS = 200

# Draws an SVG image.
Draw = Callable[[DuckDBPyConnection, date], str]


def draw_volume(connection: DuckDBPyConnection, today: date) -> str:
    """Draw the volume of the last days; tickets with a future date are only in the table."""
    days = connection.execute(
        f"select day, sum(tickets)::bigint from {VOLUME.name}"
        f" where day > $today - {DAYS_SHOWN} and day <= $today group by day order by day",
        {"today": today},
    ).fetchall()
    return charts.chart_of_days("tickets opened per day", days)


def draw_backlog(connection: DuckDBPyConnection, today: date) -> str:
    """Draw the backlog, one bar per age bucket."""
    rows = connection.execute(
        f"select age_bucket, tickets from {BACKLOG.name} order by position"
    ).fetchall()
    return charts.chart_of_bars("unsolved tickets", rows)


def draw_changes(connection: DuckDBPyConnection, today: date) -> str:
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


def draw_backlog_daily(connection: DuckDBPyConnection, today: date) -> str:
    """Draw how many tickets were open at the end of the last days."""
    days = connection.execute(
        f"select day, sum(tickets)::bigint from {BACKLOG_DAILY.name}"
        f" where day > $today - {DAYS_SHOWN} group by day order by day",
        {"today": today},
    ).fetchall()
    return charts.chart_of_days("open tickets at the end of the day", days)


DRAW: Mapping[str, Draw] = {
    VOLUME.name: draw_volume,
    BACKLOG.name: draw_backlog,
    CHANGES.name: draw_changes,
    BACKLOG_DAILY.name: draw_backlog_daily,
}


def _chart(
    model: Model, connection: DuckDBPyConnection, today: date
) -> Mapping[str, dg.MetadataValue[Any]]:
    """Return the chart of a model that has one."""
    if model.name not in DRAW:
        return {}
    image = DRAW[model.name](connection, today)
    return {"chart": dg.MetadataValue.md(charts.as_markdown(model.name, image))}


def models_assets(
    desk: HelpDesk, models: Sequence[Model], tables: Sequence[Table], page: dg.AssetKey
) -> dg.AssetsDefinition:
    """Return the assets of a desk's models, which one step builds and checks.

    Each can be materialized, and its checks run, alone. A run that has loaded the tickets leaves
    all of them, and with them the page, if they would be built from the same again.

    Args:
        desk: the help desk.
        models: the models, each after those that it reads.
        tables: the desk's loaded tables.
        page: the asset of the page, which is made from all of them.
    """
    lineage = Lineage(desk, models, tables)
    reports = Reports(desk, models, [table.name for table in tables], page)

    @dg.multi_asset(
        name=f"{desk.name}_models",
        specs=[_spec(desk, model, lineage) for model in models],
        check_specs=[check_spec(desk, model) for model in models if model.key],
        can_subset=True,
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def make(
        context: dg.AssetExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
        help_desk_reports: HelpDeskReports,
    ) -> Iterator[Any]:
        """Builds the selected tables in one transaction, and runs their checks."""
        as_of = datetime.now(timezone.utc)
        keys = context.selected_asset_keys
        chosen = [model for model in models if desk.asset_key(model.name) in keys]
        to_check = {key.asset_key for key in context.selected_asset_check_keys}
        profile = help_desk_api.resolved_profile()
        given = {"as_of": as_of, **help_desk_reports.parameters(profile)}
        if chosen:
            refuse_what_cannot_be_trusted(context.instance, desk, lineage.tables(chosen))
        place = help_desk_warehouse.place(desk.schema)
        opened = place.writer if chosen else place.reader
        version = None
        with opened(desk.schema) as connection:
            sources = create_views(connection, desk.schema, tables_by_role(profile), given)
            if len(chosen) == len(models):
                # An invalid setting of the page is reported by the step that makes it.
                with suppress(dg.Failure):
                    given_to_all = {
                        **given,
                        **help_desk_reports.of_page(place.beside),
                        "ticket_url": help_desk_api.resolved_ticket_url(profile),
                        "snapshot": help_desk_warehouse.snapshot_path(desk.schema),
                    }
                    version = reports.data_version(connection, context.instance, given_to_all)
                    if reports.are_current(connection, context, version, given_to_all):
                        context.log.info(UNCHANGED)
                        return
            settings = prepare(connection, sources, given)
            built = place.retried(partial(build, connection, chosen, settings))
            today = today_in(given["timezone"], as_of)
            results: list[dg.MaterializeResult[Any]] = [
                dg.MaterializeResult(
                    asset_key=desk.asset_key(each.model.name),
                    data_version=dg.DataVersion(version) if version else None,
                    metadata={
                        "dagster/row_count": each.rows,
                        "dagster/column_schema": column_schema(each.model, each.columns),
                        "dagster/column_lineage": lineage.of(each.model, sources),
                        **_chart(each.model, connection, today),
                        **_omitted(each.model, sources, settings),
                        **each.numbers,
                        "seconds": each.seconds,
                    },
                )
                for each in built
            ]
            checked = [
                check_result(connection, desk, model, settings)
                for model in models
                if desk.asset_key(model.name) in to_check
            ]
        yield from results
        yield from checked

    return make


def _omitted(
    model: Model, sources: Sources, settings: Mapping[str, Any]
) -> Mapping[str, dg.MetadataValue[Any]]:
    said = omitted(model, sources, settings)
    return {"omitted": dg.MetadataValue.md(said)} if said else {}


def _spec(desk: HelpDesk, model: Model, lineage: Lineage) -> dg.AssetSpec:
    return dg.AssetSpec(
        desk.asset_key(model.name),
        deps=lineage.parents(model),
        description=model.description,
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        kinds={"sql", kind_of_environment()},
        tags=desk.asset_tags("report"),
        metadata={
            "dagster/table_name": f"{desk.schema}.{model.name}",
            "dagster/column_schema": column_schema(model, lineage.types(model)),
            "dagster/column_lineage": lineage.of(model),
            **code_references(model.path),
        },
    )
