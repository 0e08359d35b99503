"""The copy for readers: whole, verified, replaced in one step, and only where it may be."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.snapshot import SNAPSHOT
from helpdesk_assets.warehouse.staging import staging_of
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    error_of,
    execute,
    failure_of,
    job_of,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
SETTING = "DESTINATION__DUCKDB__SNAPSHOT"
COUNT = "select count(*) from help_desk.help_desk_tickets"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configured path of the copy."""
    path = tmp_path / "shared" / "readers.duckdb"
    path.parent.mkdir()
    monkeypatch.setenv(SETTING, str(path))
    return path


def rows_in(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        ((rows,),) = connection.execute(COUNT).fetchall()
    return int(rows)


def copied(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Materialize the copy alone."""
    return execute(job_of(dg.AssetSelection.assets(SNAPSHOT)), instance)


def test_a_sync_replaces_the_copy_which_open_readers_go_on_reading(
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    warehouse: Warehouse,
    snapshot: Path,
) -> None:
    desk = sandbox(tickets=20)
    connect(desk)
    # What killed loads of this desk and of another one have left.
    for dataset in ("help_desk", "eu"):
        staging = staging_of(dataset, "0123456789ab")
        warehouse.query(f"create schema {staging}")
        warehouse.query(f"create table {staging}.help_desk_tickets as select 'secret' as subject")

    result = whole_sync()

    assert result.success
    (event,) = result.asset_materializations_for_node(SNAPSHOT)
    metadata = {name: value.value for name, value in event.metadata.items()}
    assert metadata["path"] == str(snapshot)
    assert metadata["bytes"] == snapshot.stat().st_size == warehouse.path.stat().st_size
    assert "seconds" in metadata
    assert snapshot.stat().st_mode & 0o777 == 0o600
    with duckdb.connect(str(snapshot), read_only=True) as reader:
        schemas = reader.execute("select distinct schema_name from duckdb_schemas()").fetchall()
        assert {name for (name,) in schemas} & {"help_desk"}
        assert not [name for (name,) in schemas if "staging" in name]
        views = reader.execute("select count(*) from help_desk.ticket_backlog").fetchall()
        assert views != [(0,)]
        desk.desk.tickets.append({**desk.desk.tickets[-1], "id": 21})
        snapshot.chmod(0o640)
        before = snapshot.stat().st_ino

        assert whole_sync().success

        # Another file has taken its name; the old one is not written to.
        assert snapshot.stat().st_ino != before
        assert reader.execute(COUNT).fetchall() == [(20,)]
    assert rows_in(snapshot) == 21
    assert snapshot.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in snapshot.parent.iterdir()] == [snapshot.name]


def test_without_a_setting_there_is_no_copy(
    sandbox: StartSandbox, connect: Connect, whole_sync: Sync, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=3))

    result = whole_sync()

    assert result.success
    assert not result.asset_materializations_for_node(SNAPSHOT)
    assert {path.suffix for path in warehouse.path.parent.iterdir()} == {
        ".duckdb",
        ".lock",
        ".html",
    }


def test_a_blocking_check_that_fails_keeps_the_old_copy(
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    warehouse: Warehouse,
    snapshot: Path,
    instance: dg.DagsterInstance,
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    assert whole_sync().success
    before = snapshot.read_bytes()
    desk.desk.tickets.append({**desk.desk.tickets[-1], "id": 11})
    table = "help_desk.help_desk_tickets"
    warehouse.query(f"insert into {table} select * from {table} where id = 3")
    # The load replaces this ticket, but not one that the API does not have.
    warehouse.query(f"insert into {table} select * replace(99 as id) from {table} limit 2")

    result = whole_sync()

    assert not result.success
    assert snapshot.read_bytes() == before
    # Nor does it get into the copy if the copy is materialized alone.
    result = copied(instance)
    assert "the check id_is_unique of help_desk_tickets fails" in error_of(result)
    assert "The copy is as it was before." in error_of(result)
    assert snapshot.read_bytes() == before


def test_rows_that_were_changed_after_the_checks_are_not_copied(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    snapshot: Path,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=10))
    assert sync().success
    assert copied(instance).success
    warehouse.query("delete from help_desk.help_desk_tickets where id = 3")

    assert "is_complete" in error_of(copied(instance))
    assert rows_in(snapshot) == 10


def test_changes_that_are_only_in_the_log_are_copied(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    snapshot: Path,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=10))
    assert sync().success
    assert copied(instance).success
    code = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute('create table main.notes as select 42 as n')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(warehouse.path)], check=True)
    assert warehouse.path.with_name(f"{warehouse.path.name}.wal").exists()

    assert copied(instance).success

    with duckdb.connect(str(snapshot), read_only=True) as reader:
        assert reader.execute("select n from main.notes").fetchall() == [(42,)]


@pytest.mark.long
def test_the_log_of_the_old_copy_is_not_applied_to_the_new_one(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    snapshot: Path,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=10))
    assert sync().success
    assert copied(instance).success
    code = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute('delete from help_desk.help_desk_tickets')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(snapshot)], check=True)
    assert rows_in(snapshot) == 0

    assert sync().success
    assert copied(instance).success

    assert rows_in(snapshot) == 10


@pytest.mark.long
def test_a_run_that_is_killed_while_it_copies_leaves_the_old_copy(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    snapshot: Path,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=10))
    assert sync().success
    assert copied(instance).success
    before = snapshot.read_bytes()
    # Copies without an end, from a pipe that is never closed.
    code = (
        "import os, sys, pathlib\n"
        "from helpdesk_assets.warehouse.snapshot import replace_snapshot\n"
        "replace_snapshot(pathlib.Path('/dev/zero'), pathlib.Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(snapshot)]) as process:
        left = snapshot.with_name(f".{snapshot.name}-new") / snapshot.name
        while not (left.exists() and left.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)

    assert snapshot.read_bytes() == before
    assert left.exists()
    assert left.parent.stat().st_mode & 0o777 == 0o700

    assert copied(instance).success
    assert rows_in(snapshot) == 10
    assert [path.name for path in snapshot.parent.iterdir()] == [snapshot.name]


def test_a_copy_that_cannot_be_written_is_reported(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    snapshot: Path,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=10))
    assert sync().success
    assert copied(instance).success
    before = snapshot.read_bytes()
    snapshot.with_name(f".{snapshot.name}-new").write_text("in the way")

    result = copied(instance)

    assert f"cannot be copied to {snapshot}, because File exists" in error_of(result)
    assert snapshot.read_bytes() == before


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{database}", "it is the DuckDB file itself"),
        ("{folder}/link.duckdb", "it is the DuckDB file itself"),
        ("{folder}/hard.duckdb", "it is the DuckDB file itself"),
        ("{folder}", "it is a folder"),
        ("{folder}/nowhere/readers.duckdb", "its folder does not exist"),
        ("{folder}/help_desk.duckdb", "DuckDB cannot tell a file of that name"),
        ("s3://bucket/readers.duckdb", "it is not the path of a file"),
        ("/dev/null", "it is not a file"),
    ],
)
def test_a_copy_that_cannot_be_there_is_refused(
    value: str, reason: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.query("select 1")
    folder = warehouse.path.parent
    (folder / "link.duckdb").symlink_to(warehouse.path)
    (folder / "hard.duckdb").hardlink_to(warehouse.path)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    monkeypatch.setenv(SETTING, value.format(database=warehouse.path, folder=folder))

    with pytest.raises(dg.Failure, match="DESTINATION__DUCKDB__SNAPSHOT") as raised:
        HelpDeskWarehouse().snapshot_path()

    assert reason in str(raised.value.description)


def test_an_invalid_path_that_is_set_in_code_fails_the_run_after_the_load(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    tmp_path: Path,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=3))
    resource = HelpDeskWarehouse(snapshot=str(tmp_path))
    made = build_defs({"help_desk_warehouse": resource})

    result = execute(made.resolve_job_def("help_desk_sync"), instance)

    assert "it is a folder" in str(failure_of(result).description)
    assert len(warehouse.tickets()) == 3
