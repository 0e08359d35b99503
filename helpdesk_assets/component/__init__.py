"""The help desk component, for Dagster projects configured in YAML with ``dg``.

This package contains the YAML attributes and the scaffolder. The definitions of a help desk are
built in ``helpdesk_assets.build``.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import dagster as dg

from helpdesk_assets.build import build_defs
from helpdesk_assets.component.attributes import (
    AlertsModel,
    ApiModel,
    FreshnessModel,
    ReportsModel,
    SchedulesModel,
    WarehouseModel,
    described_as,
    values_of,
)
from helpdesk_assets.component.scaffold import HelpDeskScaffolder
from helpdesk_assets.desk import DEFAULT_POOL, HelpDesk
from helpdesk_assets.resources import (
    HelpDeskAlerts,
    HelpDeskApi,
    HelpDeskReports,
    HelpDeskWarehouse,
)
from helpdesk_assets.resources.api_settings import Incremental
from helpdesk_assets.settings import DEFAULT_DESK

__all__ = ["HelpDeskComponent"]


@dg.scaffold_with(HelpDeskScaffolder)
class HelpDeskComponent(dg.Component, dg.Model, dg.Resolvable):
    """Help desk tickets from a REST API, in DuckDB: verified complete, checked and reported on.

    Each component is one help desk with its own assets, jobs, schedules, sensors and resources.
    Settings that are not set in YAML are looked up when a run needs them, with dlt's configuration
    providers: in the environment, `.dlt/secrets.toml` and `.dlt/config.toml`, under the name of the
    desk. The same applies to any other secret that a profile names: `SOURCES__EU__ZENDESK_EMAIL`,
    then `ZENDESK_EMAIL`.

    To get started, run `dg scaffold defs helpdesk_assets.HelpDeskComponent eu --profile zendesk`,
    where eu is the name of the help desk. Add `--own-profile zendesk` to also write a copy of that
    profile, to be edited.
    """

    name: Annotated[
        str,
        described_as(
            "The name of the help desk: lowercase letters, digits and single underscores. Its "
            "assets, dataset, jobs, resources and settings are named after it."
        ),
    ] = DEFAULT_DESK
    profile: Annotated[
        str | None,
        described_as(
            "The profile of the vendor's API: the name of a built-in profile, such as zendesk, or "
            "the path of a profile, relative to this file. Default: default."
        ),
    ] = None
    api: Annotated[ApiModel, described_as("The REST API.")] = ApiModel()
    warehouse: Annotated[WarehouseModel, described_as("Where tickets are loaded.")] = (
        WarehouseModel()
    )
    schedules: Annotated[SchedulesModel, described_as("The schedules.")] = SchedulesModel()
    reports: Annotated[ReportsModel, described_as("The reports.")] = ReportsModel()
    alerts: Annotated[AlertsModel, described_as("The alerts.")] = AlertsModel()
    freshness: Annotated[
        FreshnessModel | None,
        described_as("When a table is late and stale. Default: derived from the cron schedule."),
    ] = None
    key_prefix: Annotated[
        Sequence[str] | None,
        described_as("The prefix of the asset keys, as a list. Default: the name."),
    ] = None
    group_name: Annotated[str | None, described_as("The asset group. Default: the name.")] = None
    owners: Annotated[
        Sequence[str] | None,
        described_as("The owners of the assets: e-mail addresses, or team:NAME."),
    ] = None
    tags: Annotated[Mapping[str, str], described_as("Tags of the assets.")] = {}
    dataset: Annotated[
        str | None, described_as("The dataset (schema) in DuckDB. Default: the name.")
    ] = None
    pool: Annotated[
        str,
        described_as(
            "The Dagster pool of everything that opens the DuckDB file. Set its limit to 1. "
            f"Default: {DEFAULT_POOL}."
        ),
    ] = DEFAULT_POOL

    def desk(self, folder: Path) -> HelpDesk:
        """Return the help desk.

        Args:
            folder: the folder that a profile path is relative to.
        """
        profile = self.profile
        if profile and ("/" in profile or profile.endswith((".yaml", ".yml"))):
            profile = str((folder / profile).resolve())
        return HelpDesk(
            name=self.name,
            profile=profile,
            key_prefix=self.key_prefix,
            group=self.group_name,
            owners=self.owners,
            tags=self.tags,
            dataset=self.dataset,
            cron=self.schedules.cron,
            full_refresh_cron=self.schedules.full_refresh_cron,
            maintenance_cron=self.schedules.maintenance_cron,
            timezone=self.schedules.timezone,
            backfill_start=self.schedules.backfill_start,
            freshness=(
                (
                    timedelta(hours=self.freshness.late_hours),
                    timedelta(hours=self.freshness.stale_hours),
                )
                if self.freshness
                else None
            ),
            reports=self.reports.enabled,
            models=str((folder / self.reports.models).resolve()) if self.reports.models else None,
            schedules=self.schedules.enabled,
            alerts=self.alerts.enabled,
            pool=self.pool,
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the help desk."""
        path = context.path
        desk = self.desk(path if path.is_dir() else path.parent)
        api = values_of(self.api)
        reports = values_of(self.reports)
        reports.pop("models", None)
        incremental = Incremental(**values_of(api.pop("incremental", None)))
        made = {
            "alerts": HelpDeskAlerts(desk=desk.name, **values_of(self.alerts)),
            "api": HelpDeskApi(
                desk=desk.name, profile=desk.profile, incremental=incremental, **api
            ),
            "reports": HelpDeskReports(desk=desk.name, **reports),
            "warehouse": HelpDeskWarehouse(**values_of(self.warehouse)),
        }
        return build_defs(
            desk,
            resource_overrides={desk.resource_key(role): made[role] for role in made},
        )
