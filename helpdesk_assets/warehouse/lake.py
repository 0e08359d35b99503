"""DuckLake: tables as Parquet files in a folder or an object store, with a catalog in a database.

See https://ducklake.select. The catalog is in PostgreSQL, which many machines can use at once, or
in a file of this machine.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import dlt
from dlt.common.destination.reference import Destination
from dlt.common.exceptions import DltException
from dlt.destinations.impl.ducklake.configuration import (
    DuckLakeClientConfiguration,
    DuckLakeCredentials,
)

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.shown import shown
from helpdesk_assets.warehouse.extensions import loadable
from helpdesk_assets.warehouse.locks import FileLocks, Locks, PostgresLocks
from helpdesk_assets.warehouse.memory import FOR_MERGES
from helpdesk_assets.warehouse.shared import SharedPlace

POSTGRES = ("postgres", "postgresql")
# Catalogs in a file, with the extension that each needs.
FILES: Mapping[str, Sequence[str]] = {"sqlite": ["sqlite_scanner"], "duckdb": []}
# What must be set, with an example: dlt's own defaults are files in the current folder.
REQUIRED = {
    "catalog": "postgresql://loader:PASSWORD@db.example.com/lake",
    "storage.bucket_url": "s3://bucket/help_desk or /var/lib/help_desk/files",
}
OTHERS = ("mysql", "md")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Catalogs that every DuckDB has.
RESERVED = ("memory", "system", "temp")
# The names of secrets among the credentials of an object store.
SECRET = re.compile(r"secret|password|token|key", re.I)
# The extensions for data files by the scheme of their address.
OF_STORES = {"s3": "httpfs", "https": "httpfs", "gs": "httpfs", "gcs": "httpfs", "az": "azure"}


@dataclass(frozen=True, kw_only=True)
class DuckLake(SharedPlace):
    """A lake.

    Attributes:
        credentials: dlt's, resolved, with absolute paths.
    """

    credentials: DuckLakeCredentials

    @property
    def label(self) -> str:
        """See Place."""
        return f"the DuckLake {self.credentials.ducklake_name} in {self._catalog}"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See Place."""
        return {
            "ducklake_name": self.credentials.ducklake_name,
            "ducklake_catalog": self._catalog,
            "ducklake_files": self._files,
        }

    @property
    def beside(self) -> str:
        """See Place. The folder of the folder with the data files."""
        if self.credentials.storage.is_local_filesystem:
            return str(Path(self._files).parent)
        parts = urlsplit(self._files)
        return urlunsplit(parts._replace(path=parts.path.rstrip("/").rpartition("/")[0]))

    @property
    def locks(self) -> Locks:
        """See SharedPlace."""
        if self._is_file:
            path = self._file
            return FileLocks(path.parent, f".{path.name}.", self.label)
        return self._postgres

    @property
    def secrets(self) -> Sequence[str]:
        """See SharedPlace."""
        storage = self.credentials.storage.credentials
        of_store = {**storage} if isinstance(storage, Mapping) else {}
        given = [value for name, value in of_store.items() if SECRET.search(name)]
        if not self._is_file:
            given += [self._url, self.credentials.catalog.password]
        return [str(value) for value in given if value]

    def exists(self) -> bool:
        """See SharedPlace."""
        if self._is_file:
            return self._file.exists()
        with closing(self._postgres.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select 1 from information_schema.tables"
                " where table_schema = %s and table_name = 'ducklake_metadata'",
                [self._schema],
            )
            return cursor.fetchone() is not None

    def reason(self, error: BaseException) -> str | None:
        """See SharedPlace."""
        is_of_catalog = type(error).__module__.partition(".")[0] == "psycopg2"
        return str(error) if is_of_catalog else super().reason(error)

    def destination(self, staging: str, folder: Path) -> Destination[Any, Any]:
        """See Place."""
        credentials = cast(DuckLakeCredentials, self.credentials.copy())
        store = OF_STORES.get(credentials.storage.protocol)
        of_catalog = FILES[self._driver] if self._is_file else ["postgres_scanner"]
        credentials.extensions = loadable(["ducklake", *of_catalog, *([store] if store else [])])
        credentials.global_config = self.config(folder) | {**FOR_MERGES}
        credentials.resolve()
        return dlt.destinations.ducklake(
            credentials,
            destination_name=self.section,
            staging_dataset_name_layout=staging,
            # dlt does not merge in a transaction by itself, and readers would see a table without
            # the rows that it replaces.
            supports_transactions=True,
        )

    def maintain_in(self, connection: DuckDBPyConnection, keep: str) -> Mapping[str, Any]:
        """See SharedPlace. Joins small files, and deletes those that no kept snapshot uses."""
        name = self.credentials.ducklake_name
        before = self._bytes(connection)
        connection.execute(f"call ducklake_merge_adjacent_files('{name}')")
        expired = connection.execute(
            f"call ducklake_expire_snapshots('{name}', older_than => now() - {keep})"
        ).fetchall()
        deleted = connection.execute(
            f"call ducklake_cleanup_old_files('{name}', cleanup_all => true)"
        ).fetchall()
        return {
            "bytes_before": before,
            "bytes_after": self._bytes(connection),
            "snapshots_expired": len(expired),
            "files_deleted": len(deleted),
        }

    def _bytes(self, connection: DuckDBPyConnection) -> int:
        """Return the size of all data files that the catalog knows, including old ones."""
        catalog = f"__ducklake_metadata_{self.credentials.ducklake_name}"
        schema = "main" if self._is_file else self._schema
        ((size,),) = connection.execute(
            "select coalesce(sum(file_size_bytes), 0)::bigint from ("
            f'select file_size_bytes from {catalog}."{schema}".ducklake_data_file union all'
            f' select file_size_bytes from {catalog}."{schema}".ducklake_delete_file)'
        ).fetchall()
        return int(size)

    @property
    def _driver(self) -> str:
        return str(self.credentials.catalog.drivername)

    @property
    def _is_file(self) -> bool:
        return self._driver in FILES

    @property
    def _file(self) -> Path:
        """The file of a catalog that is a file."""
        return Path(str(self.credentials.catalog.database))

    @property
    def _postgres(self) -> PostgresLocks:
        return PostgresLocks(self._url, self._schema, self.label)

    @property
    def _schema(self) -> str:
        return self.credentials.metadata_schema or self.credentials.ducklake_name

    @property
    def _files(self) -> str:
        return str(self.credentials.storage_url)

    @property
    def _catalog(self) -> str:
        """The address of the catalog without user and password."""
        catalog = self.credentials.catalog
        if self._is_file:
            return str(catalog.database)
        port = f":{catalog.port}" if catalog.port else ""
        return f"postgresql://{catalog.host}{port}/{catalog.database}"

    @property
    def _url(self) -> str:
        """The address of a catalog in PostgreSQL, with the password."""
        url = self.credentials.catalog.to_url()
        return str(url.set(drivername="postgresql").render_as_string(hide_password=False))


def lake_credentials(section: str, dataset: str) -> DuckLakeCredentials:
    """Return dlt's credentials of a lake, with absolute paths.

    Args:
        section: the name of the destination.
        dataset: the dataset that is loaded into it.

    Raises:
        dg.Failure: something is missing or invalid, or the lake is called like the dataset.
    """
    where = f"[destination.{section}.credentials] in .dlt/secrets.toml"
    variable = f"DESTINATION__{section.upper()}__CREDENTIALS"
    for name, example in REQUIRED.items():
        if not _is_set(f"destination.{section}.credentials", name):
            raise setting_failure(
                f"The DuckLake has no {name}: set "
                f"{variable}__{name.upper().replace('.', '__')}, or {name} under {where}, such as "
                f"{example}."
            )
    try:
        configured = dlt.destinations.ducklake(destination_name=section).configuration(
            DuckLakeClientConfiguration()._bind_dataset_name(dataset)
        )
    except (DltException, ValueError):
        raise setting_failure(
            "The settings of the DuckLake are incomplete or invalid: check those under "
            f"{where}, or those that start with {variable}."
        ) from None
    credentials: DuckLakeCredentials = configured.credentials
    driver, name = str(credentials.catalog.drivername), credentials.ducklake_name
    if driver not in (*POSTGRES, *FILES):
        raise setting_failure(
            f"A DuckLake with a catalog in {driver if driver in OTHERS else 'another database'} is "
            f"not supported: set {variable}__CATALOG to one in PostgreSQL or in a SQLite file."
        )
    if not NAME.fullmatch(name) or name.lower() in (dataset, f"{dataset}_staging", *RESERVED):
        raise setting_failure(
            f"A DuckLake cannot have the name {shown(name)}: set {variable}__DUCKLAKE_NAME to "
            f"letters, digits and underscores, and not to the name of a dataset ({dataset})."
        )
    return credentials


def _is_set(section: str, name: str) -> bool:
    """Return whether a setting of the credentials has a value, also within a value above it."""
    *above, last = name.split(".")
    value: Any = dlt.secrets.get(section)
    for part in above:
        value = value.get(part) if isinstance(value, Mapping) else None
    return bool(
        dlt.secrets.get(f"{section}.{name}")
        or (isinstance(value, Mapping) and value.get(last))
        or isinstance(value, str)
    )
