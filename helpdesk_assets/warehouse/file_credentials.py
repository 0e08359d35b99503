"""dlt's credentials of the DuckDB file: which file it is, and what is none."""

import re
from pathlib import Path
from typing import Any

from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.exceptions import DltException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from helpdesk_assets.errors import setting_failure

SET_CREDENTIALS = (
    "set DESTINATION__DUCKDB__CREDENTIALS, or credentials under [destination.duckdb] in "
    ".dlt/secrets.toml, to the path of a file, such as /var/lib/help_desk/tickets.duckdb."
)

# Of more than one letter, as one is a drive of Windows.
SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):", re.I)


def file_credentials(value: Any, dataset: str) -> DuckDbCredentials:
    """Return dlt's credentials of a DuckDB file.

    Args:
        value: its path or duckdb:/// URL.
        dataset: the dataset that is loaded into it.

    Raises:
        dg.Failure: it is missing, another database, or called like the dataset.
    """
    missing = setting_failure(f"There is no DuckDB file to load tickets into: {SET_CREDENTIALS}")
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
    # DuckDB calls a database by its file's name, and then takes help_desk.help_desk_tickets for a
    # table of the database of that name.
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
        others = " Other destinations have settings of their own: docs/deployment.md."
        raise setting_failure(
            f"[destination.duckdb] is for a DuckDB file, and {kind!r} is not one: "
            f"{SET_CREDENTIALS}{others}"
        )
