"""The resource for the DuckDB file that tickets are loaded into, by one load at a time."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.exceptions import DltException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from pydantic import Field

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.settings import settings_explained
from helpdesk_assets.tables.schema import DATASET, Table
from helpdesk_assets.warehouse.file import SET_CREDENTIALS, DuckDbFile, use_dataset
from helpdesk_assets.warehouse.lost import forget_what_is_lost
from helpdesk_assets.warehouse.maintenance import maintain_file
from helpdesk_assets.warehouse.memory import default_limit
from helpdesk_assets.warehouse.pool import alive, runs_ahead
from helpdesk_assets.warehouse.snapshot import at_rest, snapshot_path
from helpdesk_assets.warehouse.staging import drop_left_staging, staging_of
from helpdesk_assets.warehouse.watermark import Stored, stored

# What an hourly schedule can afford.
DEFAULT_LOCK_TIMEOUT = 300.0
DEFAULT_KEEP_SNAPSHOTS = 7.0
MOST_DAYS = 36_500
# Of more than one letter, as one is a drive of Windows.
SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):", re.I)


class HelpDeskWarehouse(dg.ConfigurableResource[Any]):
    """The DuckDB file that tickets are loaded into. Each help desk has a dataset of its own."""

    credentials: str | None = Field(
        default=None,
        description=(
            "Path or duckdb:/// URL of the DuckDB file. Environment: "
            "DESTINATION__DUCKDB__CREDENTIALS. File: credentials under [destination.duckdb] in "
            ".dlt/secrets.toml."
        ),
    )
    lock_timeout: float | None = Field(
        default=None,
        description=(
            "Seconds to wait for another process to close the file before the run fails. "
            f"Default: {DEFAULT_LOCK_TIMEOUT:g}. Environment: DESTINATION__DUCKDB__LOCK_TIMEOUT. "
            "File: lock_timeout under [destination.duckdb] in .dlt/config.toml."
        ),
    )
    memory_limit: str | None = Field(
        default=None,
        description=(
            "The maximum amount of memory that DuckDB uses for a load, such as 2GB. Beyond it, "
            "DuckDB uses the disk beside the file. Default: 500MB, or 50 bytes for each row of a "
            "larger table, but at most half of the machine's memory. Environment: "
            "DESTINATION__DUCKDB__MEMORY_LIMIT. File: memory_limit under [destination.duckdb] in "
            ".dlt/config.toml."
        ),
    )
    snapshot: str | None = Field(
        default=None,
        description=(
            "Path of a copy of the DuckDB file for readers, which is replaced after each sync "
            "whose blocking checks have passed. Default: no copy. Environment: "
            "DESTINATION__DUCKDB__SNAPSHOT. File: snapshot under [destination.duckdb] in "
            ".dlt/config.toml."
        ),
    )
    keep_snapshots: float | None = Field(
        default=None,
        description=(
            "Days for which DuckLake keeps earlier states of the tables; help_desk_maintenance "
            f"removes older ones. Default: {DEFAULT_KEEP_SNAPSHOTS:g}. Environment: "
            "DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS. File: keep_snapshots under "
            "[destination.ducklake] in .dlt/config.toml."
        ),
    )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HelpDeskWarehouse"]:
        """Take part in the pool that limits the DuckDB file to one run at a time."""
        if context.instance and context.run:
            with alive(context.instance, context.run.run_id):
                others = runs_ahead(context.instance, context.run.run_id)
                if others and context.log:
                    context.log.info(
                        f"Run {' and '.join(others)} of this Dagster instance is loading, too: "
                        "steps of this run wait for their turn where they share a pool with it."
                    )
                yield self
        else:
            yield self

    def path(self, dataset: str = DATASET) -> Path:
        """Return the DuckDB file's path. Raises dg.Failure if it is missing or not a file."""
        return Path(self._resolved(dataset).database).absolute()

    @contextmanager
    def pipeline(self, table: Table | None = None) -> Iterator[tuple[dlt.Pipeline, Stored]]:
        """Make the pipeline for one run into a table, with a working folder for the while.

        With it comes the table as it is before the load.

        It is called as its source is, and so is what dlt keeps of it in the dataset. Its state is
        in the destination.

        Raises dg.Failure, before anything is asked of the API, when the DuckDB file cannot be
        written, or is still in use after ``lock_timeout`` seconds.
        """
        table = table or Table()
        file = self._file(table.dataset)
        credentials = self._resolved(table.dataset)
        with file.locked(), file.explained():
            # So that nothing is asked of the API in vain.
            with file.held_open(file.connect) as connection:
                forget_what_is_lost(connection, table)
                drop_left_staging(connection, table, file.runs_alive())
                found = stored(connection, table)
            file = self._file(table.dataset, found.row_count)
            credentials.global_config = file.config
            with file.working_folder() as folder:
                run = folder.name.rpartition("-")[2]
                pipeline = dlt.pipeline(
                    pipeline_name=table.source,
                    pipelines_dir=str(folder),
                    destination=dlt.destinations.duckdb(
                        credentials, staging_dataset_name_layout=staging_of(table.dataset, run)
                    ),
                    dataset_name=table.dataset,
                )
                _wait_for_others(pipeline, file)
                try:
                    yield pipeline, found
                finally:
                    pipeline.deactivate()

    @contextmanager
    def reader(self, dataset: str = DATASET) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the DuckDB file to read, with a dataset in use.

        A file that is not there yet is read as an empty one. Raises dg.Failure when it cannot be
        opened.
        """
        with self._file(dataset).reader() as connection:
            use_dataset(connection, dataset)
            yield connection

    @contextmanager
    def writer(self, dataset: str = DATASET) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the DuckDB file to write, as the only one who does, with a dataset in use.

        Raises dg.Failure when it cannot be opened, or is in use after ``lock_timeout`` seconds.
        """
        file = self._file(dataset)
        with (
            file.locked(),
            file.explained(),
            file.held_open(file.connect) as connection,
        ):
            use_dataset(connection, dataset)
            yield connection

    @settings_explained()
    def snapshot_path(self, dataset: str = DATASET) -> Path | None:
        """Return the path of the copy for readers; None if there is to be none.

        Raises dg.Failure if it cannot be there.
        """
        value = self.snapshot or dlt.config.get("destination.duckdb.snapshot", str) or ""
        return snapshot_path(value, self.path(dataset), dataset) if value.strip() else None

    @contextmanager
    def at_rest(self, dataset: str = DATASET) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the DuckDB file to read, with a dataset in use, while no process writes to it.

        Raises dg.Failure when it cannot be opened, or is in use after ``lock_timeout`` seconds.
        """
        with at_rest(self._file(dataset)) as connection:
            use_dataset(connection, dataset)
            yield connection

    @settings_explained()
    def maintain(self, dataset: str = DATASET) -> Mapping[str, Any]:
        """Do what the warehouse needs from time to time, and return metadata.

        Raises dg.Failure when it cannot be opened, or is in use after ``lock_timeout`` seconds.
        """
        return maintain_file(self._file(dataset))

    @settings_explained()
    def keep(self) -> timedelta:
        """Return for how long earlier states of the tables are kept, where they are."""
        days = self.keep_snapshots
        if days is None:
            days = dlt.config.get("destination.ducklake.keep_snapshots", float)
        days = DEFAULT_KEEP_SNAPSHOTS if days is None else days
        if not 0 <= days < MOST_DAYS:
            raise setting_failure(
                "The setting destination.ducklake.keep_snapshots is not a number of days: set "
                "DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS to 0 or more."
            )
        return timedelta(days=days)

    @settings_explained()
    def _file(self, dataset: str, rows: int = 0) -> DuckDbFile:
        timeout = self.lock_timeout
        if timeout is None:
            timeout = dlt.config.get("destination.duckdb.lock_timeout", float)
        return DuckDbFile(
            self.path(dataset),
            DEFAULT_LOCK_TIMEOUT if timeout is None else timeout,
            self._memory_limit(rows),
        )

    @settings_explained()
    def _memory_limit(self, rows: int) -> str:
        limit = self.memory_limit or dlt.config.get("destination.duckdb.memory_limit", str)
        if not limit:
            return default_limit(rows)
        try:
            duckdb.connect(config={"memory_limit": limit}).close()
        except duckdb.Error:
            raise setting_failure(
                f"{limit!r} is not an amount of memory that DuckDB accepts: set "
                f"DESTINATION__DUCKDB__MEMORY_LIMIT to an amount such as 2GB."
            ) from None
        return limit

    @settings_explained()
    def _resolved(self, dataset: str) -> DuckDbCredentials:
        missing = setting_failure(
            f"There is no DuckDB file to load tickets into: {SET_CREDENTIALS}"
        )
        value = self.credentials or dlt.secrets.get("destination.duckdb.credentials")
        if isinstance(value, str):
            value = value.strip()
            _refuse_what_is_no_file(value)
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
        if name.lower() in (dataset, f"{dataset}_staging"):
            raise setting_failure(
                f"A DuckDB file called {name} cannot hold the dataset {dataset}, because DuckDB "
                f"cannot tell the two names apart: {SET_CREDENTIALS}"
            )
        return credentials


def _refuse_what_is_no_file(credentials: str) -> None:
    """Raise dg.Failure for an address of another database, which DuckDB takes for a file's name.

    What comes after its scheme is not shown, as it may hold a secret.
    """
    scheme = SCHEME.match(credentials)
    if credentials == ":memory:" or (scheme and scheme[1].lower() != "duckdb"):
        kind = scheme[1] if scheme else credentials
        raise setting_failure(
            f"Tickets are loaded into a DuckDB file, and {kind!r} is not one: {SET_CREDENTIALS}"
        )


def _wait_for_others(pipeline: dlt.Pipeline, file: DuckDbFile) -> None:
    """Let the pipeline wait for others to close the file, each time before it opens it.

    It is held open while dlt looks for its state, and from the first job of a load to the last:
    dlt opens it for each of them, and DuckDB rewrites the file when the last connection is closed.
    While the API is read, it is closed.
    """
    connect = pipeline.sql_client

    def waiting(*args: Any, **options: Any) -> AbstractContextManager[Any]:
        return file.held_open(partial(connect, *args, **options))

    def held_open(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def held(*args: Any, **options: Any) -> Any:
            with waiting():
                return method(*args, **options)

        return held

    # A run looks for its state by a method that dlt keeps to itself; the public one, called before,
    # would leave the run to do so once more.
    held = {name: held_open(getattr(pipeline, name)) for name in ("load", "_sync_destination")}
    vars(pipeline).update(held, sql_client=waiting)
