"""The DuckDB file: who may open it when, and the error message when it cannot be opened."""

import glob
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import duckdb
from filelock import FileLock, Timeout

from helpdesk_assets.errors import UNCHANGED, chain, setting_failure
from helpdesk_assets.tables.schema import Table

SET_CREDENTIALS = (
    "set DESTINATION__DUCKDB__CREDENTIALS, or credentials under [destination.duckdb] in "
    ".dlt/secrets.toml, to the path of a file, such as /var/lib/help_desk/tickets.duckdb."
)

# Characters that dlt's path templates or its SQL interpret in the path of a load's files.
UNFIT = re.compile(r"[%']")
# Umask for new files: only their owner has access.
PRIVATE = 0o077
# The lock file in a run's working folder. The run holds it until its process ends.
ALIVE = "alive.lock"
# Seconds that a run waits for the file before it logs that it is waiting.
SILENCE = 2.0


@dataclass(frozen=True)
class DuckDbFile:
    """A DuckDB file, which may not exist yet.

    Attributes:
        path: its absolute path.
        lock_timeout: maximum seconds to wait for another process to release it.
        memory_limit: the memory limit in DuckDB's syntax, such as 2GB; None: DuckDB's default.
    """

    path: Path
    lock_timeout: float
    memory_limit: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of DuckDB connections, which never download extensions on their own."""
        limit = {"memory_limit": self.memory_limit} if self.memory_limit else {}
        return {"autoinstall_known_extensions": "false", **limit}

    def connect(self, **options: Any) -> duckdb.DuckDBPyConnection:
        """Open a connection to the file."""
        return duckdb.connect(str(self.path), config=self.config, **options)

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
            raise self._failure("it is a folder, or its folder does not exist")
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
            raise self._failure(str(error.strerror)) from None
        mask = os.umask(PRIVATE)
        try:
            yield
        finally:
            os.umask(mask)
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
                        in_use = f"The DuckDB file {self.path} {_in_use(held[-1])}"
                        _log_waiting(in_use, self.lock_timeout, "it is closed there")
                    time.sleep(0.2)
            yield connection

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for reading, waiting until other processes stop writing to it.

        A file that does not exist yet is read as an empty database.

        Raises:
            dg.Failure: the file cannot be opened, or is still being written to after
                ``lock_timeout`` seconds.
        """
        there = partial(self.connect, read_only=True)
        nowhere = partial(duckdb.connect, config=self.config)
        with ExitStack() as opened:
            with self.explained():
                connection = opened.enter_context(
                    self.held_open(there if self.path.exists() else nowhere)
                )
            yield connection

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """Create a temporary folder next to the DuckDB file, inside a ``with`` block.

        It is next to the file because it contains tickets, too, and needs the same protection.
        Folders left behind by killed runs are removed first.
        """
        for left in self._working_folders():
            if not _is_alive(left):
                shutil.rmtree(left, ignore_errors=True)
        for sign in UNFIT.findall(str(self.path.parent)):
            raise self._failure(f"dlt does not support {sign} in the path of a folder")
        folder = self.path.with_name(f"{self._working_name}{uuid4().hex[:12]}")
        folder.mkdir(mode=0o700)
        try:
            with FileLock(folder / ALIVE):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def runs_alive(self) -> set[str]:
        """Return the suffixes of the working folders whose runs are alive."""
        return {
            folder.name.rpartition("-")[2]
            for folder in self._working_folders()
            if _is_alive(folder)
        }

    @property
    def _working_name(self) -> str:
        return f".{UNFIT.sub('_', self.path.name)}-run-"

    def _working_folders(self) -> list[Path]:
        pattern = f"{glob.escape(self._working_name)}*"
        return [path for path in self.path.parent.glob(pattern) if path.is_dir()]

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Convert errors of DuckDB about its file to a dg.Failure with a remedy."""
        try:
            yield
        except Exception as error:
            causes = [
                cause
                for cause in chain(error)
                if isinstance(cause, (duckdb.IOException, duckdb.OutOfMemoryException))
                or (isinstance(cause, OSError) and cause.errno == ENOSPC)
            ]
            if not causes:
                raise
            raise self._failure(str(causes[-1])) from None

    def _failure(self, reason: str) -> dg.Failure:
        path = self.path
        if os.strerror(ENOSPC) in reason:
            return setting_failure(
                f"The disk that {path} is on is full: free disk space and run again. {UNCHANGED}"
            )
        if "Out of Memory" in reason:
            return setting_failure(
                f"DuckDB ran out of the memory that is allowed for loading tickets into {path}: "
                f"set DESTINATION__DUCKDB__MEMORY_LIMIT to more. {UNCHANGED}"
            )
        if "lock" in reason:
            return setting_failure(
                f"The DuckDB file {path} {_in_use(reason)}: close it there and run again, or give "
                f"this load a file of its own in DESTINATION__DUCKDB__CREDENTIALS. {UNCHANGED}"
            )
        return setting_failure(
            f"The DuckDB file {path} cannot be opened "
            f"({reason.removeprefix('IO Error: ')}): {SET_CREDENTIALS}"
        )


def _in_use(reason: str) -> str:
    """Return that the file is in use, and by which process if DuckDB reports it."""
    holder = reason.partition("is held in ")[2].partition(". ")[0]
    return f"is in use by another process{f', {holder}' if holder else ''}"


def _log_waiting(why: str, seconds: float, until: str) -> None:
    """Log the reason why the run is waiting."""
    dg.get_dagster_logger().info(f"{why}: waiting up to {seconds:g} s until {until}.")


def _is_alive(folder: Path) -> bool:
    """Return whether the run of a working folder is alive, that is, holds the lock in it."""
    try:
        with FileLock(folder / ALIVE).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        # The run has just ended, and its folder is being removed.
        return False


def use_dataset(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    """Set a dataset as the default schema, if it exists."""
    there = connection.execute(
        "select count(*) from information_schema.schemata"
        " where catalog_name = current_database() and schema_name = ?",
        [dataset],
    ).fetchall()
    if there != [(0,)]:
        connection.execute(f"set schema = '{dataset}'")


def stored_columns(
    connection: duckdb.DuckDBPyConnection, table: Table
) -> list[tuple[str, str, bool]]:
    """Return name, DuckDB type and nullability of each column that the table has in the file.

    In the order of the table; empty if the table does not exist.
    """
    return connection.execute(
        "select column_name, data_type, is_nullable = 'YES' from information_schema.columns"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?"
        " order by ordinal_position",
        [table.dataset, table.name],
    ).fetchall()
