"""The share of a help desk's requests per second that one load may use."""

import dagster as dg

from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.pool import steps_at_once


def requests_per_second(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    table: Table,
    *,
    api: HelpDeskApi,
    warehouse: HelpDeskWarehouse,
) -> float | None:
    """Return how many requests per second a load may send; None: any number.

    Loads into a DuckDB file run one after the other. In other places, several can run at a time, in
    any process and on any machine: as many as the pool allows. Each gets an equal share, so that
    together they never exceed the setting.
    """
    rate: float | None = api.number("requests_per_second")
    if rate is None or warehouse.place(table.dataset).takes_turns:
        return rate
    pool = context.op_def.pool
    at_once = steps_at_once(context.instance, pool) if pool else None
    if at_once is None:
        context.log.warning(
            f"The setting requests_per_second applies to each load by itself, because the pool "
            f"{pool} has no limit in this Dagster instance. To let loads share it, set a limit: "
            f"dagster instance concurrency set {pool} 4."
        )
        return rate
    return rate / at_once
