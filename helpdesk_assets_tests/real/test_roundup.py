"""Syncs of a real Roundup, compared with its own database."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import (
    API_KEY,
    SETTINGS,
    Warehouse,
    error_of,
    everything_logged,
)
from helpdesk_assets_tests.real.program import Run, opened
from helpdesk_assets_tests.real.syncs import completeness, failures, spelled
from helpdesk_assets_tests.vendors.test_vendors import load

pytestmark = pytest.mark.real

Sync = Callable[[], dg.ExecuteInProcessResult]

ISSUES = 1200


@pytest.fixture
def desk(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Create a help desk whose issues are a month old; the value runs its commands."""
    with opened("roundup_desk.py", tmp_path, getattr(request, "param", ISSUES)) as (run, base_url):
        run("age")
        for name, value in zip(SETTINGS, (base_url, API_KEY, str(warehouse.path)), strict=True):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ROUNDUP_USER", "reader")
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", "roundup")
        yield run


def on_desk(run: Run) -> list[tuple[Any, ...]]:
    return [tuple(issue) for issue in json.loads(run("issues"))]


def in_table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select id, subject, status, {spelled('created_at')}, {spelled('updated_at')}, assignee_id"
        " from help_desk.help_desk_tickets where deleted_at is null order by id"
    )


def messages_in_table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        "select message.id, author_id, body, link._collection_id from help_desk.messages as message"
        " left join help_desk.issue_messages as link on link.id = message.id"
        " and link.deleted_at is null where message.deleted_at is null order by message.id"
    )


def test_first_incremental_and_full_sync_match_the_database(
    desk: Run, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    first = load(instance)
    assert first.success, failures(first)
    assert len(in_table(warehouse)) == ISSUES
    assert in_table(warehouse) == on_desk(desk)
    assert messages_in_table(warehouse) == [tuple(row) for row in json.loads(desk("messages"))]
    assert all(completeness(first).values())

    desk("change", "20")
    desk("create", "7")
    second = load(instance)
    assert second.success, failures(second)
    # Even though the user's time zone is eleven hours behind that of the issues.
    assert in_table(warehouse) == on_desk(desk)
    assert messages_in_table(warehouse) == [tuple(row) for row in json.loads(desk("messages"))]
    (tickets,) = second.asset_materializations_for_node("help_desk_tickets")
    assert tickets.metadata["rows_read"].value == 27

    desk("retire", "12")
    third = load(instance, full_refresh=True)
    assert third.success, failures(third)
    assert len(on_desk(desk)) == ISSUES + 7 - 12
    assert in_table(warehouse) == on_desk(desk)
    assert warehouse.query(
        "select count(*) from help_desk.help_desk_tickets where deleted_at is not null"
    ) == [(12,)]


@pytest.mark.parametrize("desk", [1], indirect=True)
@pytest.mark.usefixtures("desk")
def test_wrong_password_is_reported(
    sync: Sync, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the tickets, because Roundup rejects all logins for minutes after four failed ones.
    monkeypatch.setenv("API_KEY", "wrong-planted-1Zz")
    result = sync()

    assert not result.success
    assert "401" in error_of(result)
    assert "wrong-planted-1Zz" not in everything_logged(instance, result)
