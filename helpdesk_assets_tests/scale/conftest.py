"""Fixtures of the tests that need servers, which `make test-scale` installs and the tests start."""

from collections.abc import Iterator

import pytest

from helpdesk_assets_tests.scale.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server for all tests of the session."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """Create an empty database for one test, and return its address with the password."""
    return postgres.new_database()
