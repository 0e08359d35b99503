"""A full sync of a list in slices that is interrupted, and continued by the next run."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    Warehouse,
    at_length,
    error_of,
    everything_logged,
    job_of,
    metadata_of,
    set_variables,
)
from helpdesk_assets_tests.support.sliced import INNER, PROFILE, SlicedDesk

LOAD = [sys.executable, "-m", "helpdesk_assets_tests.support.comments_load", "help_desk_tickets"]
Serve = Callable[..., SlicedDesk]
Load = Callable[..., dg.ExecuteInProcessResult]
# With 480 tickets, there are six slices.
SLICES = range(1, 7)


@pytest.fixture
def served(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Serve]:
    """Serve a help desk, and configure runs to load from it."""
    with ExitStack() as running:

        def start(desk: SlicedDesk, profile: str = PROFILE) -> SlicedDesk:
            (tmp_path / "desk.yaml").write_text(profile)
            monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(tmp_path / "desk.yaml"))
            base_url = running.enter_context(serve(desk.app))
            set_variables(monkeypatch, base_url, warehouse)
            return desk

        yield start


@pytest.fixture
def load(instance: dg.DagsterInstance) -> Load:
    """Load the tickets and check them."""
    job = job_of(dg.AssetSelection.assets("help_desk_tickets"), build_defs())

    def run(**config: Any) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"ops": {"help_desk_tickets": {"config": config}}},
        )

    return run


def fails_at(number: int, *, offset: int = 0) -> Callable[[str, int], bool]:
    """Return a fault: all requests of a slice fail, from an offset on."""
    starts: list[str] = []

    def fault(start: str, at: int) -> bool:
        if start not in starts:
            starts.append(start)
        return starts.index(start) == number - 1 and at >= offset

    return fault


def repair(desk: SlicedDesk) -> None:
    """Answer all requests from now on, and forget those before."""
    desk.fault = lambda start, offset: False
    desk.asked.clear()


def tickets(warehouse: Warehouse, where: str = "deleted_at is null") -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select id, status from help_desk.help_desk_tickets where {where} order by id"
    )


def check_failures(result: dg.ExecuteInProcessResult) -> list[str]:
    return [each.check_name for each in result.get_asset_check_evaluations() if not each.passed]


@pytest.mark.parametrize(
    ("number", "offset"), at_length([(n, at) for n in SLICES[1:] for at in (0, 20)], short=[(4, 0)])
)
def test_interrupted_first_load_is_continued_with_the_slices_that_are_left(
    number: int,
    offset: int,
    served: Serve,
    load: Load,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    desk = served(SlicedDesk(480, fails_at(number, offset=offset)))
    result = load()

    assert not result.success
    stored = len(tickets(warehouse))
    assert stored == 100 + (number - 2) * 90
    progress = f"The first {stored:,} rows of help_desk_tickets are loaded"
    assert re.search(
        rf"failed \(HTTP 500\).* {progress}, and the next run continues after them\.$",
        error_of(result),
    )

    read, start = desk.starts[:-1], desk.starts[-1]
    ((began,),) = warehouse.query("select up_to from help_desk._passes")
    repair(desk)
    desk.change(3, 470)
    desk.add(2)
    for gone in (5, 471):
        del desk.tickets[gone]
    result = load()

    assert result.success, error_of(result)
    assert desk.starts[0] == start
    assert not set(read) & set(desk.starts)
    # The ticket that was deleted after it had been loaded is found by the next full sync.
    assert [row for row in tickets(warehouse) if row[0] != 5] == desk.rows()
    found = metadata_of(result)
    assert found["completeness_verified"]
    assert found["rows_walked"] == len(desk.tickets) + 1
    assert found["rows_loaded"] >= found["rows_walked"]
    assert found["portions"] == len(SLICES)
    assert "api_total" not in found
    assert check_failures(result) == []
    log = everything_logged(instance, result)
    assert f"Continuing an interrupted load of help_desk_tickets. {progress}." in log
    assert "Full sync" not in log
    assert warehouse.query("from help_desk._passes") == []
    assert warehouse.query("select up_to from help_desk._watermarks") == [(began,)]


def test_full_refresh_marks_deleted_tickets_after_its_last_slice_only(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(185))
    assert load().success
    for gone in (2, 150, 184):
        del desk.tickets[gone]
    desk.fault = fails_at(2)
    assert not load(full_refresh=True).success
    assert tickets(warehouse, "deleted_at is not null") == []

    start = desk.starts[-1]
    repair(desk)
    desk.change(1)
    # The next run continues it, although it is not a full refresh.
    result = load()
    assert result.success, error_of(result)
    assert desk.starts[0] == start
    assert [number for number, _ in tickets(warehouse, "deleted_at is not null")] == [2, 150, 184]
    assert tickets(warehouse) == desk.rows()
    found = metadata_of(result)
    assert (found["rows_deleted"], found["deletes"]) == (3, "soft")
    assert found["rows_walked"] == 182

    repair(desk)
    assert load().success
    assert len(desk.starts) == 1


@pytest.mark.long
@pytest.mark.parametrize("change", ["profile", "base URL", "lost", "old"])
def test_changed_list_or_table_is_read_from_the_beginning(
    change: str,
    served: Serve,
    load: Load,
    warehouse: Warehouse,
) -> None:
    desk = served(SlicedDesk(280, fails_at(3)))
    assert not load().success
    repair(desk)
    if change == "profile":
        desk = served(desk, PROFILE.replace("limit: 25", "limit: 20"))
    elif change == "base URL":
        desk = served(desk)
    elif change == "lost":
        # The number of rows stays the same.
        warehouse.query("update help_desk.help_desk_tickets set _dlt_load_id = '9' where id = 7")
    else:
        began = "began = '2026-01-01T00:00:00+00:00'"
        warehouse.query(f"update help_desk._passes set {began}")
    result = load(full_refresh=change == "old")

    assert result.success, error_of(result)
    assert desk.starts[0] == ""
    assert tickets(warehouse) == desk.rows()
    assert warehouse.query("from help_desk._passes") == []
    assert check_failures(result) == []


@pytest.mark.long
@pytest.mark.parametrize("is_recent", [True, False])
def test_requested_full_refresh_continues_a_recent_load_only(
    is_recent: bool, served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280, fails_at(3)))
    assert not load().success
    if not is_recent:
        warehouse.query("update help_desk._passes set began = '2026-01-01T00:00:00+00:00'")
    repair(desk)

    assert load(full_refresh=True).success
    assert ("" in desk.starts) is not is_recent
    assert tickets(warehouse) == desk.rows()


@pytest.mark.long
def test_load_interrupted_in_each_run_ends_with_the_last_slice(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(480))
    for _ in SLICES[:-1]:
        desk.fault = fails_at(2)
        assert not load().success
        desk.change(*range(1, 40, 4))
        assert len(desk.starts) == 2
        repair(desk)
    result = load()

    assert result.success, error_of(result)
    assert tickets(warehouse) == desk.rows()
    assert metadata_of(result)["rows_walked"] == 480
    assert check_failures(result) == []


@pytest.mark.long
def test_load_is_continued_although_its_last_portion_was_not_recorded(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(480, fails_at(3)))
    assert not load().success
    start = desk.starts[-1]
    warehouse.query("create table recorded as from help_desk._passes")
    desk.fault = fails_at(2)
    assert not load().success
    # The state after a kill just after the rows of the third slice were loaded.
    warehouse.query("delete from help_desk._passes")
    warehouse.query("insert into help_desk._passes from recorded")
    repair(desk)
    desk.change(200)
    result = load()

    assert result.success, error_of(result)
    assert desk.starts[0] == start
    assert "" not in desk.starts
    assert tickets(warehouse) == desk.rows()
    assert metadata_of(result)["rows_walked"] == 480
    assert check_failures(result) == []


@pytest.mark.long
def test_wrong_filter_is_found_although_the_load_was_interrupted(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    # The slices do not overlap, because the API filters by another time than it sorts by.
    desk = SlicedDesk(150, fails_at(2))
    desk.filters_by = "created_at"
    desk.change(*range(150, 0, -1))
    served(desk)
    assert not load().success
    repair(desk)
    message = error_of(load())

    assert "did not return the last rows again" in message
    assert "continues" not in message
    # So the next run begins again, and finds the same.
    repair(desk)
    assert "did not return the last rows of its list again" in error_of(load())
    assert desk.starts[0] == ""


@pytest.mark.long
def test_last_rows_of_a_slice_may_change_before_the_load_is_continued(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280, fails_at(2)))
    assert not load().success
    # The rows of the overlap move into the last slice.
    desk.change(*range(88, 101))
    repair(desk)
    result = load()

    assert result.success, error_of(result)
    assert tickets(warehouse) == desk.rows()
    assert metadata_of(result)["rows_walked"] == 280


@pytest.mark.long
def test_load_begins_again_if_the_last_rows_of_its_slice_were_deleted(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280, fails_at(2)))
    assert not load().success
    for gone in range(88, 101):
        del desk.tickets[gone]
    repair(desk)
    assert "run again to read all rows from the beginning" in error_of(load())
    repair(desk)
    result = load()

    assert result.success, error_of(result)
    assert desk.starts[0] == ""
    assert [row for row in tickets(warehouse) if not 88 <= row[0] <= 100] == desk.rows()


@pytest.mark.long
def test_rows_of_a_date_range_that_is_loaded_meanwhile_are_kept(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280))
    assert load().success
    del desk.tickets[260]
    desk.fault = fails_at(3)
    assert not load(full_refresh=True).success
    repair(desk)
    # Tickets that the interrupted run has read, and others.
    window = [desk.tickets[number]["created_at"] for number in (20, 250)]
    assert load(start=window[0], end=window[1]).success
    repair(desk)
    result = load()

    assert result.success, error_of(result)
    assert tickets(warehouse) == desk.rows()
    assert [number for number, _ in tickets(warehouse, "deleted_at is not null")] == [260]
    assert check_failures(result) == []


@pytest.mark.long
@pytest.mark.parametrize("number", [1, 2])
def test_rejected_rows_do_not_count_as_deleted(
    number: int, served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280))
    assert load().success
    # One row can no longer be loaded, in the first slice.
    desk.tickets[50]["created_at"] = "never"
    del desk.tickets[60]
    if number == 2:
        desk.fault = fails_at(3)
        assert not load(full_refresh=True).success
        repair(desk)
    result = load(full_refresh=number == 1)

    assert result.success, error_of(result)
    deleted = [number for number, _ in tickets(warehouse, "deleted_at is not null")]
    # After an interruption, it is not known which rows were rejected.
    assert deleted == ([60] if number == 1 else [])
    assert metadata_of(result)["rows_rejected"] == 1
    assert check_failures(result) == ["no_rejected_rows"]


@pytest.mark.long
def test_rows_that_are_not_stored_do_not_count(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280), f"{PROFILE}    only_rows: {{status: [open]}}\n")
    desk.change(*range(1, 280, 2))
    assert load().success
    del desk.tickets[278]
    desk.fault = fails_at(3)
    assert not load(full_refresh=True).success
    repair(desk)
    # One ticket need not be stored any more, and one has to be.
    desk.change(2, 3)
    desk.tickets[3]["status"] = "open"
    result = load()

    assert result.success, error_of(result)
    assert "" not in desk.starts
    # The former was loaded before the interruption, and is found by the next full sync.
    wanted = [row for row in desk.rows() if row[1] == "open"]
    assert [row for row in tickets(warehouse) if row[0] != 2] == wanted
    assert metadata_of(result)["rows_walked"] == len(wanted) + 1
    assert check_failures(result) == []


@pytest.mark.long
def test_rows_in_lists_inside_rows_are_continued(
    served: Serve, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    def load() -> dg.ExecuteInProcessResult:
        job = job_of(dg.AssetSelection.assets("changes"), build_defs())
        config = {"ops": {"changes": {"config": {"full_refresh": True}}}}
        return job.execute_in_process(instance=instance, raise_on_error=False, run_config=config)

    def changes(where: str) -> list[tuple[Any, ...]]:
        columns = "_data_id::int, number::int from help_desk.changes"
        return warehouse.query(f"select {columns} where {where} order by all")

    desk = served(SlicedDesk(280), PROFILE + INNER)
    assert load().success
    # Some lists become shorter: two before the interruption, and one after it.
    for number in (5, 8, 269):
        desk.tickets[number]["changes"].pop()
    desk.fault = fails_at(3)
    assert not load().success
    assert changes("deleted_at is not null") == []
    repair(desk)
    desk.change(8)
    result = load()

    assert result.success, error_of(result)
    assert "" not in desk.starts
    assert changes("deleted_at is not null") == [(5, 1), (8, 1), (269, 1)]
    assert changes("deleted_at is null") == sorted(
        (number, each["number"])
        for number, ticket in desk.tickets.items()
        for each in ticket["changes"]
    )
    assert check_failures(result) == []


@pytest.mark.long
def test_newly_protected_columns_are_cleared_after_the_last_slice(
    served: Serve, load: Load, warehouse: Warehouse
) -> None:
    desk = served(SlicedDesk(280))
    assert load().success
    del desk.tickets[9]
    protecting = f"{PROFILE}    columns: {{subject: {{protect: mask}}}}\n"
    served(desk, protecting)
    repair(desk)
    desk.fault = fails_at(3)
    assert not load().success
    repair(desk)

    assert load().success
    assert "" not in desk.starts
    assert warehouse.query(
        "select subject, count(*) from help_desk.help_desk_tickets group by all order by all"
    ) == [("***", 279), (None, 1)]


@pytest.mark.long
@pytest.mark.parametrize("at", [3, 9, 14, 19, 26])
def test_killed_load_is_continued(at: int, served: Serve, load: Load, warehouse: Warehouse) -> None:
    desk = served(SlicedDesk(480))
    with subprocess.Popen(
        LOAD, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        while len(desk.asked) < at:
            assert running.poll() is None, "it ended before"
            time.sleep(0.005)
        os.killpg(running.pid, signal.SIGKILL)
    read = desk.starts
    repair(desk)
    desk.change(2, 300)
    result = load()

    assert result.success, error_of(result)
    assert tickets(warehouse) == desk.rows()
    assert metadata_of(result)["rows_walked"] >= 480
    assert check_failures(result) == []
    # Only the slice that was being read or loaded is read again.
    assert not set(read[:-2]) & set(desk.starts)
