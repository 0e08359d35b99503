"""The code location loads without any configuration, and loading it has no side effects."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import BIN, PROJECT, Sandbox, Warehouse, command

# Run in another process. Prints what the import opens, creates or connects to, according to audit
# events of Python, except the code of the imported modules.
WATCH_IMPORT = """
import sys
touched = []
def watch(event, arguments):
    if event == "open":
        path = str(arguments[0])
        if ".dlt" in path or "secrets" in path or arguments[2] & 3:
            touched.append((event, path))
    elif event in ("os.mkdir", "os.rename", "os.remove", "socket.connect", "subprocess.Popen"):
        touched.append((event, str(arguments)))
import dagster, dagster_dlt, dlt, duckdb
sys.addaudithook(watch)
import helpdesk_assets
helpdesk_assets.defs.resolve_all_job_defs()
print(touched)
"""


def test_import_reads_no_secret_and_creates_no_file(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".dlt").mkdir(parents=True)
    (project / ".dlt" / "secrets.toml").write_text('api_key = "planted"')
    (project / ".dlt" / "config.toml").write_text("")
    said = subprocess.check_output(
        [sys.executable, "-B", "-c", WATCH_IMPORT],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(project)},
        text=True,
    )

    assert said == "[]\n"
    assert sorted(path.name for path in project.rglob("*")) == [
        ".dlt",
        "config.toml",
        "secrets.toml",
    ]


def test_definitions_validate_without_any_configuration(tmp_path: Path) -> None:
    finished = subprocess.run(
        [BIN / "dagster", "definitions", "validate"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout
    assert "Validation successful for code location helpdesk_assets" in finished.stdout


@pytest.mark.long
def test_dg_commands_work_in_this_repository(
    sandbox: Callable[..., Sandbox], connect: Callable[[Sandbox], None], warehouse: Warehouse
) -> None:
    checked = command("dg", "check", "defs", cwd=PROJECT)
    listed = command("dg", "list", "defs", "--json", cwd=PROJECT)
    connect(sandbox(tickets=10))
    launched = command("dg", "launch", "--job", "help_desk_sync", cwd=PROJECT)

    assert checked.returncode == 0, checked.stdout
    assert "All definitions loaded successfully" in checked.stdout
    found = json.loads(listed.stdout[listed.stdout.index("{") :])
    assert {job["name"] for job in found["jobs"]} >= {"help_desk_sync", "help_desk_backfill"}
    assert launched.returncode == 0, launched.stdout
    assert len(warehouse.tickets()) == 10
    for said in (checked.stdout, listed.stdout, launched.stdout):
        assert "Warning" not in said, said
