"""Columns of an earlier profile that get another type."""

import os
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets_tests.conftest import BIN, EXECUTE, Sandbox, Warehouse


def run(zone: str) -> None:
    """Run a sync on a machine in a time zone."""
    ran = subprocess.run(
        [str(BIN / EXECUTE[0]), *EXECUTE[1:]],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]


def test_times_without_a_zone_are_converted_from_utc_on_any_machine(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=3)
    connect(desk)
    for ticket in desk.desk.tickets:
        ticket["promised"] = "2026-01-05 09:30:00"
    profile = (BUILT_IN / "default.yaml").read_text()
    described = tmp_path / "desk.yaml"
    described.write_text(
        profile.replace("    fields:\n", "    fields:\n      promised: {path: promised}\n")
    )
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(described))
    run("America/New_York")
    assert {type(value) for (value,) in promised(warehouse)} == {str}
    # It is in no later response, so that only the conversion gives it a time.
    desk.desk.tickets.pop(0)
    typed = "      promised: {path: promised, type: timestamp}\n"
    described.write_text(profile.replace("    fields:\n", f"    fields:\n{typed}"))
    run("America/New_York")

    assert promised(warehouse) == [(datetime(2026, 1, 5, 9, 30, tzinfo=timezone.utc),)] * 3


def promised(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.query("select promised from help_desk.help_desk_tickets")
