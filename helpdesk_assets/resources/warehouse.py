"""The resource for the place that tickets are loaded into, as dlt's settings name it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb
from pydantic import Field, PrivateAttr

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.settings import settings_explained
from helpdesk_assets.tables.schema import DATASET, Table
from helpdesk_assets.warehouse.choice import DUCKDB, DUCKLAKE, MOTHERDUCK, chosen
from helpdesk_assets.warehouse.file import DuckDbFile, use_dataset
from helpdesk_assets.warehouse.file_credentials import file_credentials
from helpdesk_assets.warehouse.lost import forget_what_is_lost
from helpdesk_assets.warehouse.memory import default_limit
from helpdesk_assets.warehouse.place import Place
from helpdesk_assets.warehouse.pool import alive
from helpdesk_assets.warehouse.snapshot import at_rest, snapshot_path
from helpdesk_assets.warehouse.staging import drop_left_staging
from helpdesk_assets.warehouse.table_load import TableLoad
from helpdesk_assets.warehouse.watermark import stored

# What an hourly schedule can afford.
DEFAULT_LOCK_TIMEOUT = 300.0
DEFAULT_KEEP_SNAPSHOTS = 7.0
MOST_DAYS = 36_500


class HelpDeskWarehouse(dg.ConfigurableResource[Any]):
    """The place that tickets are loaded into. Each help desk has a dataset of its own.

    It is dlt's destination: a DuckDB file, DuckLake, or MotherDuck.
    """

    credentials: str | None = Field(
        default=None,
        description=(
            "Path or duckdb:/// URL of the DuckDB file, or the address of a MotherDuck database, "
            "such as md:tickets. Environment: DESTINATION__DUCKDB__CREDENTIALS. File: credentials "
            "under [destination.duckdb] in .dlt/secrets.toml."
        ),
    )
    lock_timeout: float | None = Field(
        default=None,
        description=(
            "Seconds to wait for other runs, or for another process to close the file, before the "
            "run fails. "
            f"Default: {DEFAULT_LOCK_TIMEOUT:g}. Environment: DESTINATION__DUCKDB__LOCK_TIMEOUT. "
            "File: lock_timeout under [destination.duckdb] in .dlt/config.toml."
        ),
    )
    memory_limit: str | None = Field(
        default=None,
        description=(
            "The maximum amount of memory that DuckDB uses for a load, such as 2GB. Beyond it, "
            "DuckDB uses the disk beside the file. Default: 400MB, or 40 bytes for each row of a "
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

    # Looked up once, because each step of a run uses the place several times.
    _places: dict[tuple[str, int], Place] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HelpDeskWarehouse"]:
        """Take part in the pool that limits a DuckDB file to one run at a time."""
        if context.instance and context.run:
            with alive(context.instance, context.run.run_id) as others:
                if others and context.log:
                    context.log.info(
                        f"Run {' and '.join(others)} of this Dagster instance is loading, too: "
                        "steps of this run wait for their turn where they share a pool with it."
                    )
                yield self
        else:
            yield self

    def place(self, dataset: str = DATASET, rows: int = 0) -> Place:
        """Return the place that dlt's settings name.

        Args:
            dataset: the dataset of the help desk.
            rows: the number of rows in the table that is loaded, for its memory limit.

        Raises:
            dg.Failure: a setting is missing or invalid.
        """
        if (dataset, rows) not in self._places:
            self._places[dataset, rows] = self._resolved(dataset, rows)
        return self._places[dataset, rows]

    def _resolved(self, dataset: str, rows: int) -> Place:
        """Look up the settings of a place; see place."""
        kind, section = self._chosen(dataset)
        timeout, memory_limit = self._lock_timeout(section), self._memory_limit(section, rows)
        # Imported when they are used, because most users load into a file.
        if kind == DUCKLAKE:
            from helpdesk_assets.warehouse.lake import DuckLake, lake_credentials

            return DuckLake(
                credentials=lake_credentials(section, dataset),
                lock_timeout=timeout,
                memory_limit=memory_limit,
                section=section,
            )
        if kind == MOTHERDUCK:
            from helpdesk_assets.warehouse.motherduck import MotherDuck, motherduck_credentials

            return MotherDuck(
                credentials=motherduck_credentials(section, dataset, self.credentials),
                lock_timeout=timeout,
                memory_limit=memory_limit,
                section=section,
            )
        value = self.credentials or dlt.secrets.get(f"destination.{section}.credentials")
        return DuckDbFile(file_credentials(value, dataset), timeout, memory_limit)

    @contextmanager
    def loading(
        self, table: Table | None = None, *, is_window: bool = False
    ) -> Iterator[TableLoad]:
        """Load a table inside a ``with`` block, in a working folder that is deleted at its end.

        Args:
            table: the table. Default: the tickets.
            is_window: whether only a date range is loaded.

        Raises:
            dg.Failure: before anything is asked of the API, when the warehouse cannot be written
                to, or is still in use after ``lock_timeout`` seconds.
        """
        table = table or Table()
        place = self.place(table.dataset)
        with place.loading(table, is_window=is_window):
            # So that nothing is asked of the API in vain.
            with place.opened(table.dataset) as connection:
                forget_what_is_lost(connection, table)
                drop_left_staging(connection, table, place.is_alive)
                found = stored(connection, table)
            place = self.place(table.dataset, found.row_count)
            with place.working_folder() as folder, ExitStack() as held:
                yield TableLoad(place, table, found, folder, held)

    @contextmanager
    def reader(self, dataset: str = DATASET) -> Iterator[DuckDBPyConnection]:
        """Open a connection to read, with a dataset in use.

        A warehouse that is not there yet is read as an empty one. Raises dg.Failure when it cannot
        be opened.
        """
        with self.place(dataset).reader(dataset) as connection:
            yield connection

    @contextmanager
    def writer(self, dataset: str = DATASET) -> Iterator[DuckDBPyConnection]:
        """Open a connection to write, with a dataset in use, while no other run writes to it.

        Raises dg.Failure when it cannot be opened, or is in use after ``lock_timeout`` seconds.
        """
        with self.place(dataset).writer(dataset) as connection:
            yield connection

    @settings_explained()
    def snapshot_path(self, dataset: str = DATASET) -> Path | None:
        """Return the path of the copy for readers; None if there is to be none.

        Readers of other places than a DuckDB file need no copy.

        Raises dg.Failure if it cannot be there.
        """
        value = self.snapshot or dlt.config.get("destination.duckdb.snapshot", str) or ""
        place = self.place(dataset)
        if not value.strip() or not isinstance(place, DuckDbFile):
            return None
        return snapshot_path(value, place.path, dataset)

    @contextmanager
    def at_rest(self, dataset: str = DATASET) -> Iterator[DuckDBPyConnection]:
        """Open the DuckDB file to read, with a dataset in use, while no process writes to it.

        Raises dg.Failure when it cannot be opened, or is in use after ``lock_timeout`` seconds.
        """
        with at_rest(self._file(dataset)) as connection:
            use_dataset(connection, dataset)
            yield connection

    def path(self, dataset: str = DATASET) -> Path:
        """Return the DuckDB file's path. Raises dg.Failure if the place is not a DuckDB file."""
        return self._file(dataset).path

    def maintain(self, dataset: str = DATASET) -> Mapping[str, Any]:
        """Do what the warehouse needs from time to time, and return metadata.

        Raises dg.Failure when it cannot be opened, or is in use after ``lock_timeout`` seconds.
        """
        return self.place(dataset).maintain(self.keep())

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

    def _file(self, dataset: str) -> DuckDbFile:
        place = self.place(dataset)
        if not isinstance(place, DuckDbFile):
            raise setting_failure(
                f"Only a DuckDB file can be copied for readers, and tickets are loaded into "
                f"{place.label}: remove DESTINATION__DUCKDB__SNAPSHOT."
            )
        return place

    @settings_explained()
    def _chosen(self, dataset: str) -> tuple[str, str]:
        """Return the kind of place and the section of its settings."""
        if self.credentials:
            is_address = self.credentials.strip().lower().startswith("md:")
            kind = MOTHERDUCK if is_address else DUCKDB
            return kind, kind
        choice = chosen(dataset)
        return choice.kind, choice.section

    @settings_explained()
    def _lock_timeout(self, section: str) -> float:
        timeout = self.lock_timeout
        if timeout is None:
            timeout = dlt.config.get(f"destination.{section}.lock_timeout", float)
        return DEFAULT_LOCK_TIMEOUT if timeout is None else timeout

    @settings_explained()
    def _memory_limit(self, section: str, rows: int) -> str:
        limit = self.memory_limit or dlt.config.get(f"destination.{section}.memory_limit", str)
        if not limit:
            return default_limit(rows)
        try:
            duckdb.connect(config={"memory_limit": limit}).close()
        except duckdb.Error:
            raise setting_failure(
                f"{limit!r} is not an amount of memory that DuckDB accepts: set "
                f"DESTINATION__{section.upper()}__MEMORY_LIMIT to an amount such as 2GB."
            ) from None
        return limit
