"""The command line that users and schedulers run: ``dagster job execute``."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import API_KEY, EXECUTE, Sandbox, Warehouse, command

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]


def test_job_runs_with_only_the_three_settings(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=250))
    for name in ("DAGSTER_HOME", "DLT_PROJECT_DIR", "RUNTIME__REQUEST_BACKOFF_FACTOR"):
        monkeypatch.delenv(name)
    finished = command(*EXECUTE, cwd=tmp_path)

    assert finished.returncode == 0, finished.stdout
    assert len(warehouse.tickets()) == 250
    assert API_KEY not in finished.stdout
    # Users cannot fix what dlt warns about.
    assert "|[WARNING]|" not in finished.stdout


def test_wrong_key_fails_with_an_error_message_after_one_request(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse, tmp_path: Path
) -> None:
    desk = sandbox()
    connect(desk)
    finished = command(*EXECUTE, env={"API_KEY": "sk-not-this-one"}, cwd=tmp_path)

    assert finished.returncode != 0
    assert "rejected the API key (HTTP 401): set API_KEY" in finished.stdout
    assert "sk-not-this-one" not in finished.stdout
    assert len(desk.queries) == 1
