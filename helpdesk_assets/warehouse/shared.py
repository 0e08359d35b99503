"""A place that several runs can write to at once, which dlt's client opens.

Each access is a connection of its own to an empty DuckDB in memory, with the place attached. Two
transactions that change the same rows conflict: the second one fails, and is done again.
"""

import random
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import dlt
import duckdb
from dlt.common.destination.reference import Destination

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import UNCHANGED, chain, setting_failure
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.warehouse.locks import Locks, capitalized
from helpdesk_assets.warehouse.permissions import private_files
from helpdesk_assets.warehouse.place import Turn
from helpdesk_assets.warehouse.staging import staging_of
from helpdesk_assets.warehouse.working_folder import runs_alive, working_folder

R = TypeVar("R")

# Tries of a transaction that conflicts with others, and the seconds before the second one; doubled
# for each further one, and up to twice as long by chance.
TRIES = 6
FIRST_WAIT = 0.25
# The working folders are in this machine's folder for temporary files, with this prefix.
PREFIX = "helpdesk_assets-run"


@dataclass(frozen=True, kw_only=True)
class SharedPlace(ABC):
    """A place that several runs can write to at once.

    Attributes:
        lock_timeout: maximum seconds to wait for other runs.
        memory_limit: the memory limit of DuckDB in its syntax, such as 200MB.
        section: the name of dlt's destination, for the settings in error messages.
    """

    lock_timeout: float
    memory_limit: str
    section: str

    @property
    @abstractmethod
    def label(self) -> str:
        """See Place."""

    @property
    @abstractmethod
    def metadata(self) -> Mapping[str, Any]:
        """See Place."""

    @property
    def takes_turns(self) -> bool:
        """See Place."""
        return False

    @property
    @abstractmethod
    def locks(self) -> Locks:
        """The locks that all runs can see."""

    @property
    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """What must not be shown."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether something was loaded into it before."""

    @abstractmethod
    def destination(self, staging: str, folder: Path) -> Destination[Any, Any]:
        """See Place."""

    @abstractmethod
    def maintain_in(self, connection: DuckDBPyConnection, keep: str) -> Mapping[str, Any]:
        """Remove what is not needed; see Place.

        Args:
            connection: to the place.
            keep: an interval in SQL.
        """

    def config(self, folder: Path) -> dict[str, Any]:
        """Return the configuration of DuckDB: the limits of a run, with its files in a folder."""
        return {
            "memory_limit": self.memory_limit,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": "false",
        }

    @contextmanager
    def loading(self, table: Table, *, is_window: bool = False) -> Iterator[None]:
        """See Place.

        Date ranges of a table can be loaded at the same time. A load of the other kind cannot run
        beside another load of its table: it would take the rows that the other one adds while the
        API is read for deleted ones, and replace newer rows by older ones.
        """
        name = f"load {table.qualified}"
        with (
            self.explained(),
            self.locks.held(name, self.lock_timeout, is_shared=is_window),
            private_files(),
        ):
            yield

    @contextmanager
    def writing(self, dataset: str) -> Iterator[None]:
        """See Place.

        Two merges at the same time would both insert a row that they both have.
        """
        with self.locks.held(f"write {dataset}", self.lock_timeout):
            yield

    @contextmanager
    def opened(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """See Place. Creates the place and the dataset, which two runs cannot do at once."""
        with (
            private_files(),
            self.writing(dataset),
            self._created(),
            self._connected(dataset) as connection,
        ):
            connection.execute(f"create schema if not exists {dataset}")
            connection.execute(f"set schema = '{dataset}'")
            yield connection

    @contextmanager
    def reader(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """See Place."""
        with self.explained():
            if self.exists():
                with self._connected(dataset) as connection:
                    yield connection
            else:
                with duckdb.connect() as nowhere:
                    yield nowhere

    @contextmanager
    def writer(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """See Place."""
        with self.explained(), self.opened(dataset) as connection:
            yield connection

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """See Place. The run is alive as long as it holds a lock that other machines can see."""
        with ExitStack() as held:
            folder = held.enter_context(working_folder(_temporary(), PREFIX))
            run = folder.name.rpartition("-")[2]
            held.enter_context(self.locks.held(f"run {run}", self.lock_timeout))
            yield folder

    def is_alive(self, run: str) -> bool:
        """See Place."""
        return self.locks.is_held(f"run {run}") or run in runs_alive(_temporary(), PREFIX)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """See Place. Neither errors nor log records inside contain a secret."""
        redaction = Redaction(*self.secrets)
        try:
            with redaction.of_logs():
                yield
        except dg.Failure:
            raise
        except Exception as error:
            texts = [str(cause) for cause in chain(error)]
            known = next(filter(None, map(self.reason, chain(error))), None)
            if known:
                raise self.failure(redaction.text(known)) from None
            if any(redaction.text(text) != text for text in texts):
                raise self.failure(redaction.text(texts[-1])) from None
            raise

    def reason(self, error: BaseException) -> str | None:
        """Return what an error says, if it is one of the place and not of the SQL."""
        if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
            return str(error)
        if _is_conflict(error):
            return "other transactions changed the same rows"
        return None

    def failure(self, reason: str) -> dg.Failure:
        """Return a failure with a remedy."""
        if "Out of Memory" in reason:
            return setting_failure(
                f"DuckDB ran out of the memory that is allowed for loading tickets into "
                f"{self.label}: set {self.setting('memory_limit')} to more. {UNCHANGED}"
            )
        return setting_failure(
            f"{capitalized(self.label)} cannot be used ({_first_line(reason)}): "
            "check that its server runs, and the settings under "
            f"[destination.{self.section}]. {UNCHANGED}"
        )

    def setting(self, name: str) -> str:
        """Return the environment variable of a setting."""
        return f"DESTINATION__{self.section}__{name}".upper().replace(".", "__")

    def attend(self, pipeline: dlt.Pipeline, turn: Turn) -> None:
        """See Place. Others may write while the API is read, but not from a merge to its end."""
        load = pipeline.load

        @wraps(load)
        def alone(*args: Any, **options: Any) -> Any:
            turn.take(self.writing(pipeline.dataset_name))
            return load(*args, **options)

        vars(pipeline)["load"] = alone

    @contextmanager
    def settling(self, dataset: str, turn: Turn) -> Iterator[DuckDBPyConnection]:
        """See Place."""
        with closing(turn):
            turn.take(self.writing(dataset))
            with self._connected(dataset) as connection:
                yield connection

    def retried(self, work: Callable[[], R]) -> R:
        """See Place."""
        for tried in range(1, TRIES):
            try:
                return work()
            except Exception as error:
                if not any(map(_is_conflict, chain(error))):
                    raise
            # Spreads the attempts of several runs; not used for security.
            wait = FIRST_WAIT * 2 ** (tried - 1) * random.uniform(1, 2)  # noqa: S311
            dg.get_dagster_logger().info(
                f"Another transaction has changed the same rows of {self.label}: trying again in "
                f"{wait:.1f} s."
            )
            time.sleep(wait)
        return work()

    def maintain(self, keep: timedelta) -> Mapping[str, Any]:
        """See Place."""
        interval = f"interval {keep.total_seconds():.0f} seconds"

        def work() -> Mapping[str, Any]:
            if not self.exists():
                return {}
            with self._connected(self.section) as connection:
                return self.maintain_in(connection, interval)

        with self.explained():
            return self.retried(work)

    @contextmanager
    def _created(self) -> Iterator[None]:
        """Keep others out while the place is created; without effect if it exists."""
        if self.exists():
            yield
            return
        with self.locks.held("create", self.lock_timeout):
            yield

    @contextmanager
    def _connected(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """Open a connection with the place attached and the dataset in use, if it exists."""
        with working_folder(_temporary(), PREFIX) as folder:
            destination = self.destination(staging_of(dataset, "none"), folder)
            initial: Any = destination.spec()
            initial._bind_dataset_name(dataset)
            client: Any = destination.client(dlt.Schema(dataset), initial)
            with client.sql_client as opened:
                yield opened.native_connection


def _is_conflict(error: BaseException) -> bool:
    """Return whether a transaction failed because of another one."""
    return isinstance(error, duckdb.TransactionException) and (
        "conflict" in str(error).lower() or "retry count" in str(error)
    )


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _first_line(reason: str) -> str:
    line = reason.removeprefix("IO Error: ").partition("\n")[0]
    return line.strip().rstrip(".:")
