"""The README's commands work, and the tables of the documentation match the code."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
import requests
from dlt.common.configuration.specs import BaseConfiguration
from dlt.destinations.impl.ducklake.configuration import DEFAULT_DUCKLAKE_NAME

from helpdesk_assets.checks import CHECKS
from helpdesk_assets.definitions import DEFAULT_EXECUTOR, defs
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.profiles import DEFAULT_PROFILE
from helpdesk_assets.reports.assets import REPORT
from helpdesk_assets.resources import (
    HelpDeskAlerts,
    HelpDeskApi,
    HelpDeskReports,
    HelpDeskWarehouse,
)
from helpdesk_assets.resources.alerts import DEFAULT_UI_URL
from helpdesk_assets.resources.api_settings import DEFAULT_DELETES, Incremental
from helpdesk_assets.resources.business_hours import DEFAULT_HOURS
from helpdesk_assets.resources.numbers import (
    DEFAULT_DELETED_SHARE,
    DEFAULT_IN_FLIGHT,
    DEFAULT_LAG,
    DEFAULT_REJECTED_SHARE,
)
from helpdesk_assets.resources.reports import DEFAULT_PENDING_STATUSES, DEFAULT_TIMEZONE
from helpdesk_assets.resources.warehouse import DEFAULT_KEEP_SNAPSHOTS, DEFAULT_LOCK_TIMEOUT
from helpdesk_assets.transport.retries import RetryPolicy
from helpdesk_assets.warehouse.choice import DUCKLAKE, MOTHERDUCK
from helpdesk_assets.warehouse.memory import default_limit
from helpdesk_assets_tests.conftest import PROJECT, SETTINGS, Sandbox, Warehouse, at_length
from helpdesk_assets_tests.support.webserver import end, free_port, wait_for

README = (PROJECT / "README.md").read_text()
STARTED = (PROJECT / "docs" / "getting-started.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()
]
INCREMENTAL = ("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM",)
StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]


def rows_of(page: str) -> list[list[str]]:
    """Return the cells of the table rows of a page that begin with a name in code format."""
    rows = (PROJECT / "docs" / page).read_text().splitlines()
    return [
        [cell.strip().strip("`") for cell in row.strip("|").split("|")]
        for row in rows
        if row.startswith("| `")
    ]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The start of a ``make`` command that uses this environment, and a temporary data folder."""
    # Otherwise, make would behave differently if it has started these tests itself.
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)
    ready = f"{sys.prefix}/.ready"
    return ["make", f"--old-file={ready}", f"VENV={sys.prefix}", f"DATA={tmp_path / 'data'}"]


def test_all_commands_of_the_readme_are_tested() -> None:
    settings = [line for line in COMMANDS if line.startswith("export ")]
    commands = [line for line in COMMANDS if line not in settings]

    assert [line.partition(" ")[2].partition("=")[0] for line in settings] == [
        *SETTINGS,
        "DAGSTER_HOME",
        *INCREMENTAL,
    ]
    assert commands == [
        "make demo",
        "make test",
        "make dev",
        "mkdir -p data",
        ".venv/bin/python -m helpdesk_assets check",
        ".venv/bin/dg launch --job help_desk_sync",
        ".venv/bin/dg dev",
        "pip install .",
        "dg scaffold defs helpdesk_assets.HelpDeskComponent eu --profile zendesk",
        ".venv/bin/dagster schedule start help_desk_sync_schedule",
    ]


def on_a_terminal(command: list[str]) -> str:
    """Run a command in a pseudo-terminal; return its output."""
    ours, its = os.openpty()
    with subprocess.Popen(
        command, cwd=PROJECT, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"}
    ) as running:
        os.close(its)
        said = b""
        # Reading fails once no process has the terminal open.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                said += part
    os.close(ours)
    assert running.returncode == 0, said.decode()
    return said.decode().replace("\r\n", "\n")


def on_a_pipe(command: list[str]) -> str:
    return subprocess.run(
        command,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=True,
    ).stdout


def same_each_time(output: str) -> set[str]:
    """Return the lines of an output, without parts that differ between runs and machines."""
    # The sandbox's tickets are those of the year before the current hour.
    output = re.sub(r"^(  \d+ \|) .*", r"\1 ...", output, flags=re.M)
    output = re.sub(r"127\.0\.0\.1:\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "...", output)
    return set(re.sub(r"\S+/(\w+\.(duckdb|html))", r"\1", output).splitlines())


@pytest.mark.parametrize("runs", at_length([[on_a_terminal], [on_a_terminal, on_a_pipe]], short=1))
def test_make_demo_prints_the_documented_output(
    runs: list[Callable[[list[str]], str]], make: list[str]
) -> None:
    for run in runs:
        said = run([*make, "demo"])
        assert "superseded" not in said
        assert "DEBUG" not in said
        assert said.count("\n") <= 36

        assert ("help_desk_models" in said.partition("Checks of run")[0]) == (run is on_a_terminal)
        assert "2,500 rows in help_desk.help_desk_tickets" in said
        assert len(re.findall(r"^  \d+ \| ", said, re.M)) == 5
        for check in CHECKS:
            assert f"passed  help_desk_tickets: {check.name}\n" in said
        assert said.count(": adds_up\n") == len(MODELS)
        report = re.findall(r"^Report: (.+)$", said, re.M)
        assert len(report) == 1
        assert Path(report[0]).read_text().startswith("<!doctype html>")
        assert "sandbox.duckdb" in said
        (shown,) = re.findall(r"```text\n(.*?)```", STARTED, re.S)
        assert same_each_time(shown) <= same_each_time(said)


@pytest.mark.long
def test_make_demo_fails_if_the_run_fails(make: list[str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sandbox.duckdb").write_text("not a database\n" * 500)
    finished = subprocess.run(
        [*make, "demo"], cwd=PROJECT, capture_output=True, text=True, timeout=180, check=False
    )

    assert finished.returncode != 0
    assert "cannot be opened" in finished.stdout + finished.stderr


def test_make_test_and_test_all_run_pytest(make: list[str]) -> None:
    recipes = [
        subprocess.check_output([*make, "--dry-run", target], cwd=PROJECT, text=True).strip()
        for target in ("test", "test-all")
    ]

    assert recipes[0].endswith("-m pytest -n auto --maxprocesses 4")
    assert recipes[1].startswith(recipes[0])
    assert recipes[1].endswith("-m pytest -n auto --maxprocesses 4 -m long")


@pytest.mark.long
def test_make_dev_stops_after_one_ctrl_c(make: list[str], tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "dev.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*make, "dev", f"PORT={port}"],
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_for(lambda: requests.get(f"http://127.0.0.1:{port}", timeout=5).ok, log)
            desk = re.search(r"tickets at (http://\S+)", log.read_text())
            assert desk
            assert requests.get(f"{desk.group(1)}/v1/tickets", timeout=5).status_code == 401
        finally:
            # Sent to the whole process group, as a terminal does.
            os.killpg(process.pid, signal.SIGINT)
            end(process)

    assert "superseded" not in log.read_text()
    for address in (f"http://127.0.0.1:{port}", desk.group(1)):
        with pytest.raises(requests.ConnectionError):
            requests.get(address, timeout=5)


@pytest.mark.long
def test_documented_commands_load_a_help_desk(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=42))
    for line in COMMANDS:
        if line.startswith((".venv/bin/dg launch", ".venv/bin/python")):
            subprocess.run(
                line.replace(".venv", sys.prefix).split(), cwd=PROJECT, timeout=120, check=True
            )

    assert len(warehouse.tickets()) == 42


@pytest.mark.long
def test_documented_command_starts_the_schedule() -> None:
    (line,) = [line for line in COMMANDS if "schedule start" in line]
    subprocess.run(line.replace(".venv", sys.prefix).split(), cwd=PROJECT, timeout=120, check=True)
    listed = subprocess.check_output(
        [Path(sys.prefix, "bin", "dagster"), "schedule", "list"], cwd=PROJECT, text=True
    )

    assert "help_desk_sync_schedule [RUNNING]" in listed


def test_documented_settings_match_the_code() -> None:
    rows = {row[0]: row for row in rows_of("settings.md")}
    described = " ".join(
        str(field.description)
        for resource in (
            HelpDeskApi,
            Incremental,
            HelpDeskWarehouse,
            HelpDeskReports,
            HelpDeskAlerts,
        )
        for field in resource.model_fields.values()
    )
    of_resources = set(re.findall(r"\b(?:[A-Z]+(?:__[A-Z_]+)+|API_KEY)\b", described))
    defaults = {
        f"RUNTIME__{name.upper()}": str(getattr(RetryPolicy, name))
        for name in RetryPolicy.get_resolvable_fields()
        if name not in BaseConfiguration.get_resolvable_fields()
    }
    defaults["RUNTIME__EXECUTOR"] = DEFAULT_EXECUTOR
    defaults["REPORTS__HELP_DESK__MODELS"] = ""
    defaults["SCHEDULES__HELP_DESK_SYNC__CRON"] = str(
        defs.resolve_schedule_def("help_desk_sync_schedule").cron_schedule
    )
    defaults["SCHEDULES__HELP_DESK_FULL_REFRESH__CRON"] = str(
        defs.resolve_schedule_def("help_desk_full_refresh_schedule").cron_schedule
    )
    defaults["SCHEDULES__HELP_DESK_MAINTENANCE__CRON"] = str(
        defs.resolve_schedule_def("help_desk_maintenance_schedule").cron_schedule
    )
    months = defs.resolve_job_def("help_desk_backfill").partitions_def
    assert isinstance(months, dg.TimeWindowPartitionsDefinition)
    defaults["SCHEDULES__HELP_DESK_BACKFILL__START"] = f"{months.start:%Y-%m-%d}"
    defaults["SCHEDULES__HELP_DESK_SYNC__TIMEZONE"] = str(
        defs.resolve_schedule_def("help_desk_sync_schedule").execution_timezone
    )
    lake = "DESTINATION__DUCKLAKE__CREDENTIALS"
    defaults |= {
        "DESTINATION_NAME": "",
        "DESTINATION_TYPE": "",
        f"{lake}__CATALOG": "",
        f"{lake}__DUCKLAKE_NAME": DEFAULT_DUCKLAKE_NAME,
        f"{lake}__STORAGE__BUCKET_URL": "",
        "DESTINATION__MOTHERDUCK__CREDENTIALS": "",
    }
    for kind in (DUCKLAKE, MOTHERDUCK):
        defaults |= {
            f"DESTINATION__{kind.upper()}__LOCK_TIMEOUT": f"{DEFAULT_LOCK_TIMEOUT:g}",
            f"DESTINATION__{kind.upper()}__MEMORY_LIMIT": default_limit(),
        }
    of_ours = {
        "DESTINATION__DUCKDB__LOCK_TIMEOUT": f"{DEFAULT_LOCK_TIMEOUT:g}",
        "DESTINATION__DUCKDB__MEMORY_LIMIT": default_limit(),
        "DESTINATION__DUCKDB__SNAPSHOT": "",
        "DESTINATION__DUCKLAKE__KEEP_SNAPSHOTS": f"{DEFAULT_KEEP_SNAPSHOTS:g}",
        "SOURCES__HELP_DESK__API_KEY": "",
        "SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH": "",
        "SOURCES__HELP_DESK__INCREMENTAL__LAG": f"{DEFAULT_LAG:g}",
        "SOURCES__HELP_DESK__PAGES_IN_FLIGHT": str(DEFAULT_IN_FLIGHT),
        "SOURCES__HELP_DESK__REJECTED_SHARE": f"{DEFAULT_REJECTED_SHARE:g}",
        "SOURCES__HELP_DESK__REQUESTS_PER_SECOND": "",
        "SOURCES__HELP_DESK__PROFILE": DEFAULT_PROFILE,
        "SOURCES__HELP_DESK__DELETES": DEFAULT_DELETES,
        "SOURCES__HELP_DESK__DELETED_SHARE": f"{DEFAULT_DELETED_SHARE:g}",
    }

    of_ours |= {
        "REPORTS__HELP_DESK__TIMEZONE": DEFAULT_TIMEZONE,
        "REPORTS__HELP_DESK__SOLVED_STATUSES": "",
        "REPORTS__HELP_DESK__PENDING_STATUSES": ", ".join(DEFAULT_PENDING_STATUSES),
        "REPORTS__HELP_DESK__BUSINESS_HOURS": json.dumps(DEFAULT_HOURS),
        "REPORTS__HELP_DESK__HOLIDAYS": "",
        "REPORTS__HELP_DESK__SLA_TARGETS": "",
        "REPORTS__HELP_DESK__PATH": "",
        "REPORTS__HELP_DESK__URL": "",
        "REPORTS__HELP_DESK__SUBJECTS": "false",
        "ALERTS__HELP_DESK__WEBHOOK_URL": "",
        "ALERTS__HELP_DESK__SLACK_TOKEN": "",
        "ALERTS__HELP_DESK__SLACK_CHANNEL": "",
        "ALERTS__HELP_DESK__UI_URL": DEFAULT_UI_URL,
    }

    assert of_resources == {*SETTINGS, *INCREMENTAL, *of_ours}
    defaults |= {**of_ours, "HASH_KEY": ""}
    assert set(rows) == of_resources | set(defaults)
    for name, default in defaults.items():
        assert rows[name][2] == default
    for name, row in rows.items():
        if row[1] != "environment only":
            in_the_environment = re.sub(r"\] |\.", "__", row[1].lstrip("[")).upper()
            assert in_the_environment == name


def test_documented_checks_match_the_code() -> None:
    rows = {row[0]: row for row in rows_of("checks.md")}

    assert list(rows) == [check.name for check in CHECKS]
    for check in CHECKS:
        assert rows[check.name][2].startswith("the run fails" if check.blocking else "a warning")


def test_documented_reports_match_the_code() -> None:
    assert [row[0] for row in rows_of("reports.md")] == [
        *(each.name for each in MODELS),
        REPORT,
    ]
    assert [(row[0], row[2]) for row in rows_of("models.md")] == [
        (column.name, column.description.strip("`")) for model in MODELS for column in model.columns
    ]


def test_pictures_in_the_readme_have_absolute_urls() -> None:
    # For sites that show the README, such as PyPI. test_docs.py tests that the files exist.
    on_main = "https://raw.githubusercontent.com/helpdesk-assets/helpdesk_assets/main/docs/"
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)

    assert len(pictures) == 4
    assert all(picture.startswith(on_main) for picture in pictures)
