"""The check of each model, which runs in the step that builds it.

It is one check for three questions, because each evaluation costs the run three events: does the
model account for the same number as an independent query of the tickets, is each row there once,
and does no row lack a value that it must have?
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import duckdb

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.model import Model
from helpdesk_assets.models.runner import number

ADDS_UP = "adds_up"


def check_spec(desk: HelpDesk, model: Model) -> dg.AssetCheckSpec:
    """Return the check of a model. It blocks what is built from it."""
    said = [model.sums.description] if model.sums else []
    if model.key:
        said.append(f"No two rows have the same {', '.join(model.key)}.")
    if model.required:
        said.append(f"Never null: {', '.join(model.required)}.")
    return dg.AssetCheckSpec(
        ADDS_UP, asset=desk.asset_key(model.name), description=" ".join(said), blocking=True
    )


def check_result(
    connection: DuckDBPyConnection,
    desk: HelpDesk,
    model: Model,
    settings: Mapping[str, Any],
) -> dg.AssetCheckResult:
    """Return the result of the check of a model.

    Args:
        connection: with the schema set to the desk's dataset, and the views of the loaded tables.
        desk: the help desk.
        model: the model.
        settings: the parameters of all models by name.
    """
    try:
        numbers = _numbers(connection, model, settings)
    except duckdb.CatalogException:
        table = f"{desk.schema}.{model.name}"
        wrong, numbers = [f"The table {table} does not exist: materialize {model.name}."], {}
    else:
        wrong = _wrong(model, numbers)
    return dg.AssetCheckResult(
        passed=not wrong,
        check_name=ADDS_UP,
        asset_key=desk.asset_key(model.name),
        description=" ".join(wrong) or None,
        metadata=numbers,
    )


def _numbers(
    connection: DuckDBPyConnection, model: Model, settings: Mapping[str, Any]
) -> dict[str, int]:
    queries: dict[str, str] = {}
    if model.sums:
        queries |= {"expected": model.sums.expected, "found": model.sums.found}
    if model.key:
        queries["duplicate_keys"] = (
            f"select count(*) from (select 1 from {model.name} group by {', '.join(model.key)}"
            " having count(*) > 1)"
        )
    if model.required:
        missing = " or ".join(f"{name} is null" for name in model.required)
        queries["rows_with_nulls"] = f"select count(*) from {model.name} where {missing}"
    return {name: int(number(connection, query, settings)) for name, query in queries.items()}


def _wrong(model: Model, numbers: Mapping[str, int]) -> list[str]:
    wrong = []
    if numbers.get("expected") != numbers.get("found"):
        wrong.append(
            f"The table accounts for {numbers['found']} tickets instead of {numbers['expected']}: "
            "the tickets have changed since it was built."
        )
    if numbers.get("duplicate_keys"):
        wrong.append(f"{numbers['duplicate_keys']} duplicate {', '.join(model.key)}.")
    if numbers.get("rows_with_nulls"):
        wrong.append(f"{numbers['rows_with_nulls']} rows lack a value that they must have.")
    return [*wrong, f"Materialize {model.name} again."] if wrong else []
