"""The assets: the help desk's API, which others keep, and the tables loaded from it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import Field

from helpdesk_assets.assets.load import load_table
from helpdesk_assets.assets.metadata import RELOAD_NEEDED, code_references
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.load.source import source_outline
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.tables.schema import TABLE, Table


def api_asset(desk: HelpDesk) -> dg.AssetSpec:
    """Return the asset that is the API itself, which nothing here makes."""
    return dg.AssetSpec(
        desk.api,
        description="The help desk itself, behind its REST API: where every ticket comes from.",
        group_name=desk.asset_group,
        owners=desk.asset_owners,
        tags=desk.tags,
        kinds={"api"},
    )


class HelpDeskTranslator(DagsterDltTranslator):
    """Says how a table looks as a Dagster asset.

    Args:
        desk: whose table it is.
        table: the table.
        parent: the table by whose rows it is asked for; None where it is one list.
    """

    def __init__(self, desk: HelpDesk, table: Table, parent: str | None) -> None:
        self._desk = desk
        self._table = table
        self._parent = parent

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the asset that a dlt resource is, under the resource's own name."""
        desk, name = self._desk, data.resource.name
        what = "ticket" if name == TABLE else f"row of `{name}`"
        whose = f", asked for by the rows of `{self._parent}`" if self._parent else ""
        return dg.AssetSpec(
            desk.asset_key(name),
            deps=[desk.api, *([desk.asset_key(self._parent)] if self._parent else [])],
            description=(
                f"Every {what} of the help desk{whose}, one row each, merged on `id`: a run "
                "updates the rows that are there and adds those that are new."
            ),
            group_name=desk.asset_group,
            owners=desk.asset_owners,
            kinds={"dlt", "duckdb"},
            tags=desk.asset_tags("loaded"),
            metadata={
                "dagster/table_name": self._table.qualified,
                "dagster/column_schema": self._table.expected(),
                **code_references(__file__, loaded_table.__code__.co_firstlineno),
            },
            freshness_policy=desk.freshness_policy(),
        )


class SyncConfig(dg.Config):
    """How a single run is to differ from what is configured."""

    full_refresh: bool = Field(
        default=False,
        description=("Read every row, also where only those that have changed would be asked for."),
    )
    start: str | None = Field(
        default=None,
        description=(
            "Load a date range only, from here on: a date or a time in ISO 8601, in UTC where it "
            "does not say. By the date_filter of the profile."
        ),
    )
    end: str | None = Field(
        default=None, description="The end of the date range, which does not belong to it."
    )

    def window(self) -> tuple[str, str] | None:
        """Return start and end; None without. Raises dg.Failure when one of them is missing."""
        if self.start is None and self.end is None:
            return None
        if self.start is None or self.end is None:
            raise setting_failure(
                "The time to load has a start or an end only: set both in the run's configuration, "
                "such as start: 2026-01-01 and end: 2026-02-01, or neither."
            )
        return self.start, self.end


def loaded_table(
    desk: HelpDesk,
    table: Table | None = None,
    parent: str | None = None,
    beside: Sequence[str] = (TABLE,),
) -> dg.AssetsDefinition:
    """Return the asset that is a table loaded from the API.

    Args:
        desk: whose API it is.
        table: the table; by default, that of the tickets.
        parent: the table by whose rows it is asked for; None where it is one list.
        beside: the tables that are assets, itself among them.
    """
    table = table or desk.table()
    translator = HelpDeskTranslator(desk, table, parent)

    @dlt_assets(
        name=desk.op_name(table.name),
        dlt_source=source_outline(table),
        # Each run makes a pipeline of its own; one made here would make its folder at import.
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
        """Load every row of a list of the help desk and merge it into its table."""
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
    """Return what runs a source with a pipeline, by Dagster's own resource for dlt."""

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
        dg.Failure: there is no such profile, or it has a mistake.
    """
    profile = api.resolved_profile()
    unknown = [each.name for each in profile.resources if each.name not in known]
    if not unknown:
        return None
    return (
        f"The profile {profile.name} also lists {', '.join(unknown)}, which Dagster did not know "
        f"when it loaded its definitions: set {api.settings.variable('profile')} in its "
        "environment, or the profile in its code, and reload the code location."
    )
