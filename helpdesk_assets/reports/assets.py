"""The asset of the report page."""

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg

from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.runner import missing_tables_explained
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.models.trust import CheckHistory, check_history, refuse_what_cannot_be_trusted
from helpdesk_assets.reports.numbers import numbers
from helpdesk_assets.reports.page import page
from helpdesk_assets.reports.place import is_local, write_to
from helpdesk_assets.reports.served import serve
from helpdesk_assets.resources import HelpDeskApi, HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.settings import DEFAULT_DESK

REPORT = "help_desk_report"
TITLE = "Help desk report"


def report_page(desk: HelpDesk, checks: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of the report page.

    Args:
        desk: the help desk.
        checks: the checks whose history the page shows.
    """
    specs = [spec for each in checks for spec in each.check_specs]

    @dg.asset(
        key=desk.asset_key(REPORT),
        deps=[desk.tickets, *(desk.asset_key(model.name) for model in MODELS)],
        description=(
            "A self-contained HTML page: open tickets, first replies and resolutions, service "
            "levels, busiest hours, groups and oldest tickets; and whether the numbers can be "
            "trusted. It filters by period, group and priority, and needs no network."
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
        profile = help_desk_api.resolved_profile()
        settings = help_desk_reports.parameters(profile)
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
        made_at = datetime.now(timezone.utc)
        subjects = help_desk_reports.resolved_subjects()
        with help_desk_warehouse.reader(desk.schema) as connection, missing_tables_explained():
            counted = numbers(
                connection,
                made_at,
                settings["timezone"],
                ticket_url=help_desk_api.resolved_ticket_url(profile),
                subjects=subjects,
            )
        body = page(
            counted,
            event,
            histories,
            made_at=made_at,
            time_zone=settings["timezone"],
            title=TITLE if desk.name == DEFAULT_DESK else f"{TITLE}: {desk.name}",
            subjects=subjects,
        )
        write_to(address, body, desk=desk.name)
        link = (
            help_desk_reports.resolved_url()
            or serve(context.instance, context.asset_key.path, body)
            or (Path(address).as_uri() if is_local(address) else address)
        )
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(link),
                "path": dg.MetadataValue.path(address),
                "bytes": len(body),
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return make
