"""The DuckDB file: who may open it when."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import dlt
import duckdb
from dlt.common.destination.reference import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from filelock import FileLock, Timeout

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import UNCHANGED, chain, setting_failure
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.warehouse.file_failures import explained, failure_of, in_use
from helpdesk_assets.warehouse.memory import FOR_MERGES
from helpdesk_assets.warehouse.permissions import private_files
from helpdesk_assets.warehouse.place import Turn
from helpdesk_assets.warehouse.working_folder import runs_alive, working_folder

R = TypeVar("R")

# Characters that dlt's path templates or its SQL interpret in the path of a load's files.
UNFIT = re.compile(r"[%']")
# Seconds that a run waits for the file before it logs that it is waiting.
SILENCE = 2.0


@dataclass(frozen=True)
class DuckDbFile:
    """A DuckDB file, which may not exist yet.

    Attributes:
        credentials: dlt's, resolved.
        lock_timeout: maximum seconds to wait for another process to release it.
        memory_limit: the memory limit in DuckDB's syntax, such as 2GB; None: DuckDB's default.
    """

    credentials: DuckDbCredentials
    lock_timeout: float
    memory_limit: str | None = None

    @property
    def path(self) -> Path:
        """Its absolute path."""
        return Path(self.credentials.database).absolute()

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of DuckDB connections, which never download extensions on their own."""
        limit = {"memory_limit": self.memory_limit} if self.memory_limit else {}
        return {"autoinstall_known_extensions": "false", **limit}

    def connect(self, **options: Any) -> DuckDBPyConnection:
        """Open a connection to the file."""
        return duckdb.connect(str(self.path), config=self.config, **options)

    @property
    def label(self) -> str:
        """See Place."""
        return f"the DuckDB file {self.path}"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See Place."""
        return {"duckdb_file": dg.MetadataValue.path(str(self.path))}

    @property
    def beside(self) -> str:
        """See Place."""
        return str(self.path.parent)

    @property
    def takes_turns(self) -> bool:
        """See Place."""
        return True

    def destination(self, staging: str, folder: Path) -> Destination[Any, Any]:
        """See Place."""
        credentials = self.credentials
        credentials.global_config = self.config | {**FOR_MERGES}
        return dlt.destinations.duckdb(
            credentials,
            staging_dataset_name_layout=staging,
            # dlt does not merge in a transaction by itself, and a run that is killed would leave a
            # table without the rows that it replaces.
            supports_transactions=True,
        )

    @contextmanager
    def locked(self, timeout: float | None = None) -> Iterator[None]:
        """Hold the lock that keeps other loads out, inside a ``with`` block.

        The lock is on a file next to the DuckDB file. Files created inside the block are accessible
        to their owner only; the permissions of existing files do not change.

        Args:
            timeout: maximum seconds to wait for the lock. Default: ``lock_timeout``.

        Raises:
            dg.Failure: another run holds the lock, or the path is a folder or cannot be written.
        """
        path = self.path
        if path.is_dir() or not path.parent.is_dir():
            raise failure_of(path, "it is a folder, or its folder does not exist")
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        wait = self.lock_timeout if timeout is None else timeout
        try:
            try:
                lock.acquire(timeout=min(SILENCE, wait))
            except Timeout:
                if wait <= SILENCE:
                    raise
                _log_waiting(f"Another run is loading tickets into {path}", wait, "it has ended")
                lock.acquire(timeout=wait - SILENCE)
        except Timeout:
            raise setting_failure(
                f"Another run is loading tickets into {path}: run again when it has ended. To "
                "queue such runs, limit the pool of these assets in this Dagster instance: "
                f"dagster instance concurrency set duckdb 1. {UNCHANGED}"
            ) from None
        except OSError as error:
            raise failure_of(path, str(error.strerror)) from None
        try:
            with private_files():
                yield
        finally:
            lock.release()

    @contextmanager
    def held_open(self, connect: Callable[[], Any]) -> Iterator[Any]:
        """Hold the file open inside a ``with`` block, waiting until other processes close it.

        Args:
            connect: opens the file and returns a context manager. dlt's and DuckDB's have no common
                type.

        Raises:
            Exception: raised by ``connect`` if the file is still in use after ``lock_timeout``
                seconds, or cannot be opened at all.
        """
        began, is_said = time.monotonic(), False
        with ExitStack() as connections:
            while True:
                try:
                    connection = connections.enter_context(connect())
                    break
                except Exception as error:
                    held = [
                        str(cause)
                        for cause in chain(error)
                        if isinstance(cause, duckdb.IOException) and "lock" in str(cause)
                    ]
                    waited = time.monotonic() - began
                    if not held or waited > self.lock_timeout:
                        raise
                    if waited > SILENCE and not is_said:
                        is_said = True
                        reason = f"The DuckDB file {self.path} {in_use(held[-1])}"
                        _log_waiting(reason, self.lock_timeout, "it is closed there")
                    time.sleep(0.2)
            yield connection

    @contextmanager
    def loading(self, table: Table, *, is_window: bool = False) -> Iterator[None]:
        """See Place. One load at a time uses the file, whatever it loads."""
        with self.locked(), self.explained():
            yield

    @contextmanager
    def opened(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """See Place."""
        with self.held_open(self.connect) as connection:
            yield connection

    @contextmanager
    def reader(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """See Place. Waits up to ``lock_timeout`` seconds until other processes stop writing."""
        there = partial(self.connect, read_only=True)
        nowhere = partial(duckdb.connect, config=self.config)
        with ExitStack() as opened:
            with self.explained():
                connection = opened.enter_context(
                    self.held_open(there if self.path.exists() else nowhere)
                )
            use_dataset(connection, dataset)
            yield connection

    @contextmanager
    def writer(self, dataset: str) -> Iterator[DuckDBPyConnection]:
        """See Place."""
        with self.locked(), self.explained(), self.held_open(self.connect) as connection:
            use_dataset(connection, dataset)
            yield connection

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """See Place. It is next to the file because it contains tickets, too."""
        for sign in UNFIT.findall(str(self.path.parent)):
            raise failure_of(self.path, f"dlt does not support {sign} in the path of a folder")
        with working_folder(self.path.parent, self._working_name) as folder:
            yield folder

    def is_alive(self, run: str) -> bool:
        """See Place."""
        return run in runs_alive(self.path.parent, self._working_name)

    @property
    def _working_name(self) -> str:
        return f".{UNFIT.sub('_', self.path.name)}-run"

    def attend(self, pipeline: dlt.Pipeline, turn: Turn) -> None:
        """See Place. The pipeline waits for others to close the file each time it opens it.

        The file is held open while dlt looks for its state, and from the first job of a load to the
        last: dlt opens it for each of them, and DuckDB rewrites the file when the last connection
        is closed. While the API is read, it is closed.
        """
        connect = pipeline.sql_client

        def waiting(*args: Any, **options: Any) -> AbstractContextManager[Any]:
            return self.held_open(partial(connect, *args, **options))

        def held_open(method: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(method)
            def held(*args: Any, **options: Any) -> Any:
                with waiting():
                    return method(*args, **options)

            return held

        # A run looks for its state by a method that dlt keeps to itself; the public one, called
        # before, would leave the run to do so once more.
        held = {name: held_open(getattr(pipeline, name)) for name in ("load", "_sync_destination")}
        vars(pipeline).update(held, sql_client=waiting)

    @contextmanager
    def settling(self, dataset: str, turn: Turn) -> Iterator[DuckDBPyConnection]:
        """See Place. A load has the file for itself."""
        with self.held_open(self.connect) as connection:
            # As in dlt's own connections, for times without a zone that are converted.
            connection.execute("set timezone = 'UTC'")
            yield connection

    def retried(self, work: Callable[[], R]) -> R:
        """See Place. There are no other transactions."""
        return work()

    def maintain(self, keep: timedelta) -> Mapping[str, Any]:
        """See Place. A file keeps no earlier states."""
        # Imported here, because it imports this module.
        from helpdesk_assets.warehouse.maintenance import maintain_file

        return maintain_file(self)

    def explained(self) -> AbstractContextManager[None]:
        """Convert errors of DuckDB about its file to a dg.Failure with a remedy."""
        return explained(self.path)


def _log_waiting(why: str, seconds: float, until: str) -> None:
    """Log the reason why the run is waiting."""
    dg.get_dagster_logger().info(f"{why}: waiting up to {seconds:g} s until {until}.")


def use_dataset(connection: DuckDBPyConnection, dataset: str) -> None:
    """Set a dataset as the default schema, if it exists."""
    with suppress(duckdb.CatalogException):
        connection.execute(f"set schema = '{dataset}'")
