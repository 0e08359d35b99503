"""Maintenance of the warehouse, and how long earlier states are kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg
import duckdb
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.definitions import defs
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets.warehouse import maintenance
from helpdesk_assets.warehouse.staging import staging_of
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, execute

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]


def maintained(
    instance: dg.DagsterInstance, definitions: dg.Definitions = defs, desk: str = "help_desk"
) -> dict[str, Any]:
    """Run the job of the maintenance, and return the metadata of its asset."""
    result = execute(definitions.resolve_job_def(f"{desk}_maintenance"), instance)
    assert result.success, error_of(result)
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_file_is_checkpointed_and_its_size_reported(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=30))
    assert sync().success
    left = staging_of("eu", "0123456789ab")
    warehouse.query(f"create schema {left}")

    metadata = maintained(instance)

    assert metadata["bytes"] == warehouse.path.stat().st_size
    assert 0 <= metadata["free_share"] < 1
    assert set(metadata) == {"bytes", "free_share", "seconds"}
    assert not warehouse.path.with_name(f"{warehouse.path.name}.wal").exists()
    schemas = warehouse.query("select schema_name from duckdb_schemas()")
    assert (left,) not in schemas
    assert ("help_desk",) in schemas
    assert len(warehouse.tickets()) == 30


def test_much_free_space_comes_with_the_commands_to_compact_the_file(
    connect: Connect,
    sandbox: StartSandbox,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maintenance, "MUCH_BYTES", 1_000_000)
    connect(sandbox(tickets=1))
    for name, rows in (("large", 2_000_000), ("at_the_end", 200_000)):
        warehouse.query(f"create table {name} as select hash(i) as n from range({rows}) t(i)")
    warehouse.query("drop table large")

    metadata = maintained(instance)

    assert metadata["free_share"] > 0.75
    command = metadata["how_to_compact"]
    sql = command.partition('"')[2].partition('"')[0]
    monkeypatch.chdir(warehouse.path.parent)
    with duckdb.connect() as connection:
        connection.execute(sql)
    assert warehouse.path.with_name("tickets.duckdb.new").stat().st_size < metadata["bytes"] / 4


def test_desks_of_one_file_are_maintained_side_by_side(
    warehouse: Warehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    both = build_defs(HelpDesk(name="eu"), HelpDesk(name="us", maintenance_cron="0 1 * * *"))

    assert [maintained(instance, both, desk)["bytes"] for desk in ("eu", "us")]
    schedule = both.resolve_schedule_def("us_maintenance_schedule")
    assert schedule.cron_schedule == "0 1 * * *"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    # It is not part of the sync.
    keys = both.resolve_job_def("eu_sync").asset_layer.executable_asset_keys
    assert dg.AssetKey(["eu", "help_desk_maintenance"]) not in keys


def test_a_file_that_is_in_use_is_reported(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path.parent))

    result = execute(defs.resolve_job_def("help_desk_maintenance"), instance)

    assert "it is a folder" in error_of(result)


def test_earlier_states_are_kept_for_a_week_or_as_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HelpDeskWarehouse().keep() == timedelta(days=7)
    assert HelpDeskWarehouse(keep_snapshots=0.5).keep() == timedelta(hours=12)
    monkeypatch.setenv("DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS", "2")
    assert HelpDeskWarehouse().keep() == timedelta(days=2)
    monkeypatch.setenv("DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS", "-1")
    with pytest.raises(dg.Failure, match="DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS"):
        HelpDeskWarehouse().keep()
    monkeypatch.setenv("DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS", "long")
    with pytest.raises(dg.Failure, match="DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS"):
        HelpDeskWarehouse().keep()
