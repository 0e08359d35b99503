"""Fixtures of the tests that need servers, which `make test-scale` installs and the tests start.

Tests of other packages that are imported here run once for each place, because `warehouse` replaces
their fixture of that name.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import Warehouse
from helpdesk_assets_tests.scale.places import Lake
from helpdesk_assets_tests.scale.postgres import PostgresServer, postgres_server

# The other tests run in an environment without the packages that these modules import.
if find_spec("dagster_celery") is None:
    collect_ignore_glob = ["*"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server for all tests of the session."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """Create an empty database for one test, and return its address with the password."""
    return postgres.new_database()


@pytest.fixture(params=["file", "lake"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """The place that a test loads into.

    `file` is a DuckDB file, `lake` a DuckLake with its catalog in PostgreSQL, and `sqlite` one with
    its catalog in a SQLite file.
    """
    folder = tmp_path / "warehouse"
    folder.mkdir()
    if request.param == "file":
        return Warehouse(folder / "tickets.duckdb")
    if request.param == "sqlite":
        return Lake(folder / "files", f"sqlite:///{folder}/catalog.sqlite")
    return Lake(folder / "files", request.getfixturevalue("database"))
