"""Starts the Dagster UI for a test, and queries its GraphQL API."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from helpdesk_assets_tests.conftest import BIN, PROJECT

START_SECONDS = 120


class Webserver:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer
        return dict(answer["data"])


@contextmanager
def dagster_dev(
    log: Path, *arguments: str, cwd: Path = PROJECT, program: str = "dagster"
) -> Iterator[Webserver]:
    """Start ``dagster dev`` or ``dg dev`` for the project, and stop it with Ctrl-C."""
    port = free_port()
    with (
        log.open("w") as output,
        subprocess.Popen(
            [BIN / program, "dev", "--port", str(port), *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: requests.get(f"{url}/server_info", timeout=5).ok, log)
            yield Webserver(url)
        finally:
            process.send_signal(signal.SIGINT)
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Wait until a process that was told to stop has ended; otherwise kill its process group."""
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text())
