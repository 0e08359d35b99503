"""Loads at the same time: which ones run side by side, and which ones wait for each other."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.tables.schema import Table
from helpdesk_assets_tests.conftest import Sandbox, Warehouse
from helpdesk_assets_tests.scale.places import Lake
from helpdesk_assets_tests.support.profile import with_date_filter

pytestmark = pytest.mark.scale

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

LOAD = [sys.executable, "-m", "helpdesk_assets_tests.support.date_range"]
# Two of them overlap.
RANGES = [
    ("2026-01-01", "2026-02-01"),
    ("2026-01-15", "2026-03-01"),
    ("2026-03-01", "2026-04-01"),
]
TICKETS = Table()


@pytest.fixture
def desk(
    sandbox: StartSandbox, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Sandbox:
    """Serve a desk whose profile has a date filter."""
    file = with_date_filter(tmp_path / "desk.yaml")
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "60")
    desk = sandbox(tickets=1000)
    connect(desk)
    return desk


def test_three_first_loads_at_once_load_every_ticket_once(
    desk: Sandbox, warehouse: Warehouse
) -> None:
    running = [subprocess.Popen([*LOAD, *dates]) for dates in RANGES]

    assert [load.wait(timeout=240) for load in running] == [0, 0, 0]
    opened = [
        ticket["id"]
        for ticket in desk.desk.tickets
        if ticket["created_at"] and "2026-01-01" <= ticket["created_at"] < "2026-04-01"
    ]
    assert [number for number, _, _ in warehouse.tickets()] == opened
    schemas = warehouse.query("select schema_name from duckdb_schemas() where not internal")
    assert [name for (name,) in schemas if "staging" in name] == []


@pytest.mark.parametrize("warehouse", ["lake"], indirect=True)
def test_only_date_ranges_of_a_table_are_loaded_side_by_side(
    desk: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKLAKE__LOCK_TIMEOUT", "0.3")
    place = HelpDeskWarehouse().place()

    with place.loading(TICKETS, is_window=True):
        with place.loading(TICKETS, is_window=True):
            pass
        with pytest.raises(dg.Failure, match=r"Another run is loading.*is as it was before"):
            place.loading(TICKETS).__enter__()
    with place.loading(TICKETS):
        with place.loading(Table("comments")):
            pass
        with pytest.raises(dg.Failure, match="run again when it has ended"):
            place.loading(TICKETS, is_window=True).__enter__()


@pytest.mark.parametrize("warehouse", ["lake"], indirect=True)
def test_transaction_that_conflicts_with_another_program_is_repeated(
    desk: Sandbox, sync: Sync, warehouse: Lake
) -> None:
    assert sync().success
    resource = HelpDeskWarehouse()
    tries: list[int] = []

    def work() -> None:
        tries.append(len(tries))
        with resource.reader() as connection:
            connection.execute("begin transaction")
            connection.execute("update help_desk_tickets set status = 'ours' where id = 1")
            if len(tries) == 1:
                with resource.reader() as other:
                    other.execute("update help_desk_tickets set status = 'theirs' where id = 1")
            connection.execute("commit")

    resource.place().retried(work)

    assert len(tries) == 2
    assert warehouse.tickets()[0][2] == "ours"


@pytest.mark.parametrize("warehouse", ["lake"], indirect=True)
def test_readers_see_whole_loads_only(desk: Sandbox, sync: Sync, warehouse: Lake) -> None:
    for ticket in desk.desk.tickets:
        ticket["status"] = "load 0"
    assert sync().success
    seen: list[tuple[int, int, str]] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            with HelpDeskWarehouse().reader() as connection:
                seen.extend(
                    connection.execute(
                        "select count(*), count(distinct status), max(status)"
                        " from help_desk_tickets"
                    ).fetchall()
                )

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for load in (1, 2):
            for ticket in desk.desk.tickets:
                ticket["status"] = f"load {load}"
            assert sync().success
    finally:
        ended.set()
        reader.join()

    assert {(rows, statuses) for rows, statuses, _ in seen} == {(1000, 1)}
    statuses = [status for _, _, status in seen]
    assert statuses == sorted(statuses)
    assert len(set(statuses)) >= 2
    assert len(seen) >= 5


@pytest.mark.parametrize("warehouse", ["lake"], indirect=True)
def test_documented_sql_reads_the_lake(
    desk: Sandbox, sync: Sync, warehouse: Lake, database: str
) -> None:
    assert sync().success
    place = HelpDeskWarehouse().place()
    with place.reader("help_desk") as connection:
        # The extensions are those of the packages.
        loaded = connection.execute(
            "select extension_name from duckdb_extensions() where loaded"
        ).fetchall()
        assert {("ducklake",), ("postgres_scanner",)} <= set(loaded)
        ((count, newest),) = connection.execute(
            "select count(*), max(created_at) from help_desk_tickets where deleted_at is null"
        ).fetchall()
    assert count == 1000
    assert isinstance(newest, datetime)
    assert isinstance(connection, duckdb.DuckDBPyConnection)
