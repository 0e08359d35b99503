"""Each built-in profile against the server of its vendor: a first sync, changes, a full refresh."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    SETTINGS,
    Warehouse,
    at_length,
    error_of,
    everything_logged,
    job_of,
)
from helpdesk_assets_tests.vendors.standin import StandIn, all_standins
from helpdesk_assets_tests.vendors.world import World

STANDINS = all_standins()
# Links to pages, comments, and a history of statuses.
SHORT = ["github_issues"]
Open = Callable[..., StandIn]


@pytest.fixture
def open_vendor(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Serve a vendor's help desk, and configure runs to load from it."""
    with ExitStack() as running:

        def start(profile: str, world: World | None = None) -> StandIn:
            served = STANDINS[profile](world or World())
            served.base_url = running.enter_context(serve(served.app()))
            monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", profile)
            monkeypatch.setenv(SETTINGS[0], served.base_url + served.base_path)
            monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
            for secret, value in served.environment().items():
                monkeypatch.setenv(secret, value)
            return served

        yield start


def load(instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    """Load all tables of the profile, with their checks."""
    definitions = build_defs()
    loaded = dg.AssetSelection.tag("help_desk/layer", "loaded")
    job = job_of(loaded, definitions)
    nodes = [node.name for node in job.nodes] if config else []
    return job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {name: {"config": config} for name in nodes if "check" not in name}},
    )


def compare(served: StandIn, warehouse: Warehouse) -> None:
    """Compare each table, without deleted rows, with the vendor's own data."""
    for table, rows in served.expected().items():
        names = sorted(rows[0]) if rows else []
        listed = ", ".join(f'"{name}"' for name in names) or "*"
        stored = warehouse.query(f"select {listed} from help_desk.{table} where deleted_at is null")
        if not rows:
            assert not stored, table
            continue
        wanted = [tuple(row[name] for name in names) for row in rows]
        assert sorted(map(_spelled, stored)) == sorted(map(_spelled, wanted)), table


def _spelled(row: tuple[Any, ...]) -> str:
    """Return a row as text that can be sorted; times in UTC, whatever their time zone."""
    return repr(
        [
            value.astimezone(timezone.utc).isoformat() if isinstance(value, datetime) else value
            for value in row
        ]
    )


@pytest.mark.parametrize("profile", at_length(STANDINS, short=SHORT))
def test_first_sync_changes_and_full_refresh(
    profile: str, open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = open_vendor(profile)
    result = load(instance)
    assert result.success, error_of(result)
    compare(served, warehouse)

    world, first = served.world, len(served.asked)
    tickets = world.listed()
    world.move(tickets[3], "open")
    world.reply(tickets[4])
    world.add(3)
    result = load(instance)
    assert result.success, error_of(result)
    compare(served, warehouse)
    second = len(served.asked) - first

    world.reply(tickets[5], is_public=False)
    result = load(instance, full_refresh=True)
    assert result.success, error_of(result)
    compare(served, warehouse)
    assert second > 0


@pytest.mark.parametrize("profile", at_length(STANDINS, short=SHORT))
def test_secrets_are_not_stored_or_logged(
    profile: str,
    open_vendor: Open,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = open_vendor(profile)
    for secret in served.secrets:
        monkeypatch.setenv(secret, "wrong-planted-1Zz")
    result = load(instance)

    assert not result.success
    assert "wrong-planted-1Zz" not in everything_logged(instance, result)
