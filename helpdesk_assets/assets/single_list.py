"""The load of a list that does not belong to the rows of another one, such as tickets.

It is loaded at once. If all rows of a list in slices are read, it is loaded in portions instead, so
that a run that stops loses no more than the slice that it was reading: the next run reads on there.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg
from dlt.extract import DltSource

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.assets.metadata import loaded
from helpdesk_assets.assets.outcome import Outcome, counts_of, interrupted, restore
from helpdesk_assets.assets.read_part import keep_read_part, refuse_unverified
from helpdesk_assets.assets.settling import Settling
from helpdesk_assets.errors import CannotContinueError, chain
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.checkpoint import Checkpoint
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.order import rows_by_load
from helpdesk_assets.warehouse.parts import Part
from helpdesk_assets.warehouse.passes import Pass, forget_pass, keep_pass, unfinished
from helpdesk_assets.warehouse.table_load import TableLoad
from helpdesk_assets.warehouse.watermark import TakenOf, Watermark, keep_watermark


class SingleList:
    """Loads a list, and continues an interrupted load of all its rows.

    Args:
        context: of the run.
        table: the table of the list.
        warehouse: the destination of the rows.
        run: runs a dlt source with a pipeline and dlt options, and returns its metadata.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        table: Table,
        *,
        warehouse: HelpDeskWarehouse,
        run: Callable[..., Any],
    ) -> None:
        self._context = context
        self._table = table
        self._warehouse = warehouse
        self._run = run
        self._outcome = Outcome()
        # The unfinished load whose progress is recorded in the dataset.
        self._pass: Pass | None = None
        # The loads of the interrupted run.
        self._loads_before: list[str] = []

    def interrupted_at(self, of: TakenOf, *, is_asked_for: bool) -> Checkpoint | None:
        """Return from where an interrupted load of all rows is continued; None without one.

        Args:
            of: the list.
            is_asked_for: whether someone has asked for all rows.
        """
        with self._warehouse.reader(self._table.dataset) as connection:
            found = unfinished(connection, self._table, of, is_asked_for=is_asked_for)
        if found is None:
            return None
        self._pass, self._loads_before = found, list(found.counts["load_ids"])
        self._outcome.rows_stored = found.counts["rows_stored"]
        self._context.log.info(
            f"Continuing an interrupted load of {self._table.name}. {self._progress}."
        )
        at = found.counts["checkpoint"]
        return Checkpoint(**{**at, "start": datetime.fromisoformat(at["start"])})

    def load(
        self,
        connection: Connection,
        walk: Walk,
        load: TableLoad,
        settle: Settling,
        *,
        known: Watermark | None,
        part: Part | None,
    ) -> Outcome:
        """Load the list, and store the watermark.

        Args:
            connection: to the API.
            walk: how the list is read; records the results.
            load: of the table.
            settle: how deleted rows are handled.
            known: the watermark before the load, which a date range does not change.
            part: the part of a full sync that is read, if any.
        """
        reader = walk.reader
        if not isinstance(reader, CompleteReader):
            raise TypeError("Use ListsByParent for lists by parent.")
        self._outcome.reads_all = not walk.asked
        if self._pass:
            restore(self._pass.counts, walk, self._outcome)
            self._outcome.is_continued = True
            walk.rejected_unknown = walk.tables.rejected
        of = TakenOf(*connection.settings.read_from())
        while True:
            before = settle.before()
            rows, load_id = 0, ""
            # dlt would take longer to load nothing than the request for it takes.
            if not connection.has_no_changes(walk):
                self._outcome.metadata = self._read(connection.source(walk), load)
                rows, load_id = loaded(load.pipeline, self._table)
            self._outcome.rows_loaded += rows
            self._outcome.load_ids.append(load_id)
            if reader.is_paused:
                self._keep(walk, reader, load, of=of, before=before, settle=settle)
                reader.session.renew_retry_budget()
                self._context.log.info(f"{self._progress}.")
            else:
                self._finish(
                    walk, load, of=of, before=before, settle=settle, known=known, part=part
                )
                return self._outcome

    def with_progress(self, failure: dg.Failure) -> dg.Failure:
        """Return a failure that also reports what was loaded before."""
        if not self._pass:
            return failure
        return interrupted(failure, f"{self._progress}, and the next run continues after them")

    @property
    def _progress(self) -> str:
        return f"The first {self._outcome.rows_stored:,} rows of {self._table.name} are loaded"

    def _read(self, source: DltSource, load: TableLoad) -> Any:
        try:
            # DuckDB loads Parquet many times faster than dlt's default insert statements, and with
            # a tenth of the memory.
            return self._run(source, load.pipeline, loader_file_format="parquet")
        except Exception as error:
            if any(isinstance(each, CannotContinueError) for each in chain(error)):
                self._pass = None
                load.settled(partial(forget_pass, table=self._table))
            raise

    def _keep(
        self,
        walk: Walk,
        reader: CompleteReader,
        load: TableLoad,
        *,
        of: TakenOf,
        before: list[list[Any]],
        settle: Settling,
    ) -> None:
        """Record a portion that is not the last one."""
        begun = self._pass or Pass("", str(walk.up_to), of)
        at = reader.pauses.last if reader.pauses else None
        if at is None:
            raise TypeError("A list that is paused has a checkpoint.")

        def work(database: DuckDBPyConnection) -> tuple[Outcome, Pass]:
            outcome = deepcopy(self._outcome)
            settle.after(database, walk, outcome, before=before)
            counts = {
                **counts_of(walk, outcome),
                "rows_stored": outcome.rows_stored,
                "checkpoint": {**asdict(at), "start": at.start.isoformat()},
            }
            kept = replace(begun, counts=counts)
            keep_pass(database, self._table, kept)
            return outcome, kept

        self._outcome, self._pass = load.settled(work)

    def _finish(
        self,
        walk: Walk,
        load: TableLoad,
        *,
        of: TakenOf,
        before: list[list[Any]],
        settle: Settling,
        known: Watermark | None,
        part: Part | None,
    ) -> None:
        """Handle deleted rows after the last portion, or the only one, and store the watermark."""
        up_to, cursor = self._pass.up_to if self._pass else walk.up_to, walk.cursor
        # A date range says nothing about the other rows.
        if walk.asked and walk.asked.is_window:
            up_to, cursor = (known.up_to, known.cursor) if known else (None, None)

        def work(database: DuckDBPyConnection) -> Outcome:
            outcome = deepcopy(self._outcome)
            settle.after(database, walk, outcome, before=before)
            outcome.rows_before, _ = rows_by_load(database, self._table, self._loads_before)
            if outcome.reads_all:
                forget_pass(database, self._table)
            keep_watermark(database, self._table, up_to, of, cursor)
            settle.finish(database, walk, outcome)
            if part:
                keep_read_part(
                    database,
                    walk,
                    part,
                    of,
                    load_id=outcome.load_ids[-1],
                    removed=outcome.removed,
                    run_id=settle.run_id,
                )
            return outcome

        self._outcome = load.settled(work)
        if part:
            refuse_unverified(walk, part)
