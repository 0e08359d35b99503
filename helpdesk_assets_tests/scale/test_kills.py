"""A sync that is killed leaves nothing behind that the next one does not repair."""

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import BIN, EXECUTE, Sandbox, Warehouse
from helpdesk_assets_tests.load.kills import next_round

pytestmark = pytest.mark.scale

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]

SYNC = [str(BIN / EXECUTE[0]), *EXECUTE[1:]]
TICKETS = 2000
# Seconds after the start of the load within which it is killed.
WITHIN = 6.0


def kill_during_the_load(chance: random.Random) -> None:
    """Start a sync, and kill it at a random time after its load has begun."""
    with tempfile.NamedTemporaryFile("a") as log:
        running = subprocess.Popen(
            SYNC, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
        with running:
            while running.poll() is None:
                if "help_desk_tickets - STEP_START" in Path(log.name).read_text():
                    time.sleep(chance.uniform(0, WITHIN))
                    break
                time.sleep(0.01)
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def folders_of_runs(warehouse: Warehouse) -> list[str]:
    temporary = Path(tempfile.gettempdir())
    places = {temporary: "helpdesk_assets-run-*", warehouse.path.parent: ".*-run-*"}
    return [str(path) for place, pattern in places.items() for path in place.glob(pattern)]


@pytest.mark.parametrize("warehouse", ["lake", "sqlite"], indirect=True)
def test_sync_after_a_killed_one_is_whole(
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    desk = sandbox(tickets=TICKETS)
    connect(desk)
    chance = random.Random(3)
    for number in range(2):
        status = next_round(desk.desk, number)
        kill_during_the_load(chance)
        ran = subprocess.run(SYNC, capture_output=True, text=True, timeout=240, check=False)

        assert ran.returncode == 0, ran.stderr[-3000:]
        living = "select status, count(*), count(distinct id) from help_desk.help_desk_tickets"
        assert warehouse.query(f"{living} where deleted_at is null group by all") == [
            (status, TICKETS, TICKETS)
        ]
        schemas = warehouse.query("select schema_name from duckdb_schemas() where not internal")
        assert [name for (name,) in schemas if "staging" in name] == []
        assert folders_of_runs(warehouse) == []
