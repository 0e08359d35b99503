"""Runs that start and end at the same time: none is mistaken for one that was killed."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.warehouse.pool import NEW, free_places_of_dead_runs, life_of
from helpdesk_assets.warehouse.working_folder import ALIVE, runs_alive, working_folder

PREFIX = ".tickets.duckdb-run"
POOL = "duckdb"


def test_folders_of_runs_that_start_at_the_same_time_stay_until_their_end(tmp_path: Path) -> None:
    def run() -> None:
        for _ in range(25):
            with working_folder(tmp_path, PREFIX) as folder:
                name = folder.name.removeprefix(f"{PREFIX}-")
                (folder / "tickets").write_text(name)
                assert name in runs_alive(tmp_path, PREFIX)
                assert (folder / "tickets").read_text() == name

    with ThreadPoolExecutor(8) as threads:
        runs = [threads.submit(run) for _ in range(8)]

    assert [run.exception() for run in runs] == [None] * 8


def test_folder_of_a_killed_run_is_removed_by_the_next_one(tmp_path: Path) -> None:
    parent = tmp_path / "tickets"
    killed = parent / f"{PREFIX}-killed"
    killed.mkdir(parents=True)
    (killed / ALIVE).touch()
    (killed / "tickets").touch()

    with working_folder(parent, PREFIX) as folder:
        assert list(parent.iterdir()) == [folder]
    assert list(parent.iterdir()) == []


@pytest.mark.parametrize(("age", "is_freed"), [(0, False), (2 * NEW, True)])
def test_run_that_has_created_its_file_but_not_locked_it_yet_keeps_its_place_in_the_pool(
    age: float, is_freed: bool, tmp_path: Path
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots(POOL, 1)
        assert storage.claim_concurrency_slot(POOL, "starts", "help_desk_tickets").is_claimed
        file = Path(life_of(instance, "starts").lock_file)
        file.touch()
        os.utime(file, (time.time() - age,) * 2)

        living = free_places_of_dead_runs(instance, "looks")
        claimed = storage.get_concurrency_info(POOL).active_run_ids

    assert living == ([] if is_freed else ["starts"])
    assert claimed == (set() if is_freed else {"starts"})
    assert file.exists() is not is_freed
