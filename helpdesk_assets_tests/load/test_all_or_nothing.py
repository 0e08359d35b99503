"""After a run is killed, or the disk is full, the table is unchanged and the next run succeeds."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Sandbox, Warehouse, at_length, error_of
from helpdesk_assets_tests.load.kills import TICKETS, trial

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small_disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    # Lazily, because open files may take a moment to be closed.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kills", at_length([1, 2], short=[1]))
def test_next_sync_completes_after_a_killed_one(
    kills: int, sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=TICKETS)
    connect(desk)
    chance = random.Random(7)
    for number in range(kills):
        well, seen = trial(number, desk.desk, warehouse.path, chance)
        assert well, seen


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root may mount a small disk to fill.")
def test_full_disk_fails_the_run_and_leaves_the_table_unchanged(
    small_disk: Path,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warehouse = Warehouse(small_disk / "tickets.duckdb")
    desk = sandbox(tickets=100)
    connect(desk)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    assert sync().success
    before = warehouse.tickets()
    chance = random.Random(1)
    for ticket in desk.desk.tickets:
        ticket.update(status="closed", letter=chance.randbytes(60_000).hex())
    result = sync()

    assert "is full: free disk space and run again" in error_of(result)
    assert warehouse.tickets() == before

    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    assert sync().success
    assert {status for _, _, status in warehouse.tickets()} == {"closed"}
