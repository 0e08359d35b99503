"""Texts that an API sends for fields that are not set."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of

UNSET = "1970-01-01T00:00:00Z"


def test_null_values_in_the_profile_are_loaded_as_null(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=0)
    desk.desk.tickets = [
        {
            "id": 1,
            "subject": "",
            "status": "open",
            "created_at": "2026-01-01T00:00:00Z",
            "solved": UNSET,
            "owner": {"name": "", "since": UNSET, "age": 0},
            "tags": [""],
        },
        {
            "id": 2,
            # Only the whole text counts.
            "subject": f"since {UNSET}",
            "status": "",
            "created_at": "",
            "solved": "2026-01-02T00:00:00Z",
            "owner": {"name": "Ada", "since": "2026-01-02T00:00:00Z", "age": 36},
            "tags": [],
        },
    ]
    connect(desk)
    profile = tmp_path / "desk.yaml"
    default = (BUILT_IN / "default.yaml").read_text()
    profile.write_text(default.replace("client:", f'null_values: ["", {UNSET}]\nclient:'))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(profile))

    result = sync()
    assert result.success, error_of(result)
    assert warehouse.query(
        "select subject, status, created_at is null, solved is null, owner__name,"
        " owner__since is null, owner__age, tags from help_desk.help_desk_tickets order by id"
    ) == [
        (None, "open", False, True, None, True, 0, '[""]'),
        (f"since {UNSET}", None, True, False, "Ada", False, 36, "[]"),
    ]


def test_new_null_values_apply_to_existing_rows(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=20)
    desk.desk.tickets[3]["status"] = "-"
    connect(desk)
    profile = tmp_path / "desk.yaml"
    default = (BUILT_IN / "default.yaml").read_text()
    profile.write_text(default)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(profile))
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    assert sync().success
    assert metadata_of(sync())["sync_mode"] == "incremental"

    profile.write_text(default.replace("client:", 'null_values: ["-"]\nclient:'))
    assert metadata_of(sync())["sync_mode"] == "full"
    assert warehouse.query("select status from help_desk.help_desk_tickets where id = 4") == [
        (None,)
    ]
