"""The assets: the help desk's API as an external asset, and the tables loaded from it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import Field

from helpdesk_assets.assets.load import load_table
from helpdesk_assets.assets.metadata import code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.entries import RELOAD_NEEDED
from helpdesk_assets.load.source import source_outline
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import TABLE, Table
from helpdesk_assets.warehouse.choice import kind_of_environment


def api_asset(desk: HelpDesk) -> dg.AssetSpec:
    """Return the external asset that represents the API."""
    return dg.AssetSpec(
        desk.api,
        description="The help desk's REST API, the source of all tickets.",
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        tags=desk.tags,
        kinds={"api"},
    )


class HelpDeskTranslator(DagsterDltTranslator):
    """Translates a dlt resource to a Dagster asset.

    Args:
        desk: the help desk.
        table: the table of the resource.
        parent: the parent table if the list is requested for each of its rows, otherwise None.
    """

    def __init__(self, desk: HelpDesk, table: Table, parent: str | None) -> None:
        self._desk = desk
        self._table = table
        self._parent = parent

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the asset of a dlt resource, named after the resource."""
        desk, name = self._desk, data.resource.name
        what = "ticket" if name == TABLE else f"row of `{name}`"
        whose = f", requested for each row of `{self._parent}`" if self._parent else ""
        return dg.AssetSpec(
            desk.asset_key(name),
            deps=[desk.api, *([desk.asset_key(self._parent)] if self._parent else [])],
            description=(
                f"One row per {what} in the help desk{whose}, merged on `id`: each run updates "
                "existing rows and inserts new ones."
            ),
            group_name=desk.asset_group,
            owners=desk.asset_owners,
            kinds={"dlt", kind_of_environment()},
            tags=desk.asset_tags("loaded"),
            metadata={
                "dagster/table_name": self._table.qualified,
                "dagster/column_schema": self._table.expected(),
                **code_references(__file__, loaded_table.__code__.co_firstlineno),
            },
            freshness_policy=desk.freshness_policy(),
        )


class SyncConfig(dg.Config):
    """Options of a single run."""

    full_refresh: bool = Field(
        default=False,
        description="Read every row, even if incremental loading is configured.",
    )
    start: str | None = Field(
        default=None,
        description=(
            "Load a date range only, starting here: a date or time in ISO 8601, in UTC unless it "
            "has a time zone. Requires a date_filter in the profile."
        ),
    )
    end: str | None = Field(default=None, description="The end of the date range, exclusive.")

    def window(self) -> tuple[str, str] | None:
        """Return start and end; None if not set. Raises dg.Failure if one of them is missing."""
        if self.start is None and self.end is None:
            return None
        if self.start is None or self.end is None:
            raise setting_failure(
                "The date range needs both a start and an end: set both in the run config, such as "
                "start: 2026-01-01 and end: 2026-02-01, or neither."
            )
        return self.start, self.end


def loaded_table(
    desk: HelpDesk,
    table: Table | None = None,
    parent: str | None = None,
    beside: Sequence[str] = (TABLE,),
) -> dg.AssetsDefinition:
    """Return the asset of a table that is loaded from the API.

    Args:
        desk: the help desk.
        table: the table. Default: the tickets.
        parent: the parent table if the list is requested for each of its rows, otherwise None.
        beside: the names of all tables that are assets, including this one.
    """
    table = table or desk.table()
    translator = HelpDeskTranslator(desk, table, parent)

    @dlt_assets(
        name=desk.op_name(table.name),
        dlt_source=source_outline(table),
        # Each run creates its own pipeline; one created here would create its folder at import.
        dlt_pipeline=cast(dlt.Pipeline, None),
        dagster_dlt_translator=translator,
        pool=desk.pool,
    )
    @with_resources_of(desk)
    def load(
        context: dg.AssetExecutionContext,
        config: SyncConfig,
        help_desk_dlt: DagsterDltResource,
        help_desk_api: HelpDeskApi,
        help_desk_warehouse: HelpDeskWarehouse,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Loads a list of the help desk and merges it into its table."""
        reload = reload_needed(help_desk_api, beside)
        if reload:
            context.log.warning(reload)
        metadata = load_table(
            context,
            table,
            api=help_desk_api,
            warehouse=help_desk_warehouse,
            run=_runner(context, help_desk_dlt, translator),
            parent=desk.table(Table(parent)) if parent else None,
            full_refresh=config.full_refresh,
            window=config.window(),
        )
        if reload:
            metadata = {RELOAD_NEEDED: reload, **metadata}
        yield dg.MaterializeResult(asset_key=desk.asset_key(table.name), metadata=metadata)

    return load


def _runner(
    context: dg.AssetExecutionContext,
    resource: DagsterDltResource,
    translator: DagsterDltTranslator,
) -> Callable[..., Any]:
    """Return a function that runs a source with a pipeline, using Dagster's dlt resource."""

    def run(source: Any, pipeline: dlt.Pipeline, **options: Any) -> Any:
        (result,) = resource.run(
            context=context,
            dlt_source=source,
            dlt_pipeline=pipeline,
            dagster_dlt_translator=translator,
            **options,
        )
        return result.metadata

    return run


def reload_needed(api: HelpDeskApi, known: Sequence[str]) -> str | None:
    """Say which lists of the profile have no assets yet, and what to do; None where all have.

    Args:
        api: whose profile it is.
        known: the tables that are assets.

    Raises:
        dg.Failure: the profile does not exist or has a mistake.
    """
    profile = api.resolved_profile()
    unknown = [each.name for each in profile.resources if each.name not in known]
    if not unknown:
        return None
    return (
        f"The profile {profile.name} also lists {', '.join(unknown)}, which have no assets in "
        f"the loaded definitions: set {api.settings.variable('profile')} in Dagster's environment, "
        "or the profile in code, and reload the code location."
    )
