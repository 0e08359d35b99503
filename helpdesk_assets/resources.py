"""What the assets are configured with: where the tickets come from and where they go.

A field that is left out is looked up when a run needs it, by dlt's own providers: the environment,
``.dlt/secrets.toml``, ``.dlt/config.toml``, or a vault.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import dlt
import duckdb
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.exceptions import DltException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.extract import DltSource
from pydantic import Field

from helpdesk_assets.client.failures import UNCHANGED, chain, http_failure, unexpected_failure
from helpdesk_assets.client.session import HelpDeskSession
from helpdesk_assets.schema import DATASET, TABLE
from helpdesk_assets.source import ENDPOINT, help_desk_source

SET_BASE_URL = (
    "set SOURCES__HELP_DESK__BASE_URL, or base_url under [sources.help_desk] in .dlt/config.toml, "
    "to its address, such as https://api.example.com."
)
SET_API_KEY = "set API_KEY, or api_key in .dlt/secrets.toml, to the key it gave you."
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


def _endpoint_url(base_url: str) -> str:
    """Return the URL that tickets are asked for, without a password or query it may hold."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/") + ENDPOINT, "", ""))


def _setting_failure(sentence: str) -> dg.Failure:
    return dg.Failure(sentence, allow_retries=False)


class HelpDeskApi(dg.ConfigurableResource[Any]):
    """The help desk's REST API: its address and the key to it."""

    base_url: str | None = Field(
        default=None,
        description=(
            "Scheme and host of the API, and whatever comes before /v1/tickets. When left out: "
            "SOURCES__HELP_DESK__BASE_URL, or base_url under [sources.help_desk] in "
            ".dlt/config.toml."
        ),
    )
    api_key: str | None = Field(
        default=None,
        description=(
            "The key to the API. Best left out, so that no definition and no run holds it: "
            "API_KEY, or api_key in .dlt/secrets.toml."
        ),
        json_schema_extra={"dagster__is_secret": True},
    )

    def resolved_base_url(self) -> str:
        """Return the API's address. Raises dg.Failure when it is missing or no URL."""
        base_url = (self.base_url or dlt.config.get("sources.help_desk.base_url") or "").strip()
        if not base_url:
            raise _setting_failure(f"The help desk's address is missing: {SET_BASE_URL}")
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _setting_failure(
                "The help desk's address does not begin with http:// or https:// and a host: "
                + SET_BASE_URL
            )
        return base_url

    def resolved_api_key(self) -> str:
        """Return the API's key. Raises dg.Failure when it is missing."""
        api_key = str(self.api_key or dlt.secrets.get("api_key") or "").strip()
        if not api_key:
            raise _setting_failure(f"The help desk's API key is missing: {SET_API_KEY}")
        return api_key

    @contextmanager
    def source(self) -> Iterator[tuple[DltSource, HelpDeskSession]]:
        """Make the source for one run, and the session that counts its requests.

        Whatever is raised inside leaves as a dg.Failure without the key in it: a sentence for
        what HTTP does to people, a redacted traceback for the rest.
        """
        base_url, api_key = self.resolved_base_url(), self.resolved_api_key()
        session = HelpDeskSession()
        try:
            yield help_desk_source(base_url=base_url, api_key=api_key, session=session), session
        except dg.Failure:
            raise
        except Exception as error:
            # From None: the text of the error itself may hold the key.
            raise (
                http_failure(error, url=_endpoint_url(base_url), requests=session.requests)
                or unexpected_failure(error, secret=api_key)
            ) from None


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

    def path(self) -> Path:
        """Return the DuckDB file's path. Raises dg.Failure when it is missing or no file's."""
        return Path(self._resolved().database).absolute()

    def _resolved(self) -> DuckDbCredentials:
        value = self.credentials or dlt.secrets.get("destination.duckdb.credentials")
        missing = _setting_failure(
            f"There is no DuckDB file to load tickets into: {SET_CREDENTIALS}"
        )
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
            raise _setting_failure(
                f"A DuckDB file called {name} cannot hold the dataset {DATASET}, for DuckDB would "
                f"mistake one for the other: {SET_CREDENTIALS}"
            )
        return credentials

    @contextmanager
    def pipeline(self) -> Iterator[dlt.Pipeline]:
        """Make the pipeline for one run, with a working folder that is gone afterwards.

        Its state is in the destination. Raises dg.Failure at once when the DuckDB file cannot be
        written, before anything is asked of the API.
        """
        credentials = self._resolved()
        with self._explained(), duckdb.connect(credentials.database):
            pass
        with self._explained(), tempfile.TemporaryDirectory(prefix="helpdesk_assets-") as folder:
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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what DuckDB says of its file into a dg.Failure with what to do about it."""
        try:
            yield
        except Exception as error:
            causes = [cause for cause in chain(error) if isinstance(cause, duckdb.IOException)]
            if not causes:
                raise
            raise self._file_failure(str(causes[-1])) from None

    def _file_failure(self, reason: str) -> dg.Failure:
        path = self.path()
        if "lock" in reason:
            holder = reason.partition("is held in ")[2].partition(". ")[0]
            return _setting_failure(
                f"The DuckDB file {path} is in use by another process"
                + (f", {holder}: " if holder else ": ")
                + "close it there and run again, or give this load a file of its own in "
                f"DESTINATION__DUCKDB__CREDENTIALS. {UNCHANGED}"
            )
        return _setting_failure(
            f"The DuckDB file {path} cannot be opened "
            f"({reason.removeprefix('IO Error: ')}): {SET_CREDENTIALS}"
        )
