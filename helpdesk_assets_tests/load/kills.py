"""Kills syncs at random moments and runs each again: what is in the table? See `make kills`."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from helpdesk_assets.sandbox.app import DEFAULT_API_KEY, build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import BIN, EXECUTE, SETTINGS

SYNC = [str(BIN / EXECUTE[0]), *EXECUTE[1:]]
TICKETS = 2000


def rounds_in_table(path: Path) -> set[str]:
    """Return the rounds that the table's rows are of; one at the most, or it is half written."""
    if not path.exists():
        return set()
    with duckdb.connect(str(path)) as connection:
        try:
            rows = connection.execute(
                "select status, count(*) from help_desk.help_desk_tickets group by status"
            ).fetchall()
        except duckdb.CatalogException:
            return set()
    return {status if count == TICKETS else f"{count} of {status}" for status, count in rows}


def trial(number: int, desk: Desk, path: Path, chance: random.Random) -> tuple[bool, str]:
    """Kill a sync, then run another; return whether all was well, and what was seen."""
    before = rounds_in_table(path)
    for ticket in desk.tickets:
        ticket["status"] = f"round {number}"
    with subprocess.Popen(SYNC, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        moment = chance.uniform(1.5, 5)
        try:
            killed.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            killed.kill()
    between = rounds_in_table(path)
    mended = subprocess.run(SYNC, capture_output=True, text=True, timeout=300, check=False)
    after = rounds_in_table(path)
    left = sorted(entry.name for entry in path.parent.iterdir() if "-run-" in entry.name)
    well = (
        between in (before, {f"round {number}"})
        and mended.returncode == 0
        and after == {f"round {number}"}
        and not left
    )
    return well, f"killed after {moment:.2f} s: {before} -> {between} -> {after} {left or ''}"


def main() -> int:
    """Print what each trial came to; return 0 when all ended complete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50, help="kills [%(default)s]")
    options = parser.parse_args()
    chance = random.Random(1)
    desk = Desk(TICKETS)
    good = 0
    with serve(build_app(desk)) as base_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse" / "tickets.duckdb"
        path.parent.mkdir()
        home = Path(folder) / "dagster_home"
        home.mkdir()
        instance = Path(__file__).parents[2] / ".dagster" / "dagster.yaml"
        (home / "dagster.yaml").write_text(instance.read_text())
        os.environ.update(zip(SETTINGS, (base_url, DEFAULT_API_KEY, str(path)), strict=True))
        os.environ["DAGSTER_HOME"] = str(home)
        for number in range(options.trials):
            well, seen = trial(number, desk, path, chance)
            good += well
            sys.stdout.write(f"{'well' if well else 'BAD '} {seen}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{good} of {options.trials} ended complete and equal to the API\n")
    return 0 if good == options.trials else 1


if __name__ == "__main__":
    sys.exit(main())
