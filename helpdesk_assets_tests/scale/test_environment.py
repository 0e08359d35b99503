"""The servers and DuckDB's extensions of the environment work."""

from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from helpdesk_assets_tests.scale.postgres import PASSWORD, PostgresServer

pytestmark = pytest.mark.scale


def test_a_lake_has_its_catalog_in_postgresql(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        for name in ("ducklake", "postgres_scanner"):
            spec = find_spec(f"duckdb_extension_{name}")
            assert spec
            assert spec.submodule_search_locations
            (path,) = Path(spec.submodule_search_locations[0]).rglob("*.duckdb_extension")
            connection.execute(f"load '{path}'")
        connection.execute(
            f"attach 'ducklake:postgres:{database}' as lake (data_path '{tmp_path}/files')"
        )
        connection.execute("create table lake.numbers as select 1 as number")
    found = postgres.execute("select table_name from ducklake_table", database)
    assert found == "numbers"
    assert PASSWORD in database
