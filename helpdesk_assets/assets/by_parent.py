"""The load of a list by parent, such as the comments of each ticket, in portions.

Each portion is a load of its own, so that a run that stops loses no more than the portion that it
was reading: the next run continues with the parents that are left.
"""

from collections.abc import Callable, Mapping, Set
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.assets.metadata import loaded
from helpdesk_assets.assets.outcome import Outcome, counts_of_lists, interrupted, restore_lists
from helpdesk_assets.assets.settling import Settling
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.parents import ParentsReader
from helpdesk_assets.paging.portions import Portion
from helpdesk_assets.profiles.resource import parent_column
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.parents import Version, parents_to_read, stored_rows, versions
from helpdesk_assets.warehouse.passes import (
    Pass,
    first_pages_of,
    forget_pass,
    keep_pass,
    keep_reads,
    unfinished,
    whole_pass,
)
from helpdesk_assets.warehouse.table_load import TableLoad
from helpdesk_assets.warehouse.watermark import TakenOf, keep_watermark

# A portion is this share of the parents, but at least and at most so many.
SHARE = 16
FEWEST = 250
MOST = 2000


@dataclass(frozen=True)
class Since:
    """Which parents' lists are read.

    Attributes:
        load_id: those of parents that were loaded after this load; empty: all of them.
        full_sync_reason: why all of them are read; None if they are not.
        is_asked_for: whether someone has asked for all of them.
    """

    load_id: str
    full_sync_reason: str | None
    is_asked_for: bool


class ListsByParent:
    """Loads the lists of all parents that were loaded since the last time.

    Args:
        context: of the run.
        table: the table of the list.
        parent: the table of the parents.
        warehouse: the destination of the rows.
        run: runs a dlt source with a pipeline and dlt options, and returns its metadata.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        table: Table,
        parent: Table,
        *,
        warehouse: HelpDeskWarehouse,
        run: Callable[..., Any],
    ) -> None:
        self._context = context
        self._table = table
        self._parent = parent
        self._warehouse = warehouse
        self._run = run
        self._outcome = Outcome()
        self._pass = Pass("", "", TakenOf("", ""))
        self._up_to = ""
        self._left: list[Any] = []
        self._of = 0
        self._loaded = 0
        # Whether the progress of the pass is recorded in the dataset.
        self._is_recorded = False
        # Whether lists that were assumed to be complete are to be read again.
        self._has_doubts = False

    def load(
        self,
        connection: Connection,
        walk: Walk,
        load: TableLoad,
        since: Since,
        settle: Settling,
    ) -> Outcome:
        """Load all portions, and store the watermark.

        Args:
            connection: to the API.
            walk: how the lists are read; records the results.
            load: of the table.
            since: which parents' lists are read, unless an interrupted pass is continued.
            settle: how deleted rows are handled.
        """
        reader = walk.reader
        if not isinstance(reader, ParentsReader):
            raise TypeError("ListsByParent loads lists by parent only.")
        self._begin(walk, reader, since, TakenOf(*connection.settings.read_from()))
        size = min(max(-(-self._of // SHARE), FEWEST), MOST)
        if self._pass.since and len(self._left) > size and not self._is_recorded:
            # Or a run that is killed just after its first portion is followed by a full sync.
            begun = replace(self._pass, counts=counts_of_lists(walk, reader.walk, self._outcome))

            def record(database: DuckDBPyConnection) -> None:
                forget_pass(database, self._table)
                keep_pass(database, self._table, begun)
                keep_reads(database, self._table, [], now={})

            load.settled(record)
            self._is_recorded = True
        while True:
            reader.session.renew_retry_budget()
            reader.portion, now = self._portion(size)
            before = settle.before()
            rows, load_id = 0, ""
            if reader.portion.parents or not self._pass.since:
                self._outcome.metadata = self._run(
                    connection.source(walk), load.pipeline, loader_file_format="parquet"
                )
                rows, load_id = loaded(load.pipeline, self._table)
            else:
                # No parent has changed, so dlt would load nothing.
                list(reader.rows(parent_column(self._parent.name)))
            self._outcome.rows_loaded += rows
            self._outcome.load_ids.append(load_id)
            if self._keep(walk, reader, load, now=now, before=before, settle=settle):
                return self._outcome
            self._context.log.info(f"{self._table.name}: {self._progress}.")

    def with_progress(self, failure: dg.Failure) -> dg.Failure:
        """Return a failure that also reports what was loaded before."""
        if not self._is_recorded:
            return failure
        return interrupted(failure, f"{self._progress}, and the next run continues with the others")

    @property
    def _progress(self) -> str:
        return f"The lists of {self._loaded:,} of {self._of:,} {self._parent.name} are loaded"

    def _begin(self, walk: Walk, reader: ParentsReader, since: Since, of: TakenOf) -> None:
        """Find the parents whose lists are read, and continue an interrupted pass."""
        with self._warehouse.reader(self._table.dataset) as connection:
            found = unfinished(connection, self._table, of, is_asked_for=since.is_asked_for)
            to_read = parents_to_read(
                connection,
                self._table,
                self._parent,
                since=found.since if found else since.load_id,
                is_continued=found is not None,
            )
            if found:
                reader.resume(first_pages_of(connection, self._table))
        self._left, self._of = list(to_read.parents), to_read.of
        self._loaded = self._of - len(self._left)
        self._pass = found or Pass(since.load_id, to_read.newest, of)
        self._up_to = self._pass.up_to if to_read.has_reloaded else to_read.newest
        self._is_recorded = found is not None
        self._outcome.reads_all = not self._pass.since
        self._outcome.is_continued = found is not None
        reader.walk.of = self._of
        if found:
            restore_lists(found.counts, walk, reader.walk, self._outcome)
            without = reader.walk.parents_gone + reader.walk.parents_refused
            reader.walk.lists = max(0, self._loaded - without)
            self._context.log.info(
                f"Continuing an interrupted load of {self._table.name}. {self._progress}."
            )
        elif since.full_sync_reason:
            self._context.log.info(f"Full sync of {self._table.name}: {since.full_sync_reason}.")

    def _portion(self, size: int) -> tuple[Portion, Mapping[Any, Version]]:
        """Return the next parents whose lists are read, and their present versions."""
        column = parent_column(self._parent.name)
        with self._warehouse.reader(self._table.dataset) as connection:
            if self._has_doubts and not self._left:
                self._has_doubts = False
                to_read = parents_to_read(
                    connection, self._table, self._parent, since=self._pass.since, is_continued=True
                )
                self._left = list(to_read.parents)
            ids, self._left = self._left[:size], self._left[size:]
            stored = stored_rows(connection, self._table, column, ids)
            now = versions(connection, self._parent, ids)
        return Portion(ids, stored, is_last=not self._left), now

    def _keep(
        self,
        walk: Walk,
        reader: ParentsReader,
        load: TableLoad,
        *,
        now: Mapping[Any, Version],
        before: list[list[Any]],
        settle: Settling,
    ) -> bool:
        """Handle deleted rows after a portion, record it, and return whether it was the last."""
        read = reader.walk
        doubtful: Set[str] = {str(parent) for parent in read.lengths.take_doubtful()}
        self._has_doubts |= bool(doubtful)
        self._loaded += len(read.portion) - len(doubtful)
        is_last = not self._left and not self._has_doubts

        def work(database: DuckDBPyConnection) -> Outcome:
            outcome = deepcopy(self._outcome)
            settle.after(database, walk, outcome, before=before)
            if not self._is_recorded:
                forget_pass(database, self._table)
            if self._is_recorded or not is_last:
                kept = replace(self._pass, counts=counts_of_lists(walk, read, outcome))
                keep_pass(database, self._table, kept)
                keep_reads(database, self._table, read.portion, now=now, doubtful=doubtful)
            if is_last:
                if self._is_recorded:
                    read.lists, read.rows_walked, read.total = whole_pass(
                        database, self._table, self._parent
                    )
                    forget_pass(database, self._table)
                walk.parents_load = self._up_to
                keep_watermark(database, self._table, walk.up_to, self._pass.of)
                settle.finish(database, walk, outcome)
            return outcome

        self._outcome = load.settled(work)
        self._is_recorded |= not is_last
        return is_last
