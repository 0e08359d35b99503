"""Builds models in the warehouse, in one transaction, each after those that it reads."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.models.model import SQL, Model, filled
from helpdesk_assets.shown import shown

# Maximum length of the reason why a query failed.
LONGEST_REASON = 400


@dataclass(frozen=True)
class Built:
    """A model that was built.

    Attributes:
        model: the model.
        rows: the number of rows of its table.
        numbers: its numbers by name.
        columns: name and DuckDB type of the columns of its table.
        seconds: how long it took.
    """

    model: Model
    rows: int
    numbers: Mapping[str, Any]
    columns: Sequence[tuple[str, str]]
    seconds: float


def build(
    connection: DuckDBPyConnection, models: Sequence[Model], settings: Mapping[str, Any]
) -> list[Built]:
    """Build models in one transaction: all of them, or none.

    Args:
        connection: for writing, with the schema set to the tickets' dataset, and the views of the
            loaded tables.
        models: each after those that it reads.
        settings: the parameters of all models by name.
    """
    connection.execute("begin transaction")
    try:
        with missing_tables_explained():
            built = [_build(connection, model, settings) for model in models]
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return built


@contextmanager
def missing_tables_explained() -> Iterator[None]:
    """Convert the error about a table that does not exist yet to a dg.Failure with a remedy."""
    try:
        yield
    except duckdb.CatalogException as error:
        found = re.search(r"Table with name (\w+) does not exist", str(error))
        if not found:
            raise
        raise setting_failure(
            f"The table {found[1]} does not exist yet: materialize {found[1]} first."
        ) from None


@contextmanager
def own_query_explained(model: Model) -> Iterator[None]:
    """Convert an error about a query of the user to a dg.Failure that names its file.

    Errors about values are not shown, because they would show what is in the tickets.
    """
    try:
        yield
    except duckdb.Error as error:
        is_missing = re.search(r"Table with name \w+ does not exist", str(error))
        if model.path.parent == SQL or is_missing:
            raise
        is_about_query = isinstance(
            error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException
        )
        reason = shown(error, LONGEST_REASON) if is_about_query else type(error).__name__
        raise setting_failure(
            f"The model {model.name} in {model.path} failed ({reason}): correct its query."
        ) from None


def number(connection: DuckDBPyConnection, query: str, settings: Mapping[str, Any]) -> Any:
    """Return the only value of a query."""
    ((value,),) = connection.execute(*filled(query, settings)).fetchall()
    return value


def _build(connection: DuckDBPyConnection, model: Model, settings: Mapping[str, Any]) -> Built:
    started = time.perf_counter()
    query, given = filled(model.path.read_text(encoding="utf-8").rstrip().rstrip(";"), settings)
    with own_query_explained(model):
        if model.keeps:
            create = SQL / f"{model.name}.create.sql"
            connection.execute(create.read_text(encoding="utf-8"))
            connection.execute(f"insert into {model.name} {query}", given)
        else:
            connection.execute(f"create or replace table {model.name} as {query}", given)
    described = connection.execute(f"describe {model.name}").fetchall()
    return Built(
        model=model,
        rows=number(connection, f"select count(*) from {model.name}", {}),
        numbers={
            name: number(connection, numbers, settings) for name, numbers in model.numbers.items()
        },
        columns=[(str(name), str(kind)) for name, kind, *_ in described],
        seconds=round(time.perf_counter() - started, 3),
    )
