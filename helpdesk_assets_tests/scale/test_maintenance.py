"""Maintenance of a lake: old snapshots and their files are removed, and tables stay as they are."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest

from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets_tests.conftest import Sandbox, Warehouse

pytestmark = pytest.mark.scale

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]


def size_of(warehouse: Warehouse) -> int:
    return sum(path.stat().st_size for path in warehouse.path.rglob("*.parquet"))


@pytest.mark.parametrize("warehouse", ["lake", "sqlite"], indirect=True)
def test_maintenance_removes_what_no_kept_snapshot_uses(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=1000)
    connect(desk)
    place = HelpDeskWarehouse().place()
    assert place.maintain(timedelta()) == {}
    for number in range(3):
        for ticket in desk.desk.tickets:
            ticket["status"] = f"load {number}"
        assert sync().success
    before, tickets = size_of(warehouse), warehouse.tickets()

    assert place.maintain(timedelta(days=7))["snapshots_expired"] == 0
    did = place.maintain(timedelta())

    assert did["snapshots_expired"] > 0
    assert did["files_deleted"] > 0
    assert did["bytes_after"] < did["bytes_before"]
    assert size_of(warehouse) < before / 2
    assert warehouse.tickets() == tickets
    assert sync().success
