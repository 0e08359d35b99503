"""The asset of the report page."""

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg

from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.assets import DRAW, today_in
from helpdesk_assets.models.runner import missing_tables_explained
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.models.trust import CheckHistory, check_history, refuse_what_cannot_be_trusted
from helpdesk_assets.reports.page import write_page
from helpdesk_assets.reports.place import is_local
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of

REPORT = "help_desk_report"


def report_page(desk: HelpDesk, checks: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of the report page.

    Args:
        desk: the help desk.
        checks: what has the checks whose history the page shows.
    """
    specs = [spec for each in checks for spec in each.check_specs]

    @dg.asset(
        key=desk.asset_key(REPORT),
        deps=[desk.tickets, *(desk.asset_key(model.name) for model in MODELS)],
        description=(
            "A self-contained HTML page: ticket volume and backlog, freshness and completeness of "
            "the last load, and the results of the asset checks in recent runs."
        ),
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        kinds={"html"},
        tags=desk.asset_tags("report"),
        metadata=code_references(__file__),
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def make(
        context: dg.AssetExecutionContext,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
        help_desk_reports: HelpDeskReports,
    ) -> dg.MaterializeResult[Any]:
        """Writes the page."""
        started = time.perf_counter()
        refuse_what_cannot_be_trusted(context.instance, desk)
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
        address = help_desk_reports.resolved_path(help_desk_warehouse.place(desk.schema).beside)
        event = context.instance.get_latest_materialization_event(desk.tickets)
        with help_desk_warehouse.reader(desk.schema) as connection, missing_tables_explained():
            today = today_in(settings["timezone"], datetime.now(timezone.utc))
            pictures = {name: draw(connection, today) for name, draw in DRAW.items()}
            size = write_page(
                address,
                connection,
                event,
                histories,
                pictures,
                settings["timezone"],
                desk=desk.name,
            )
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(
                    Path(address).as_uri() if is_local(address) else address
                ),
                "path": dg.MetadataValue.path(address),
                "bytes": size,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return make
