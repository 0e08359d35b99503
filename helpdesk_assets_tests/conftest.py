"""Fixtures shared by all tests: a sandbox to read from, a DuckDB file to load into, ways to run.

Long forms of tests are marked ``long``: ``make test`` runs only the short forms, ``make test-all``
both. ``at_length`` marks parameters that belong to the long form only.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.build import build_defs
from helpdesk_assets.cli.main import main
from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.app import Answer, Fault, build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.bench.tickets import defs as tickets_alone

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
API_KEY = "sk-planted-7Qx9"
EXECUTE = ("dagster", "job", "execute", "-m", "helpdesk_assets", "-j", "help_desk_sync")
SETTINGS = ("SOURCES__HELP_DESK__BASE_URL", "API_KEY", "DESTINATION__DUCKDB__CREDENTIALS")


def at_length(every: Iterable[Any], short: Collection[Any] | int) -> list[Any]:
    """Return the parameters of a test; those not in its short form are marked ``long``.

    Args:
        every: the parameters; each is a tuple if the test has several.
        short: those of the short form, or how many of the first ones.
    """
    found = list(every)
    if isinstance(short, int):
        short = found[:short]
    assert all(each in found for each in short), short
    return [
        pytest.param(
            *(each if isinstance(each, tuple) else (each,)),
            marks=() if each in short else pytest.mark.long,
        )
        for each in found
    ]


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Run three tests at a time on two cores, because a test waits for a third of its time."""
    cores = yield
    return cores * 3 // 2


class Sandbox:
    """A served help desk, with the queries it received and when (monotonic seconds)."""

    def __init__(self, desk: Desk, fault: Fault | None = None) -> None:
        self.desk = desk
        self.fault = fault
        self.base_url = ""
        self.queries: list[dict[str, str]] = []
        self.times: list[float] = []

    async def __call__(self, request: Request, answer: Answer) -> Response:
        self.queries.append(dict(request.query_params))
        self.times.append(time.monotonic())
        return await (self.fault(request, answer) if self.fault else answer(request))


class Warehouse:
    """The DuckDB file that a test loads into."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that name it."""
        return {"DESTINATION__DUCKDB__CREDENTIALS": str(self.path)}

    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return duckdb.connect(str(self.path))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL, and return its rows.

        DuckDB keeps rows in any order. Without ORDER BY they are reversed here, so that a test that
        relies on an order fails every time, and not once in a hundred.
        """
        with self.connect() as connection:
            rows = connection.execute(sql).fetchall()
        has_order = "order by" in sql or sql.startswith("describe")
        return rows if has_order else rows[::-1]

    def tickets(self) -> list[tuple[int, str | None, str | None]]:
        return self.query("select id, subject, status from help_desk.help_desk_tickets order by id")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Handle SIGINT in processes that tests start, even if the tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def project_folder() -> Iterator[None]:
    """Give dlt a project folder with the committed settings, but without a secrets.toml."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        shutil.copytree(PROJECT / ".dlt", Path(folder) / ".dlt", ignore=lambda *_: {"secrets.toml"})
        patch.setenv("DLT_PROJECT_DIR", folder)
        yield


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without settings, with a new Dagster instance and short waiting times."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    dagster_home = tmp_path / "dagster_home"
    dagster_home.mkdir()
    settings = (PROJECT / ".dagster" / "dagster.yaml").read_text()
    # Some tests look for Dagster's debug messages.
    settings = settings.replace("python_log_level: INFO", "python_log_level: DEBUG")
    (dagster_home / "dagster.yaml").write_text(settings)
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    # The folder that refresh tokens are stored in.
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt_data"))
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "0.01")
    monkeypatch.setenv("DESTINATION__DUCKDB__LOCK_TIMEOUT", "1")


@pytest.fixture
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Start help desks: ``sandbox(tickets=250, total=False, fault=...)``."""
    with ExitStack() as running:

        def start(tickets: int = 250, *, total: bool = True, fault: Fault | None = None) -> Sandbox:
            started = Sandbox(Desk(tickets), fault)
            app = build_app(started.desk, api_key=API_KEY, total=total, fault=started)
            started.base_url = running.enter_context(serve(app))
            return started

        yield start


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    (tmp_path / "warehouse").mkdir()
    return Warehouse(tmp_path / "warehouse" / "tickets.duckdb")


@pytest.fixture
def connect(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sandbox], None]:
    """Set the three settings, so that runs load from a sandbox into the warehouse."""

    def set_settings(sandbox: Sandbox) -> None:
        set_variables(monkeypatch, sandbox.base_url, warehouse)

    return set_settings


def set_variables(
    monkeypatch: pytest.MonkeyPatch, base_url: str, warehouse: Warehouse, key: str = API_KEY
) -> None:
    """Set the three settings: the address of an API, its key, and the warehouse."""
    of_api = dict(zip(SETTINGS, (base_url, key), strict=False))
    for name, value in {**of_api, **warehouse.variables}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def sync(instance: dg.DagsterInstance) -> Callable[[], dg.ExecuteInProcessResult]:
    """Load the tickets and check them, in this process. A failed run is returned, not raised.

    Reports are not built, because they take most of the time and few tests need them.
    """
    return partial(execute, tickets_alone.resolve_job_def("tickets"), instance)


@pytest.fixture
def whole_sync(instance: dg.DagsterInstance) -> Callable[[], dg.ExecuteInProcessResult]:
    """Run the job help_desk_sync, including the reports."""
    return partial(execute, defs.resolve_job_def("help_desk_sync"), instance)


@pytest.fixture
def check(
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m helpdesk_assets check`` in this process; returns the same as ``command``."""

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = main(["check", *options])
        return subprocess.CompletedProcess(options, code, "".join(capsys.readouterr()))

    return run


def job_of(
    selection: dg.AssetSelection, definitions: dg.Definitions | None = None
) -> dg.JobDefinition:
    """Return a job of selected assets and checks. Default: of definitions built now."""
    job = dg.define_asset_job("some", selection=selection)
    return dg.Definitions.merge(
        definitions or build_defs(), dg.Definitions(jobs=[job])
    ).resolve_job_def("some")


def execute(job: dg.JobDefinition, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(instance=instance, raise_on_error=False)


def failure_of(result: dg.ExecuteInProcessResult) -> dg.Failure:
    """Return the failure of a run as the UI shows it, with its metadata."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.user_failure_data
    assert error is not None, event.step_failure_data.error
    return dg.Failure(error.description, metadata=error.metadata)


def everything_logged(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """Return all log entries of a run as text."""
    return "\n".join(str(entry) for entry in instance.all_logs(result.run_id))


def command(
    *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of the virtual environment; stdout contains both of its outputs."""
    return subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )


def error_of(result: dg.ExecuteInProcessResult) -> str:
    """Return the error message of a failed run."""
    return str(failure_of(result).description)


def metadata_of(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    (materialization,) = result.asset_materializations_for_node("help_desk_tickets")
    return {name: value.value for name, value in materialization.metadata.items()}
