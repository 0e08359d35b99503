"""The limit of requests per second holds for all loads of a help desk together."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets_tests.bench.tickets import defs
from helpdesk_assets_tests.conftest import Sandbox, execute, set_variables
from helpdesk_assets_tests.scale.places import Lake

pytestmark = pytest.mark.scale


def test_load_uses_its_share_of_the_requests_per_second(
    sandbox: Callable[..., Sandbox],
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=700)
    set_variables(monkeypatch, desk.base_url, Lake(tmp_path / "files", database))
    monkeypatch.setenv("SOURCES__HELP_DESK__REQUESTS_PER_SECOND", "8")
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("duckdb", 4)
        result = execute(defs.resolve_job_def("tickets"), instance)
    took = desk.times[-1] - desk.times[0]

    assert result.success
    assert len(desk.times) >= 8
    # Two per second, as four such loads can run at a time. At eight, they take a second.
    assert took > (len(desk.times) - 2) / 2 - 0.9


def test_load_warns_if_any_number_of_loads_can_run_at_a_time(
    sandbox: Callable[..., Sandbox],
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    instance: dg.DagsterInstance,
) -> None:
    desk = sandbox(tickets=10)
    set_variables(monkeypatch, desk.base_url, Lake(tmp_path / "files", database))
    monkeypatch.setenv("SOURCES__HELP_DESK__REQUESTS_PER_SECOND", "8")
    result = execute(defs.resolve_job_def("tickets"), instance)
    logged = [str(entry.user_message) for entry in instance.all_logs(result.run_id)]

    assert result.success
    (said,) = [text for text in logged if "requests_per_second" in text]
    assert "the pool duckdb has no limit" in said
