"""The commands of each documentation page, run in a shell, in order."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from helpdesk_assets_tests.conftest import API_KEY, PROJECT, Sandbox
from helpdesk_assets_tests.project.test_docs import PAGES, blocks, named

StartSandbox = Callable[..., Sandbox]

# Commands with these prefixes run in other tests, or run the tests.
ELSEWHERE = {
    "make ": "project/test_readme.py, and the legs of .ci/run",
    ".venv/bin/python -m pytest ": "make test",
    "curl ": "nowhere: it is sent to a vendor",
    "pip install ": "project/test_packaging.py",
    "dg scaffold defs ": "location/test_components.py",
    "docker ": "nowhere: project/test_deploy.py and scale/ test what the image runs",
    ".venv/bin/dagster job execute -m helpdesk_assets -j help_desk_verify_parts": (
        "assets/test_parts.py, with a profile that has a date_filter"
    ),
    ".venv/bin/dagster job backfill -m helpdesk_assets -j help_desk_parts": (
        "assets/test_parts.py, with a profile that has a date_filter"
    ),
    ".venv/bin/python -m helpdesk_assets.sandbox --port 0 --fault ": (
        "cli/: the check reports the fault, and its exit code is 1"
    ),
}
# On the pages of vendors, whose addresses are examples: vendors/test_check.py.
CHECK = ".venv/bin/python -m helpdesk_assets check"
# Servers are started, and must answer or report that they are ready.
SERVERS = (".venv/bin/dagster-daemon run", ".venv/bin/dagster-webserver ", ".venv/bin/dg dev")


def commands(page: Path) -> list[str]:
    """Return the lines of a page that are run here."""
    lines = [
        line
        for block in blocks("sh")
        if block.page == named(page)
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    if page.parent.name == "vendors":
        lines = [line for line in lines if line != CHECK]
    return [line for line in lines if line.strip() and not line.startswith(tuple(ELSEWHERE))]


def project_for(tmp_path: Path) -> Path:
    """Return a folder that is like a clone of the project and can be written to."""
    folder = tmp_path / "clone"
    (folder / ".dagster").mkdir(parents=True)
    for name in ("helpdesk_assets", "pyproject.toml", "workspace.yaml", ".dlt"):
        (folder / name).symlink_to(PROJECT / name)
    shutil.copytree(PROJECT / "deploy", folder / "deploy")
    (folder / ".venv").symlink_to(sys.prefix)
    settings = (PROJECT / ".dagster" / "dagster.yaml").read_text()
    (folder / ".dagster" / "dagster.yaml").write_text(settings)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=named)
def test_commands_of_a_page_succeed(page: Path, sandbox: StartSandbox, tmp_path: Path) -> None:
    folder, desk = project_for(tmp_path), sandbox(tickets=30)
    settings = {
        "SOURCES__HELP_DESK__BASE_URL": desk.base_url,
        "API_KEY": API_KEY,
        "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "data" / "tickets.duckdb"),
        "DAGSTER_HOME": str(folder / ".dagster"),
        "PATH": f"{folder}/.venv/bin:{os.environ['PATH']}",
        "DLT_PROJECT_DIR": str(folder),
    }
    (folder / "data").mkdir()
    # A profile that readers create on another page.
    profile = (PROJECT / "helpdesk_assets" / "profiles" / "default.yaml").read_text()
    (folder / "desk.yaml").write_text(profile)
    exported = ""
    for line in commands(page):
        given = line.replace("https://api.example.com", desk.base_url)
        given = given.replace("the-key-to-your-help-desk", API_KEY)
        if given.startswith("export "):
            exported += f"{given}\n"
        elif given.startswith(SERVERS):
            serve(given, folder, settings)
        else:
            run(exported, given, folder, settings)


def run(exported: str, line: str, folder: Path, settings: dict[str, str]) -> None:
    """Run a command, after the exports above it."""
    done = subprocess.run(
        ["bash", "-e", "-c", exported + line],
        cwd=folder,
        env={**os.environ, **settings},
        # Confirms, if a command asks for confirmation.
        input="y\n",
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def serve(line: str, folder: Path, settings: dict[str, str]) -> None:
    """Start a server, wait until it answers or reports that it is ready, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = shlex.split(re.sub(r" -p \d+", "", line))
    has_port = "dagster-daemon" not in line
    words += ["--port", str(port)] if has_port else []
    log = folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        for _ in range(120):
            assert server.poll() is None, log.read_text()
            if "Instance is configured with the following daemons" in log.read_text():
                return
            if has_port and answers(port):
                return
            time.sleep(0.5)
        pytest.fail(log.read_text())
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(60)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/server_info", timeout=5).ok
    except requests.RequestException:
        return False


def test_every_page_with_commands_is_tested() -> None:
    for block in blocks("sh"):
        assert block.page in set(map(named, PAGES))
    tests = " ".join(ELSEWHERE.values())
    for path in re.findall(r"\w+/test_\w+\.py", tests):
        assert (PROJECT / "helpdesk_assets_tests" / path).exists()
