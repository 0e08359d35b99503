"""Kills syncs at random moments, and verifies the file and the next sync. See `make kills`."""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import duckdb

from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.checks import check_result
from helpdesk_assets.models.model import Model
from helpdesk_assets.models.preparation import prepare
from helpdesk_assets.models.sources import create_views
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.profiles import load_profile
from helpdesk_assets.resources import HelpDeskReports
from helpdesk_assets.sandbox.app import DEFAULT_API_KEY, build_app
from helpdesk_assets.sandbox.desk import Desk, Ticket
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import BIN, EXECUTE, SETTINGS

SYNC = [str(BIN / EXECUTE[0]), *EXECUTE[1:]]
TICKETS = 4000
# The number of tickets that are deleted, and of those that are added, before each sync.
GONE = 40
PAGE = "help_desk_report.html"
# Log messages, and the maximum number of seconds between each and the kill. The load is killed most
# often, because its rows and its deletes are two transactions.
MOMENTS = (
    ("RUN_START", 0.1),
    *[("help_desk_tickets - STEP_START", 0.8)] * 4,
    ("help_desk_tickets_checks - STEP_START", 0.2),
    *[("help_desk_models - STEP_START", 0.3)] * 2,
    ("help_desk_report - STEP_START", 0.4),
)


@dataclass
class Contents:
    """The contents of the folder.

    Attributes:
        living: the number of tickets that are not deleted, by status, which contains their round.
        deleted: the number of deleted tickets.
        opened: the number of tickets in ticket_volume_daily; None if it does not exist.
        page: whether the page of the report is complete; None if it does not exist.
    """

    living: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    opened: int | None = None
    page: bool | None = None


def contents_of(path: Path) -> Contents:
    """Return the contents of the folder of a DuckDB file."""
    seen = Contents()
    page = path.with_name(PAGE)
    if page.exists():
        seen.page = page.read_text().rstrip().endswith("</html>")
    if not path.exists():
        return seen
    with duckdb.connect(str(path)) as connection:
        with suppress(duckdb.CatalogException):
            rows = connection.execute(
                "select status, deleted_at is null, count(*) from help_desk.help_desk_tickets"
                " group by all"
            ).fetchall()
            seen.living = Counter({status: count for status, lives, count in rows if lives})
            seen.deleted = sum(count for _, lives, count in rows if not lives)
        with suppress(duckdb.CatalogException):
            (seen.opened,) = connection.execute(
                "select sum(tickets) from help_desk.ticket_volume_daily"
            ).fetchall()[0]
    return seen


def adds_up(path: Path, model: Model) -> bool:
    """Return whether a model agrees with the tickets, by its check."""
    given = {
        "as_of": datetime.now(timezone.utc),
        **HelpDeskReports().parameters(load_profile()),
    }
    with duckdb.connect(str(path)) as connection:
        connection.execute("use help_desk")
        settings = prepare(connection, create_views(connection, "help_desk", {}, given), given)
        return check_result(connection, HelpDesk(), model, settings).passed


def next_round(desk: Desk, number: int) -> str:
    """Give each ticket the status of a round, and replace some by new ones."""
    status = f"round {number}"
    if number:
        newest: list[Ticket] = []
        for ticket in desk.tickets[-GONE:]:
            newest.append({**ticket, "id": ticket["id"] + GONE})
        del desk.tickets[:GONE]
        desk.tickets += newest
    for ticket in desk.tickets:
        ticket["status"] = status
    return status


def kill(moment: str, after: float) -> None:
    """Run a sync, and kill it a number of seconds after a message was logged."""
    # Not a pipe: a process that Dagster starts for logs can outlive the run, and keep it open.
    with tempfile.NamedTemporaryFile("a") as log:
        killed = subprocess.Popen(
            SYNC, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
        with killed:
            while killed.poll() is None:
                if moment in Path(log.name).read_text():
                    with suppress(subprocess.TimeoutExpired):
                        killed.wait(timeout=after)
                    break
                time.sleep(0.005)
            with suppress(ProcessLookupError):
                os.killpg(killed.pid, signal.SIGKILL)


def sync() -> str:
    """Run a sync, and return the end of its log if it failed."""
    try:
        ended = subprocess.run(SYNC, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as error:
        return f"not finished after {error.timeout:.0f} s"
    return ended.stderr[-2000:] if ended.returncode else ""


def trial(number: int, desk: Desk, path: Path, chance: random.Random) -> tuple[bool, str]:
    """Kill a sync, run another one, and return whether all data is correct, and a description."""
    before, status = contents_of(path), next_round(desk, number)
    moment, within = chance.choice(MOMENTS)
    after = chance.uniform(0, within)
    kill(moment, after)
    between = contents_of(path)
    failure = sync()
    end = contents_of(path)
    gone = GONE if number else 0
    merged = Counter({status: TICKETS}) + Counter({f"round {number - 1}": gone})
    stages = {
        "before the merge": (before.living, before.deleted),
        "between merge and deletes": (merged, before.deleted),
        "after the deletes": (Counter({status: TICKETS}), before.deleted + gone),
    }
    there = (between.living, between.deleted)
    stage = next((name for name, seen in stages.items() if seen == there), "")
    # Reports count neither tickets without a date nor those in the trash.
    dated = sum(bool(each["created_at"]) and not each["is_deleted"] for each in desk.tickets)
    left = sorted(entry.name for entry in path.parent.iterdir() if "-run-" in entry.name)
    wrong = [
        what
        for what, is_so in {
            f"half a load: {between}": not stage,
            f"half a report: {between}": between.opened not in (before.opened, dated),
            "half a page": between.page is False,
            f"the next run fails: {failure}": bool(failure),
            f"the next run did not repair it: {end}": (end.living, end.deleted)
            != (Counter({status: TICKETS}), before.deleted + gone),
            "reports that do not add up": not all(adds_up(path, each) for each in MODELS),
            "no page": end.page is not True,
            f"folders: {left}": left,
        }.items()
        if is_so
    ]
    return not wrong, f"{moment} + {after:.2f} s, {stage or '?'} {'; '.join(wrong)}"


def main() -> int:
    """Print the result of each trial; return 0 if all ended complete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50, help="kills [%(default)s]")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the random moments [%(default)s]"
    )
    options = parser.parse_args()
    chance = random.Random(options.seed)
    desk = Desk(TICKETS)
    good, began = 0, time.monotonic()
    with serve(build_app(desk)) as base_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse" / "tickets.duckdb"
        path.parent.mkdir()
        home = Path(folder) / "dagster_home"
        home.mkdir()
        instance = Path(__file__).parents[2] / ".dagster" / "dagster.yaml"
        settings = instance.read_text()
        # The moments are recognized by Dagster's debug messages about its steps.
        settings = settings.replace("python_log_level: INFO", "python_log_level: DEBUG")
        (home / "dagster.yaml").write_text(settings)
        os.environ.update(zip(SETTINGS, (base_url, DEFAULT_API_KEY, str(path)), strict=True))
        os.environ["DAGSTER_HOME"] = str(home)
        for number in range(options.trials):
            well, seen = trial(number, desk, path, chance)
            good += well
            sys.stdout.write(f"{'ok ' if well else 'BAD'} {seen}\n")
            sys.stdout.flush()
    sys.stdout.write(
        f"{good} of {options.trials} ended complete and equal to the API, in "
        f"{time.monotonic() - began:.0f} s\n"
    )
    return 0 if good == options.trials else 1


if __name__ == "__main__":
    sys.exit(main())
