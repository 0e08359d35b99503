"""Where the tickets go: a DuckDB file, which one load at a time may write."""

import glob
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from os import strerror
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.exceptions import DltException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from filelock import FileLock, Timeout
from pydantic import Field

from helpdesk_assets.client.failures import UNCHANGED, setting_failure
from helpdesk_assets.client.redaction import chain
from helpdesk_assets.schema import DATASET, TABLE

# What reads or writes the DuckDB file takes turns in this pool of Dagster's; the instance's
# dagster.yaml limits it to one at a time.
POOL = "duckdb"

DEFAULT_LOCK_TIMEOUT = 10.0
SET_CREDENTIALS = (
    "set DESTINATION__DUCKDB__CREDENTIALS, or credentials under [destination.duckdb] in "
    ".dlt/secrets.toml, to the path of a file, such as /var/lib/help_desk/tickets.duckdb."
)


def stored_columns(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, bool]]:
    """Return name, DuckDB type and nullability of each column that the tickets table now has.

    They come in the table's order. There are none when there is no table.
    """
    return connection.execute(
        "select column_name, data_type, is_nullable = 'YES' from information_schema.columns "
        "where table_schema = ? and table_name = ? order by ordinal_position",
        [DATASET, TABLE],
    ).fetchall()


def _runs_in_pool(instance: dg.DagsterInstance) -> set[str]:
    """Return the ids of the runs that hold a place in the pool."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return set()
    return {claim.run_id for claim in storage.get_concurrency_info(POOL).claimed_slots}


def life_of(instance: dg.DagsterInstance, run_id: str) -> FileLock:
    """Return the lock that a run holds while it lives, among what the instance keeps of runs."""
    folder = Path(instance.storage_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{run_id}.alive")


def _is_dead(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Tell whether a run has died without ending; a run of another machine is left to itself."""
    life = life_of(instance, run_id)
    path = Path(life.lock_file)
    if not path.exists():
        return False
    try:
        with life.acquire(timeout=0):
            path.unlink(missing_ok=True)
    except Timeout:
        return False
    return True


class HelpDeskWarehouse(dg.ConfigurableResource[Any]):
    """The DuckDB file that tickets are loaded into, in the dataset (schema) help_desk."""

    credentials: str | None = Field(
        default=None,
        description=(
            "Path or duckdb:/// URL of the DuckDB file. When left out: "
            "DESTINATION__DUCKDB__CREDENTIALS, or credentials under [destination.duckdb] in "
            ".dlt/secrets.toml."
        ),
    )
    lock_timeout: float | None = Field(
        default=None,
        description=(
            "Seconds to wait for another process to let go of the file before the run fails. When "
            "left out: DESTINATION__DUCKDB__LOCK_TIMEOUT, or lock_timeout under "
            f"[destination.duckdb] in .dlt/config.toml, or {DEFAULT_LOCK_TIMEOUT:g}."
        ),
    )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HelpDeskWarehouse"]:
        """Give back the places in the pool of runs that were killed, which nobody else would.

        While a run lives it holds a lock, which the operating system takes from it when it dies:
        so whoever comes next can tell a dead run from one that is slow.
        """
        instance, run = context.instance, context.run
        if instance is None or run is None:
            yield self
            return
        for run_id in _runs_in_pool(instance):
            if _is_dead(instance, run_id):
                instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        life = life_of(instance, run.run_id)
        with suppress(Timeout):
            life.acquire(timeout=0)
        try:
            yield self
        finally:
            if life.is_locked:
                life.release()
                Path(life.lock_file).unlink(missing_ok=True)

    def path(self) -> Path:
        """Return the DuckDB file's path. Raises dg.Failure when it is missing or no file's."""
        return Path(self._resolved().database).absolute()

    @contextmanager
    def pipeline(self) -> Iterator[dlt.Pipeline]:
        """Make the pipeline for one run, with a working folder that is gone afterwards.

        Its state is in the destination. Raises dg.Failure, before anything is asked of the API,
        when the DuckDB file cannot be written, or is still in use after ``lock_timeout`` seconds.
        """
        credentials, path = self._resolved(), self.path()
        with self._lock(self._lock_timeout()), self._explained():
            self._wait_until_writable(path)
            with _working_folder(path) as folder:
                pipeline = dlt.pipeline(
                    pipeline_name="help_desk",
                    pipelines_dir=folder,
                    destination=dlt.destinations.duckdb(credentials),
                    dataset_name=DATASET,
                )
                try:
                    yield pipeline
                finally:
                    pipeline.deactivate()

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the DuckDB file to read; one that is not there yet is read as an empty one.

        Raises dg.Failure when it cannot be opened.
        """
        path = self.path()
        with self._explained():
            connection = (
                duckdb.connect(str(path), read_only=True) if path.exists() else duckdb.connect()
            )
        with connection:
            yield connection

    def _resolved(self) -> DuckDbCredentials:
        missing = setting_failure(
            f"There is no DuckDB file to load tickets into: {SET_CREDENTIALS}"
        )
        value = self.credentials or dlt.secrets.get("destination.duckdb.credentials")
        if not value:
            raise missing
        try:
            credentials = resolve_configuration(DuckDbCredentials(), explicit_value=value)
        except DltException:
            raise missing from None
        # dlt's name for a file in the pipeline's working folder, which ends with the run.
        if credentials.database == ":pipeline:":
            raise missing
        # DuckDB calls a database by its file's name, and then takes help_desk.help_desk_tickets
        # for a table of the database of that name.
        name = Path(credentials.database).name.lstrip(".").partition(".")[0]
        if name.lower() in (DATASET, f"{DATASET}_staging"):
            raise setting_failure(
                f"A DuckDB file called {name} cannot hold the dataset {DATASET}, for DuckDB would "
                f"mistake one for the other: {SET_CREDENTIALS}"
            )
        return credentials

    def _lock_timeout(self) -> float:
        if self.lock_timeout is not None:
            return self.lock_timeout
        timeout = dlt.config.get("destination.duckdb.lock_timeout", float)
        return DEFAULT_LOCK_TIMEOUT if timeout is None else timeout

    @contextmanager
    def _lock(self, timeout: float) -> Iterator[None]:
        """Keep other loads from the DuckDB file, by a lock on a file beside it."""
        path = self.path()
        if path.is_dir() or not path.parent.is_dir():
            raise self._file_failure("it is a folder, or its folder is not there")
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=timeout)
        except Timeout:
            raise setting_failure(
                f"Another run is loading tickets into {path}: run again when it has ended. "
                f"{UNCHANGED}"
            ) from None
        except OSError as error:
            raise self._file_failure(str(error.strerror)) from None
        try:
            yield
        finally:
            lock.release()

    def _wait_until_writable(self, path: Path) -> None:
        """Open the file once to write, as soon as whoever reads it has closed it."""
        deadline = time.monotonic() + self._lock_timeout()
        while True:
            try:
                duckdb.connect(str(path)).close()
                return
            except duckdb.IOException as error:
                if "lock" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what DuckDB says of its file into a dg.Failure with what to do about it."""
        try:
            yield
        except Exception as error:
            causes = [
                cause
                for cause in chain(error)
                if isinstance(cause, duckdb.IOException)
                or (isinstance(cause, OSError) and cause.errno == ENOSPC)
            ]
            if not causes:
                raise
            raise self._file_failure(str(causes[-1])) from None

    def _file_failure(self, reason: str) -> dg.Failure:
        path = self.path()
        if strerror(ENOSPC) in reason:
            return setting_failure(
                f"The disk that {path} is on is full: make room there and run again. {UNCHANGED}"
            )
        if "lock" in reason:
            holder = reason.partition("is held in ")[2].partition(". ")[0]
            return setting_failure(
                f"The DuckDB file {path} is in use by another process"
                + (f", {holder}: " if holder else ": ")
                + "close it there and run again, or give this load a file of its own in "
                f"DESTINATION__DUCKDB__CREDENTIALS. {UNCHANGED}"
            )
        return setting_failure(
            f"The DuckDB file {path} cannot be opened "
            f"({reason.removeprefix('IO Error: ')}): {SET_CREDENTIALS}"
        )


@contextmanager
def _working_folder(path: Path) -> Iterator[str]:
    """Make a folder beside the DuckDB file for the while, where its tickets are kept as safely.

    What a killed run left behind is removed first; the lock on the file says that it is dead.
    """
    prefix = f".{path.name}-run-"
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
        yield folder
