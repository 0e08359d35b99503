"""The interface of the places that tickets are loaded into: a DuckDB file, DuckLake, MotherDuck.

All of them are queried by DuckDB, with the same SQL. What differs between them is here: how they
are opened, who may write when, and what their errors mean.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import dlt
from dlt.common.destination.reference import Destination

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.tables.schema import Table

R = TypeVar("R")


class Turn:
    """What keeps out others that write, from the merge of a load until it is settled."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._is_taken = False

    def take(self, lock: AbstractContextManager[None]) -> None:
        """Begin the turn by entering a lock, unless it has begun."""
        if not self._is_taken:
            self._held.enter_context(lock)
            self._is_taken = True

    def close(self) -> None:
        """End the turn, if it has begun."""
        self._is_taken = False
        self._held.close()


class Place(Protocol):
    """A place that tickets are loaded into."""

    @property
    def label(self) -> str:
        """What it is called in messages, such as ``the DuckDB file tickets.duckdb``; no secret."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Where a table is, as metadata of its asset; no secret."""

    @property
    def beside(self) -> str:
        """The folder beside it, for files that belong to it: a local path or an address."""

    @property
    def takes_turns(self) -> bool:
        """Whether only one load can run at a time."""

    def destination(self, staging: str, folder: Path) -> Destination[Any, Any]:
        """Return dlt's destination for one run.

        Args:
            staging: the name of the run's staging dataset.
            folder: the working folder of the run.
        """

    def loading(self, table: Table, *, is_window: bool = False) -> AbstractContextManager[None]:
        """Keep out other loads that this one cannot run beside, inside a ``with`` block.

        Args:
            table: the table that is loaded.
            is_window: whether only a date range is loaded.

        Raises:
            dg.Failure: the place cannot be used, or another load has not ended in time.
        """

    def opened(self, dataset: str) -> AbstractContextManager[DuckDBPyConnection]:
        """Open a connection for a load that is kept apart by ``loading``."""

    def reader(self, dataset: str) -> AbstractContextManager[DuckDBPyConnection]:
        """Open a connection to read. A place that does not exist yet is empty.

        Raises:
            dg.Failure: it cannot be opened.
        """

    def writer(self, dataset: str) -> AbstractContextManager[DuckDBPyConnection]:
        """Open a connection to write to a dataset, while no load writes to it.

        Raises:
            dg.Failure: it cannot be opened, or others have not ended in time.
        """

    def working_folder(self) -> AbstractContextManager[Path]:
        """Create the folder of a run, whose name ends with a hyphen and the name of the run."""

    def is_alive(self, run: str) -> bool:
        """Return whether a run is alive, by the name that its working folder ends with."""

    def explained(self) -> AbstractContextManager[None]:
        """Convert errors of DuckDB about the place to a dg.Failure with a remedy."""

    def attend(self, pipeline: dlt.Pipeline, turn: Turn) -> None:
        """Make a pipeline wait for others where it has to.

        Args:
            pipeline: of a load.
            turn: of the load, which a merge begins.
        """

    def settling(self, dataset: str, turn: Turn) -> AbstractContextManager[DuckDBPyConnection]:
        """Open a connection to write after a load, while no others do, and end its turn."""

    def retried(self, work: Callable[[], R]) -> R:
        """Do some work in a transaction of its own, and again if it conflicts with another one."""

    def maintain(self, keep: timedelta) -> Mapping[str, Any]:
        """Remove what is not needed any more, and return metadata, such as the sizes in bytes.

        Args:
            keep: how long earlier states of the tables are kept, in places that keep them.
        """
