"""Measures which changes an incremental second run loads, by this project and by plain dlt.

``python -m helpdesk_assets_tests.support.faults > docs/faults.md`` writes the table in the
documentation.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import dlt
import duckdb
from dlt.sources.rest_api import rest_api_source

from helpdesk_assets_tests.bench.tickets import defs
from helpdesk_assets_tests.support.clocked import ClockedDesk, profile, utc

TICKETS = 150
CHANGED = range(1, 6)
BERLIN = ZoneInfo("Europe/Berlin")
SECOND_RUNS = """
## Incremental loading

A help desk with 150 tickets is loaded, five tickets change, and it is loaded again incrementally:
by this project, and by dlt's REST API source with `incremental`. The results are measured as above.

| the API, or its owner | this project | plain dlt |
| --- | --- | --- |
"""


def iso(instant: datetime) -> str:
    """Format a time as most APIs do."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Case:
    """A behavior of the API, or a change by its owner between two runs.

    Attributes:
        cursor: the field with the time of a ticket's last change.
        stamp: returns the value of that field after a change; None: the field does not change.
        prepare: changes the help desk before the first run.
        reads: how the API parses the start time of a request for changes.
        incremental, times: parts of this project's profile.
        moves: whether the second run loads another help desk.
    """

    cursor: str = "updated_at"
    stamp: Callable[[datetime], Any] | None = iso
    prepare: Callable[[ClockedDesk], None] = lambda desk: None
    reads: Callable[[str], datetime] = utc
    incremental: str = "{start_param: since}"
    times: str = ""
    moves: bool = False


def _dated_ahead(desk: ClockedDesk) -> None:
    desk.tickets[150]["updated_at"] = "2099-01-01T00:00:00Z"


def _lenient(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


CASES = {
    "sends times of changes as they are": Case(reads=_lenient),
    "dates one ticket years ahead": Case(prepare=_dated_ahead, reads=_lenient),
    "sends changes whose time has not moved": Case(stamp=None, reads=_lenient),
    "takes whole seconds only": Case(stamp=lambda at: at.isoformat()),
    "has the time of a change in an object": Case(cursor="meta.updated", reads=_lenient),
    "counts milliseconds since 1970": Case(
        stamp=lambda at: int(at.timestamp() * 1000),
        reads=lambda text: datetime.fromtimestamp(int(text) / 1000, timezone.utc),
        times="format: epoch_milliseconds\n",
    ),
    "takes and sends local times without a zone": Case(
        stamp=lambda at: at.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M:%S"),
        reads=lambda text: _lenient(text).replace(tzinfo=BERLIN),
        times="time_zone: Europe/Berlin\n",
    ),
    "is another desk than before: the base URL was changed": Case(reads=_lenient, moves=True),
}


def known(case: Case, load: Callable[[Case, str, Path], bool]) -> str:
    """Load twice; return how many tickets are out of date, as a cell of the table."""
    desks = [ClockedDesk(TICKETS, reads=case.reads) for _ in range(2 if case.moves else 1)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        addresses = [stack.enter_context(desk.served()) for desk in desks]
        for desk in desks:
            for number in desk.tickets:
                if desk is not desks[0]:
                    desk.tickets[number]["status"] = "of the other desk"
                    desk.changed[number] -= timedelta(days=30)
                _stamp(desk, number, case, desk.changed[number])
            case.prepare(desk)
        if not load(case, addresses[0], folder):
            return "fails"
        desk = desks[-1]
        for number in CHANGED:
            desk.change(number, "changed")
            _stamp(desk, number, case, desk.changed[number])
        if not load(case, addresses[-1], folder):
            return "fails from the second run on"
        with duckdb.connect(str(folder / "tickets.duckdb"), read_only=True) as connection:
            rows = connection.execute(
                "select id, status, subject from help_desk.help_desk_tickets"
            ).fetchall()
    stored = {number: status for number, status, _ in rows}
    missed = [
        number for number, ticket in desk.tickets.items() if stored.get(number) != ticket["status"]
    ]
    return f"succeeds, but {len(missed)} tickets are out of date" if missed else "all changes"


def _stamp(desk: ClockedDesk, number: int, case: Case, at: datetime) -> None:
    ticket = desk.tickets[number]
    spelled = case.stamp(at) if case.stamp else "2026-01-01T00:00:00Z"
    if "." in case.cursor:
        ticket["meta"] = {"updated": spelled}
    else:
        ticket[case.cursor] = spelled


def ours(case: Case, base_url: str, folder: Path) -> bool:
    """Load with this project's job; return whether it succeeded."""
    file = folder / "desk.yaml"
    file.write_text(profile(case.incremental, case.times))
    os.environ["SOURCES__HELP_DESK__PROFILE"] = str(file)
    os.environ["SOURCES__HELP_DESK__BASE_URL"] = base_url
    os.environ["SOURCES__HELP_DESK__INCREMENTAL__LAG"] = "0"
    os.environ["API_KEY"] = "key"
    os.environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(folder / "tickets.duckdb")
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("tickets")
        return job.execute_in_process(instance=instance, raise_on_error=False).success


def plain(case: Case, base_url: str, folder: Path) -> bool:
    """Load with plain dlt and its ``incremental``; return whether it succeeded."""
    source = rest_api_source(
        {
            "client": {"base_url": base_url},
            "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
            "resources": [
                {
                    "name": "help_desk_tickets",
                    "endpoint": {
                        "path": "/tickets",
                        "data_selector": "data",
                        "paginator": {"type": "offset", "limit": 100},
                        "incremental": {"cursor_path": case.cursor, "start_param": "since"},
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=str(folder / "plain"),
        destination=dlt.destinations.duckdb(str(folder / "tickets.duckdb")),
        dataset_name="help_desk",
    )
    try:
        pipeline.run(source)
    except Exception:
        return False
    finally:
        pipeline.deactivate()
    return True


def second_run(name: str) -> str:
    """Measure a case, and return its line of the table."""
    return f"| {name} | {known(CASES[name], ours)} | {known(CASES[name], plain)} |"
