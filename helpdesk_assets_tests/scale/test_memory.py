"""The memory that DuckDB uses for a lake."""

import os
from pathlib import Path

import pytest

from helpdesk_assets_tests.bench.measure import TICKETS, execute, served
from helpdesk_assets_tests.bench.scale import profile_with_large_pages
from helpdesk_assets_tests.conftest import set_variables
from helpdesk_assets_tests.scale.places import Lake

pytestmark = pytest.mark.scale


@pytest.mark.parametrize("warehouse", ["lake"], indirect=True)
@pytest.mark.timeout(300)
def test_merges_use_the_disk_beyond_their_memory_limit(
    warehouse: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKLAKE__MEMORY_LIMIT", "100MB")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(profile_with_large_pages(tmp_path)))
    with served(200_000, generated=True) as desk:
        set_variables(monkeypatch, desk.base_url, warehouse)
        for _ in ("first", "second"):
            execute(TICKETS, None, os.environ)

    assert warehouse.query("select count(*) from help_desk.help_desk_tickets") == [(200_000,)]
