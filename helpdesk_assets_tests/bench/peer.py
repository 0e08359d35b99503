"""What a Dagster user would write instead: plain dlt in ``@dlt_assets``, and two checks.

`dagster job execute -m helpdesk_assets_tests.bench.peer -j peer` loads every ticket from the base
URL in PEER__BASE_URL into the DuckDB file in DESTINATION__DUCKDB__CREDENTIALS, in one process.
"""

import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
import dlt
import duckdb
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData

from helpdesk_assets_tests.bench.contenders import KEY, TABLE
from helpdesk_assets_tests.support.plain import plain_source

TICKETS = dg.AssetKey("help_desk_tickets")


class Names(DagsterDltTranslator):
    """Names the asset after the resource."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the asset of the only resource."""
        return super().get_asset_spec(data).replace_attributes(key=TICKETS, deps=[])


@dlt_assets(
    dlt_source=plain_source(os.environ.get("PEER__BASE_URL", "http://127.0.0.1"), KEY),
    dlt_pipeline=dlt.pipeline(
        "peer",
        pipelines_dir=os.environ.get("PEER__PIPELINES", ""),
        destination="duckdb",
        dataset_name="help_desk",
    ),
    dagster_dlt_translator=Names(),
)
def tickets(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource) -> Iterator[Any]:
    """Load the tickets."""
    yield from dlt_resource.run(context=context)


def _count(query: str) -> int:
    file = os.environ["DESTINATION__DUCKDB__CREDENTIALS"]
    with duckdb.connect(file, read_only=True) as connection:
        ((number,),) = connection.execute(query).fetchall()
    return int(number)


@dg.asset_check(asset=TICKETS, blocking=True)
def ids_are_unique() -> dg.AssetCheckResult:
    """No two tickets have the same id."""
    return dg.AssetCheckResult(
        passed=_count(f"select count(*) - count(distinct id) from {TABLE}") == 0
    )


@dg.asset_check(asset=TICKETS, blocking=True)
def there_are_rows() -> dg.AssetCheckResult:
    """The table is not empty."""
    return dg.AssetCheckResult(passed=_count(f"select count(*) from {TABLE}") > 0)


defs = dg.Definitions(
    assets=[tickets],
    asset_checks=[ids_are_unique, there_are_rows],
    jobs=[
        dg.define_asset_job(
            "peer", selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor
        )
    ],
    resources={"dlt_resource": DagsterDltResource()},
)
