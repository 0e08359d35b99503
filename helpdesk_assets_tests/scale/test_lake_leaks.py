"""The password of the catalog is nowhere to be read, whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, error_of, everything_logged
from helpdesk_assets_tests.scale.places import CREDENTIALS, Lake
from helpdesk_assets_tests.scale.postgres import PASSWORD, PostgresServer
from helpdesk_assets_tests.support.leaks import hits, logged_to, spellings

pytestmark = [
    pytest.mark.scale,
    pytest.mark.parametrize("warehouse", ["lake"], indirect=True),
]

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Run = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def everything_is_logged(tmp_path: Path) -> Iterator[None]:
    """Write the messages of all loggers, at every level, to a file."""
    with logged_to(tmp_path / "everything.log"):
        yield


@pytest.mark.parametrize("trouble", [None, "wrong password", "no server", "gone meanwhile"])
def test_run_does_not_reveal_the_password(
    trouble: str | None,
    sandbox: StartSandbox,
    connect: Connect,
    warehouse: Lake,
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    everything_is_logged: None,
) -> None:
    desk = sandbox(tickets=120)
    connect(desk)
    address = warehouse.catalog
    if trouble == "wrong password":
        address = address.replace(PASSWORD, f"{PASSWORD}-wrong")
    elif trouble == "no server":
        address = address.replace(f":{postgres.port}/", ":1/")
    monkeypatch.setenv(f"{CREDENTIALS}__CATALOG", address)
    if trouble == "gone meanwhile":
        name = warehouse.catalog.rpartition("/")[2]

        async def gone(request: object, answer: Callable[[object], object]) -> object:
            postgres.execute(f"drop database if exists {name} with (force)")
            return await answer(request)  # type: ignore[misc]

        desk.fault = gone  # type: ignore[assignment]
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        job = defs.resolve_job_def("help_desk_sync")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        logged = everything_logged(instance, result)

    assert result.success == (trouble is None), logged[-3000:]
    if trouble:
        assert "DuckLake lake in postgresql://127.0.0.1" in error_of(result)
    printed = capfd.readouterr()
    texts = logged + printed.out + printed.err + (tmp_path / "everything.log").read_text()
    page = tmp_path / "warehouse" / "help_desk_report.html"
    texts += page.read_text() if page.exists() else ""
    assert hits(spellings(PASSWORD) | spellings(API_KEY), folder=folder, printed=texts) == []
