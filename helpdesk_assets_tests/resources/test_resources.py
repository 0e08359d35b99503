"""Error messages for missing or invalid settings, without the API key."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from helpdesk_assets.build import build_defs
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets_tests.conftest import (
    API_KEY,
    Sandbox,
    Warehouse,
    at_length,
    error_of,
    everything_logged,
)

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

ADDRESS = "SOURCES__HELP_DESK__BASE_URL"
KEY = "API_KEY"
FILE = "DESTINATION__DUCKDB__CREDENTIALS"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (ADDRESS, None, "base URL is missing"),
        (ADDRESS, "", "base URL is missing"),
        (ADDRESS, "  ", "base URL is missing"),
        (ADDRESS, "127.0.0.1:8010", "does not start with http:// or https://"),
        (ADDRESS, "api.example.com/help", "does not start with http:// or https://"),
        (ADDRESS, "ftp://api.example.com", "does not start with http:// or https://"),
        (ADDRESS, "https://", "does not start with http:// or https://"),
        (KEY, None, "API key is missing"),
        (KEY, "", "API key is missing"),
        (FILE, None, "no DuckDB file"),
        (FILE, "", "no DuckDB file"),
        (FILE, ":memory:", "is not one"),
        (FILE, "duckdb:///:memory:", "no DuckDB file"),
        (FILE, ":pipeline:", "no DuckDB file"),
        (FILE, "/no/such/folder/tickets.duckdb", "cannot be opened"),
        (FILE, "/", "cannot be opened"),
        (FILE, "help_desk.duckdb", "called help_desk cannot hold the dataset help_desk"),
    ],
)
def test_missing_or_invalid_setting_is_named_with_a_remedy(
    name: str,
    value: str | None,
    says: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox()
    connect(desk)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    started = time.monotonic()
    result = sync()

    assert not result.success
    assert says in error_of(result)
    assert f"set {name}" in error_of(result)
    assert desk.queries == []
    assert time.monotonic() - started < 10


def test_file_that_is_not_a_database_is_not_changed(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    connect(sandbox())
    warehouse.path.write_text("someone's notes\n" * 500)
    result = sync()

    assert "cannot be opened" in error_of(result)
    assert warehouse.path.read_text() == "someone's notes\n" * 500


def test_file_in_use_is_reported_with_the_process_id(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox()
    connect(desk)
    # Run in another process, which prints a line when it has opened the file.
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(warehouse.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        result = sync()
        holder.communicate(b"\n")

    assert f"(PID {holder.pid})" in error_of(result)
    assert "in use by another process" in error_of(result)
    assert f"in {FILE}" in error_of(result)
    assert desk.queries == []
    assert sync().success


# Run in another process. Prints a line at its start, and then repeatedly opens the file; it is open
# half of the time.
READS = """
import duckdb, sys, time
print(flush=True)
while True:
    try:
        with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reads"):
            time.sleep(0.2)
    except duckdb.IOException:
        pass
    time.sleep(0.2)
"""


@pytest.mark.parametrize("other", at_length(["reads", "writes"], short=["writes"]))
def test_run_waits_whenever_another_process_has_the_file_open(
    other: str,
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=120)
    connect(desk)
    assert whole_sync().success
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "30")
    with subprocess.Popen(
        [sys.executable, "-c", READS, str(warehouse.path), other], stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        del desk.desk.tickets[:3]
        result = whole_sync()
        reader.kill()

    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    gone = "select count(*) from help_desk.help_desk_tickets where deleted_at is not null"
    assert warehouse.query(gone) == [(3,)]


@pytest.mark.parametrize(
    ("limit", "says"),
    [("plenty", "'plenty' is not an amount of memory"), ("1MB", "ran out of the memory")],
)
def test_invalid_or_insufficient_memory_limit_is_reported(
    limit: str,
    says: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=5000))
    monkeypatch.setenv("DESTINATION__DUCKDB__MEMORY_LIMIT", limit)
    result = sync()

    assert says in error_of(result)
    assert "set DESTINATION__DUCKDB__MEMORY_LIMIT to" in error_of(result)


def test_settings_are_read_from_toml_files(
    sandbox: StartSandbox, warehouse: Warehouse, tmp_path: Path
) -> None:
    desk = sandbox(tickets=3)
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        f'[sources.help_desk]\nbase_url = "{desk.base_url}"\n'
    )
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        f'api_key = "{API_KEY}"\n[destination.duckdb]\ncredentials = "{warehouse.path}"\n'
    )
    run = (
        "from helpdesk_assets import defs;"
        "defs.resolve_job_def('help_desk_sync').execute_in_process()"
    )
    subprocess.run(
        [sys.executable, "-c", run],
        cwd=tmp_path,
        env={"PATH": "", "DLT_PROJECT_DIR": str(tmp_path)},
        check=True,
        timeout=120,
    )

    assert len(warehouse.tickets()) == 3


def test_resource_fields_take_precedence(
    sandbox: StartSandbox, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = sandbox(tickets=3)
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:1")
    monkeypatch.setenv("HELP_DESK_KEY", API_KEY)
    defs = build_defs(
        {
            "help_desk_api": HelpDeskApi(
                base_url=desk.base_url, api_key=dg.EnvVar("HELP_DESK_KEY")
            ),
            "help_desk_warehouse": HelpDeskWarehouse(credentials=f"duckdb:///{warehouse.path}"),
        }
    )

    assert defs.resolve_job_def("help_desk_sync").execute_in_process().success
    assert len(warehouse.tickets()) == 3


@pytest.mark.parametrize("key", [API_KEY, "sk/7&+=% é"])
@pytest.mark.parametrize("fault", ["refused", "wrong", "html"])
def test_failed_run_does_not_reveal_the_key(
    key: str,
    fault: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def login_page(request: Request, answer: Answer) -> Response:
        return HTMLResponse(f"<h1>Please log in, {request.url}</h1>")

    desk = sandbox(fault=login_page if fault == "html" else None)
    connect(desk)
    monkeypatch.setenv(KEY, key if fault != "wrong" else f"{key}-wrong")
    if fault == "refused":
        monkeypatch.setenv(ADDRESS, "http://127.0.0.1:9")
    result = sync()

    assert not result.success
    printed = capfd.readouterr()
    left = everything_logged(instance, result) + printed.out + printed.err
    assert "STEP_FAILURE" in left
    for spelling in (key, json.dumps(key)[1:-1], "sk%2F7%26%2B%3D%25+%C3%A9", "sk%2F7"):
        assert spelling not in left


@pytest.mark.parametrize(
    "address",
    [
        "http://agent:hunter2@127.0.0.1:9/help",
        "http://hunter2@127.0.0.1:9",
        "http://:hunter2@127.0.0.1:9",
        "http://127.0.0.1:9/help?token=hunter2",
        "http://127.0.0.1:9/help#hunter2",
        "http://[::1/hunter2",
        "http://127.0.0.1:hunter2",
        "http:///hunter2",
    ],
)
def test_base_url_with_credentials_or_query_is_rejected_and_not_shown(
    address: str,
    sync: Sync,
    sandbox: StartSandbox,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox())
    monkeypatch.setenv(ADDRESS, address)
    result = sync()

    assert error_of(result).startswith("The help desk's base URL ")
    assert ADDRESS in error_of(result)
    assert "hunter2" not in everything_logged(instance, result)


@pytest.mark.parametrize(
    "credentials",
    [
        "md:mydb?motherduck_token=planted-4711",
        "motherduck:///mydb?token=planted-4711",
        "postgresql://user:planted-4711@host/db",
        "s3://planted-4711/tickets.duckdb",
        ":memory:",
    ],
)
def test_destination_that_is_not_a_file_is_rejected_without_creating_one(
    credentials: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox()
    connect(desk)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", credentials)
    monkeypatch.chdir(warehouse.path.parent)
    sentence = error_of(sync())

    assert "is not one: set" in sentence
    assert "set DESTINATION__DUCKDB__CREDENTIALS" in sentence
    assert "planted-4711" not in sentence
    assert desk.queries == []
    assert list(warehouse.path.parent.iterdir()) == []


def test_white_space_around_settings_is_removed(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=10)
    connect(desk)
    for name, value in {
        "DESTINATION__DUCKDB__CREDENTIALS": f" {warehouse.path}\n",
        "SOURCES__HELP_DESK__BASE_URL": f"{desk.base_url}\n",
        "API_KEY": f"{API_KEY}\n",
        "SOURCES__HELP_DESK__PROFILE": "default\n",
        "SOURCES__HELP_DESK__DELETES": "soft\n",
        "SOURCES__HELP_DESK__PAGES_IN_FLIGHT": "2\n",
    }.items():
        monkeypatch.setenv(name, value)

    assert sync().success
    assert len(warehouse.tickets()) == 10
    assert {path.name for path in warehouse.path.parent.iterdir()} == {
        "tickets.duckdb",
        ".tickets.duckdb.lock",
    }
