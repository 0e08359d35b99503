"""A full sync in parts that several workers load into a lake at once."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets_tests.conftest import BIN, Sandbox
from helpdesk_assets_tests.scale.places import Lake
from helpdesk_assets_tests.support.profile import with_undated

pytestmark = pytest.mark.scale

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]

WORKERS = 3
DAGSTER = (str(BIN / "dagster"), "job", "execute", "-m", "helpdesk_assets", "-j")
TICKETS = 1200


async def slow(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answer after 50 ms."""
    await asyncio.sleep(0.05)
    return await answer(request)


def months(number: int) -> list[str]:
    """Return the partitions of the last months, oldest first."""
    now = datetime.now(timezone.utc)
    last = now.year * 12 + now.month - 1
    return [f"{n // 12}-{n % 12 + 1:02}-01" for n in range(last - number + 1, last + 1)]


class Worker:
    """A worker with an instance, a home and a folder for temporary files of its own.

    Args:
        folder: its folder.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "tmp").mkdir(parents=True)
        self._environment = {
            **os.environ,
            **dict.fromkeys(("HOME", "DAGSTER_HOME", "DLT_DATA_DIR"), str(folder)),
            "TMPDIR": str(folder / "tmp"),
        }
        self._folder = folder

    def start(self, job: str, config: object = None) -> subprocess.Popen[str]:
        """Start a job."""
        (self._folder / "config.json").write_text(json.dumps(config or {}))
        return subprocess.Popen(
            [*DAGSTER, job, "-c", str(self._folder / "config.json")],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def load(self, part: str) -> subprocess.Popen[str]:
        """Start to load a part."""
        return self.start(
            "help_desk_parts", {"ops": {"help_desk_part": {"config": {"part": part}}}}
        )

    def run(self, running: subprocess.Popen[str]) -> str:
        """Wait until a job has succeeded, and return its log."""
        _, log = running.communicate(timeout=240)
        assert running.returncode == 0, log[-3000:]
        return log


def load_all(workers: Sequence[Worker], parts: Sequence[str]) -> None:
    """Load parts; each worker takes the next one when it has loaded one."""
    left = iter(parts)

    def work(worker: Worker) -> None:
        for part in left:
            worker.run(worker.load(part))

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work, workers))


@pytest.mark.parametrize("warehouse", ["lake"], indirect=True)
@pytest.mark.timeout(600)
def test_parts_that_workers_load_at_once_are_verified_together(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = months(6)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(with_undated(tmp_path / "desk.yaml")))
    monkeypatch.setenv("SCHEDULES__HELP_DESK_BACKFILL__START", parts[0])
    desk = sandbox(tickets=TICKETS, fault=slow)
    connect(desk)
    workers = [Worker(tmp_path / f"worker {number}") for number in range(WORKERS)]
    load_all(workers, parts[1:])
    # Killed while it loads the first part, with all earlier tickets: it is loaded once more.
    killed = workers[0].load(parts[0])
    asked = len(desk.times)
    while len(desk.times) < asked + 3:
        assert killed.poll() is None
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    desk.desk.tickets.pop(TICKETS // 2)
    load_all(workers[1:], parts[:1])
    workers[2].run(workers[2].start("help_desk_verify_parts"))

    stored = warehouse.query(
        "select id, subject, status, deleted_at is null from help_desk.help_desk_tickets order by 1"
    )
    assert [row[:3] for row in stored if row[3]] == sorted(
        (ticket["id"], ticket["subject"], ticket["status"]) for ticket in desk.desk.tickets
    )
    assert warehouse.query("select count(*) from help_desk._parts") == [(0,)]
