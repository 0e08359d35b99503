"""MotherDuck: DuckDB databases in the cloud.

See https://motherduck.com/docs. Not tested against the service, only up to the connection.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import dlt
from dlt.common.destination.reference import Destination
from dlt.common.exceptions import DltException
from dlt.destinations.impl.motherduck.configuration import (
    MotherDuckClientConfiguration,
    MotherDuckCredentials,
)

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.warehouse.extensions import loadable
from helpdesk_assets.warehouse.locks import FileLocks, Locks
from helpdesk_assets.warehouse.shared import SharedPlace

# Seconds after which a run that another machine may have started is taken for dead.
LONGEST_RUN = 86400.0


@dataclass(frozen=True, kw_only=True)
class MotherDuck(SharedPlace):
    """A database of MotherDuck. Only loads of this machine wait for each other.

    Attributes:
        credentials: dlt's, resolved.
    """

    credentials: MotherDuckCredentials

    @property
    def label(self) -> str:
        """See Place."""
        return f"the MotherDuck database {self.credentials.database}"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See Place."""
        return {"motherduck_database": self.credentials.database}

    @property
    def beside(self) -> str:
        """See Place. There is no folder, so it is the current one."""
        return str(Path.cwd())

    @property
    def locks(self) -> Locks:
        """See SharedPlace."""
        name = sha256(self.credentials.database.encode()).hexdigest()[:12]
        return FileLocks(Path(tempfile.gettempdir()), f"helpdesk_assets-{name}-", self.label)

    @property
    def secrets(self) -> Sequence[str]:
        """See SharedPlace."""
        return [self.credentials.password] if self.credentials.password else []

    def exists(self) -> bool:
        """See SharedPlace. The database exists before the first load."""
        return True

    def destination(self, staging: str, folder: Path) -> Destination[Any, Any]:
        """See Place."""
        loadable(["motherduck"])
        credentials = cast(MotherDuckCredentials, self.credentials.copy())
        credentials.global_config = self.config(folder)
        credentials.resolve()
        return dlt.destinations.motherduck(
            credentials,
            destination_name=self.section,
            staging_dataset_name_layout=staging,
            supports_transactions=True,
        )

    def is_alive(self, run: str) -> bool:
        """See Place. Whether a run of another machine is alive is not known, only when it began."""
        is_recent = time.time() - int(run[:8], 16) < LONGEST_RUN
        return super().is_alive(run) or is_recent

    def maintain_in(self, connection: DuckDBPyConnection, keep: str) -> Mapping[str, Any]:
        """See SharedPlace. The service maintains its files itself."""
        return {}


def motherduck_credentials(
    section: str, dataset: str, value: str | None = None
) -> MotherDuckCredentials:
    """Return dlt's credentials of a MotherDuck database.

    Args:
        section: the name of the destination.
        dataset: the dataset that is loaded into it.
        value: its address, such as md:tickets; None: it is looked up.

    Raises:
        dg.Failure: something is missing or invalid, or the database is called like the dataset.
    """
    given: dict[str, Any] = {"credentials": value} if value else {}
    variable = f"DESTINATION__{section.upper()}__CREDENTIALS"
    how = (
        f"set {variable}, or credentials under [destination.{section}] in .dlt/secrets.toml, to an "
        "address such as md:tickets?motherduck_token=TOKEN."
    )
    try:
        configured = dlt.destinations.motherduck(destination_name=section, **given).configuration(
            MotherDuckClientConfiguration()._bind_dataset_name(dataset)
        )
    except (DltException, ValueError):
        raise setting_failure(
            f"The address of the MotherDuck database is incomplete or invalid: {how}"
        ) from None
    credentials: MotherDuckCredentials = configured.credentials
    if credentials.database.lower() in (dataset, f"{dataset}_staging"):
        raise setting_failure(
            f"A MotherDuck database called {credentials.database} cannot hold the dataset "
            f"{dataset}, because DuckDB cannot tell the two names apart: {how}"
        )
    return credentials
