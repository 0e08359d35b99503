"""Measures how this project and plain dlt handle every fault of the sandbox.

``python -m helpdesk_assets_tests.support.faults > docs/faults.md`` writes the table in the
documentation.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import dlt
import duckdb

from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.faults import FAULTS, NamedFault
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.support.plain import plain_source
from helpdesk_assets_tests.support.second_runs import CASES, SECOND_RUNS, second_run

TICKETS = 250
KEY = "sk/7&+=% é"
PATIENCE = 15
ENVIRONMENT = {
    "RUNTIME__REQUEST_BACKOFF_FACTOR": "0.01",
    "RUNTIME__REQUEST_TIMEOUT": "0.5",
    "RUNTIME__REQUEST_ANSWER_TIMEOUT": "1.5",
}
# At least one fault of each kind: pages, totals, bodies, rows, statuses, redirects, timeouts.
OF_EACH_KIND = (
    "cap-50",
    "ignores-offset",
    "ties",
    "total-high",
    "data-null",
    "html",
    "truncated",
    "id-text",
    "subject-object",
    "503-once",
    "404-always",
    "redirects-away",
    "hangs",
)
HEADER = """\
# Faults

This page shows what happens to the tickets if the API misbehaves. A help desk with 250 tickets is
loaded into an empty DuckDB file, once for each fault of the sandbox: by this project, and by dlt's
REST API source with the configuration from the documentation of the API. The results are measured,
and a test measures them again. To list the faults, run
`python -m helpdesk_assets.sandbox --list-faults`.

*Fails* means that the run fails with the error message shown, and the table is unchanged. A result
such as *loads 150* means that the run succeeds although tickets are missing.

| fault | what the API does | this project | plain dlt |
| --- | --- | --- | --- |
"""


def ours(base_url: str, folder: Path) -> str:
    """Load with this project's job; return the result."""
    path = folder / "ours.duckdb"
    os.environ["SOURCES__HELP_DESK__BASE_URL"] = base_url
    os.environ["API_KEY"] = KEY
    os.environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(path)
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("help_desk_sync")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    if result.success:
        loaded = _count(path, "help_desk_tickets")
        rejected = _count(path, "help_desk_tickets_rejected")
        return f"loads {loaded}" + (f", sets {rejected} aside with a warning" if rejected else "")
    if _count(path, "help_desk_tickets"):
        return "fails, with a table half written"
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    if data is None:
        return "fails, without an error message"
    said = str(data.description).replace(f"{base_url}/v1/tickets", "URL")
    return "fails: " + said.removesuffix(" The table is as it was before.")


def plain(base_url: str, folder: Path) -> str:
    """Load with plain dlt; return the result."""
    path = folder / "plain.duckdb"
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=str(folder / "plain"),
        destination=dlt.destinations.duckdb(str(path)),
        dataset_name="help_desk",
    )
    try:
        pipeline.run(plain_source(base_url, KEY))
    except Exception as error:
        leaked = ", the key in its error" if KEY in str(error) or "sk%2F7" in str(error) else ""
        return f"fails{leaked}"
    finally:
        pipeline.deactivate()
    return f"loads {_count(path, 'help_desk_tickets')}"


def plain_with_patience(base_url: str, folder: Path) -> str:
    """Load with plain dlt in a separate process, which may not end."""
    command = [sys.executable, "-m", "helpdesk_assets_tests.support.faults", base_url, str(folder)]
    try:
        return subprocess.run(
            command, timeout=PATIENCE, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()
    except subprocess.TimeoutExpired:
        return "does not end"


def outcome(fault: NamedFault, load: Callable[[str, Path], str]) -> str:
    """Serve a help desk with a fault, load from it, and return the result."""
    app = build_app(Desk(TICKETS), api_key=KEY, fault=fault.make())
    with serve(app) as base_url, tempfile.TemporaryDirectory() as folder:
        return load(base_url, Path(folder))


def line(fault: NamedFault) -> str:
    """Measure a fault, and return its line of the table."""
    load = plain_with_patience if fault.name == "drips" else plain
    return (
        f"| {fault.name} | {fault.description} | {outcome(fault, ours)} | {outcome(fault, load)} |"
    )


def _count(path: Path, table: str) -> int:
    with duckdb.connect(str(path)) as connection:
        try:
            (rows,) = connection.execute(
                f"select count(*) from {path.stem}.help_desk.{table}"
            ).fetchall()[0]
        except duckdb.CatalogException:
            return 0
    return int(rows)


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    if len(sys.argv) > 1:
        sys.stdout.write(plain(sys.argv[1], Path(sys.argv[2])))
    else:
        sys.stdout.write(HEADER)
        for each in FAULTS.values():
            sys.stdout.write(line(each) + "\n")
            sys.stdout.flush()
        sys.stdout.write(SECOND_RUNS)
        for name in CASES:
            sys.stdout.write(second_run(name) + "\n")
