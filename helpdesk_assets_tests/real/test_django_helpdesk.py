"""Syncs of a real django-helpdesk, compared with its own database."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import (
    API_KEY,
    SETTINGS,
    Warehouse,
    command,
    metadata_of,
)
from helpdesk_assets_tests.real.program import Run, opened

pytestmark = pytest.mark.real

Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def desk(tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Create a help desk with 350 tickets; the value runs its commands."""
    with opened("django_desk.py", tmp_path, 350) as (run, base_url):
        for name, value in zip(SETTINGS, (base_url, API_KEY, str(warehouse.path)), strict=True):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", "django_helpdesk")
        yield run


def on_desk(run: Run) -> list[tuple[Any, ...]]:
    return [
        (number, title, status, datetime.fromisoformat(created))
        for number, title, status, created in json.loads(run("tickets"))
    ]


def in_table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        "select id, subject, status, created_at from help_desk.help_desk_tickets"
        " where deleted_at is null order by id"
    )


def test_three_syncs_and_a_deletion_match_the_database(
    desk: Run, sync: Sync, warehouse: Warehouse
) -> None:
    first = sync()
    assert first.success
    assert len(in_table(warehouse)) == 350
    assert in_table(warehouse) == on_desk(desk)
    assert all(check.passed for check in first.get_asset_check_evaluations())
    assert metadata_of(first)["completeness_verified"]

    desk("change", "20")
    desk("create", "7")
    assert sync().success
    assert in_table(warehouse) == on_desk(desk)
    assert (
        len(warehouse.query("from help_desk.help_desk_tickets where subject ~ 'renamed.*'")) == 20
    )

    desk("delete", "12")
    third = sync()
    assert third.success
    assert len(on_desk(desk)) == 345
    assert in_table(warehouse) == on_desk(desk)
    assert metadata_of(third)["rows_deleted"] == 12
    assert warehouse.query(
        "select count(*) from help_desk.help_desk_tickets where deleted_at is not null"
    ) == [(12,)]
    columns = [name for name, *_ in warehouse.query("describe help_desk.help_desk_tickets")]
    assert "secret_key" not in columns


@pytest.mark.usefixtures("desk")
def test_check_succeeds() -> None:
    finished = command("python", "-m", "helpdesk_assets", "check")

    assert finished.returncode == 0, finished.stdout
    assert "a full sync of 350 tickets" in finished.stdout
    assert "FAILED" not in finished.stdout
