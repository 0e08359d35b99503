"""Loads of one table at the same time, without a lock or a pool."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import Sandbox, Warehouse
from helpdesk_assets_tests.support import unlocked
from helpdesk_assets_tests.support.profile import with_date_filter

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]

LOAD = [sys.executable, "-m", "helpdesk_assets_tests.support.unlocked"]
MONTHS = [("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01"), ("2026-03-01", "2026-04-01")]


def staging(warehouse: Warehouse) -> list[str]:
    found = warehouse.query("select schema_name from duckdb_schemas() where not internal")
    return [name for (name,) in found if "staging" in name]


@pytest.mark.long
def test_parallel_loads_do_not_share_a_staging_dataset(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = with_date_filter(tmp_path / "desk.yaml")
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "60")
    desk = sandbox(tickets=1000)
    connect(desk)
    # Creates the tables, because dlt cannot create them in several processes at once.
    assert unlocked.main("2025-12-01", "2026-01-01") == 0

    running = [subprocess.Popen([*LOAD, *month]) for month in MONTHS]
    succeeded = [load.wait(timeout=180) == 0 for load in running]

    loaded = {number for number, _, _ in warehouse.tickets()}
    for (start, end), has_succeeded in zip(MONTHS, succeeded, strict=True):
        of_month = {
            ticket["id"]
            for ticket in desk.desk.tickets
            if ticket["created_at"] and start <= ticket["created_at"] < end
        }
        assert of_month
        if has_succeeded:
            assert of_month <= loaded
    assert any(succeeded)
    # The staging dataset of a killed load is dropped by the next one.
    warehouse.query("create schema _help_desk_staging_x0123456789ab")
    assert unlocked.main("2026-04-01", "2026-05-01") == 0
    assert staging(warehouse) == []
