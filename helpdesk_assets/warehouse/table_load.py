"""A load of a table in progress: its dlt pipeline, and the transactions that follow."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import dlt
import duckdb

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.place import Place, Turn
from helpdesk_assets.warehouse.staging import staging_of
from helpdesk_assets.warehouse.watermark import Stored

R = TypeVar("R")


class TableLoad:
    """A load of a table, while other loads of it are kept out.

    Args:
        place: where the table is.
        table: the table.
        stored: its state before the load.
        folder: the working folder of the run.
        held: what is closed when the load has ended.

    Attributes:
        stored: the state of the table before the load.
    """

    def __init__(
        self, place: Place, table: Table, stored: Stored, folder: Path, held: ExitStack
    ) -> None:
        self._place, self._table, self._folder, self._held = place, table, folder, held
        self._turn = Turn()
        held.callback(self._turn.close)
        self.stored = stored

    @property
    def staging(self) -> str:
        """The name of its staging dataset."""
        return staging_of(self._table.dataset, self._folder.name.rpartition("-")[2])

    @cached_property
    def pipeline(self) -> dlt.Pipeline:
        """The pipeline of the run.

        It is named after its source, and so is what dlt records of it in the dataset. Its state is
        in the destination. It is created when there are rows to load, because that takes longer
        than to find that there are none.
        """
        made = dlt.pipeline(
            pipeline_name=self._table.source,
            pipelines_dir=str(self._folder),
            destination=self._place.destination(self.staging, self._folder),
            dataset_name=self._table.dataset,
        )
        self._held.callback(made.deactivate)
        self._place.attend(made, self._turn)
        return made

    def settled(self, work: Callable[[DuckDBPyConnection], R]) -> R:
        """Do some work in a transaction after a load, and again if it conflicts with another one.

        Args:
            work: called with the connection of the transaction; may be called several times.
        """
        with self._place.settling(self._table.dataset, self._turn) as connection:

            def once() -> R:
                connection.begin()
                try:
                    result = work(connection)
                    connection.commit()
                except BaseException:
                    # A conflict has ended it already.
                    with suppress(duckdb.TransactionException):
                        connection.rollback()
                    raise
                return result

            return self._place.retried(once)
