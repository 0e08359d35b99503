"""Runs leave neither the key nor the content of a ticket outside the tables."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets_tests.conftest import PROJECT, SETTINGS, at_length, command
from helpdesk_assets_tests.support.faults import ENVIRONMENT
from helpdesk_assets_tests.support.leaks import everything_stored, hits, logged_to, spellings

KEY = "sk/7&+=% é"
CUSTOMER = "PLANTED-CUSTOMER-4711"
# Faults whose errors might contain a response body, a row or the requested URL.
SHORT = (
    None,
    "id-text",
    "404-always",
)


@pytest.fixture
def everything_is_logged(tmp_path: Path) -> Iterator[None]:
    """Write the messages of all loggers, at every level, to a file."""
    with logged_to(tmp_path / "everything.log"):
        yield


def run(fault: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run the job with an instance in ``folder``. The DuckDB file is in another folder."""
    desk = Desk(120)
    for ticket in desk.tickets:
        ticket["subject"] = CUSTOMER
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    app = build_app(desk, api_key=KEY, fault=FAULTS[fault].make() if fault else None)
    with serve(app) as base_url, dg.DagsterInstance.local_temp(str(folder)) as instance:
        warehouse = folder.parent / "warehouse"
        warehouse.mkdir()
        for name, value in zip(
            SETTINGS, (base_url, KEY, str(warehouse / "tickets.duckdb")), strict=True
        ):
            monkeypatch.setenv(name, value)
        job = defs.resolve_job_def("help_desk_sync")
        return job.execute_in_process(instance=instance, raise_on_error=False).success


@pytest.mark.parametrize("fault", at_length([None, *FAULTS], short=SHORT))
def test_run_reveals_neither_the_key_nor_a_ticket(
    fault: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    everything_is_logged: None,
) -> None:
    folder = tmp_path / "instance"
    folder.mkdir()
    succeeded = run(fault, folder, monkeypatch)
    printed = capfd.readouterr()
    log = (tmp_path / "everything.log").read_text()

    needles = spellings(KEY) | {CUSTOMER}
    assert hits(needles, folder=folder, printed=printed.out + printed.err + log) == []
    page = tmp_path / "warehouse" / "help_desk_report.html"
    assert page.exists() == succeeded
    assert hits(needles, folder=folder, printed=page.read_text() if succeeded else "") == []
    database = tmp_path / "warehouse" / "tickets.duckdb"
    stored = everything_stored(database)
    assert hits(spellings(KEY), folder=folder, printed=stored) == []


def test_search_finds_a_leaked_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, everything_is_logged: None
) -> None:
    """Without the redaction, the same search finds the key."""
    monkeypatch.setattr(Redaction, "text", lambda self, text: text)
    folder = tmp_path / "instance"
    folder.mkdir()
    run(None, folder, monkeypatch)
    log = (tmp_path / "everything.log").read_text()

    assert hits(spellings(KEY), folder=folder, printed=log)


@pytest.mark.long
def test_process_in_development_mode_does_not_reveal_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(build_app(Desk(5), api_key=KEY, fault=FAULTS["redirects-away"].make())) as base_url:
        values = (base_url, KEY, str(tmp_path / "tickets.duckdb"))
        finished = command(
            "dagster",
            "job",
            "execute",
            "-m",
            "helpdesk_assets",
            "-j",
            "help_desk_sync",
            env={
                **dict(zip(SETTINGS, values, strict=True)),
                "PYTHONDEVMODE": "1",
                "RUNTIME__LOG_LEVEL": "DEBUG",
            },
            cwd=PROJECT,
        )

    assert finished.returncode != 0
    home = Path(os.environ["DAGSTER_HOME"])
    assert hits(spellings(KEY), folder=home, printed=finished.stdout) == []
