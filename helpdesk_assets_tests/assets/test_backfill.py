"""Loading a date range, given in the run config or by a month's partition."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.checks import check_results
from helpdesk_assets.definitions import defs
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of
from helpdesk_assets_tests.support.profile import with_date_filter

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Load = Callable[..., dg.ExecuteInProcessResult]
DESK = HelpDesk()


@pytest.fixture
def desk(
    sandbox: StartSandbox, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Sandbox:
    """Serve a desk whose profile has a date filter."""
    file = with_date_filter(tmp_path / "desk.yaml")
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    desk = sandbox(tickets=1000)
    connect(desk)
    return desk


@pytest.fixture
def load(instance: dg.DagsterInstance) -> Load:
    """Run the job with a configuration of its load op."""

    def run(**config: str) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def("help_desk_sync").execute_in_process(
            instance=instance,
            run_config={"ops": {"help_desk_tickets": {"config": config}}},
            raise_on_error=False,
        )

    return run


def opened(desk: Sandbox, start: str, end: str) -> list[int]:
    return [
        t["id"] for t in desk.desk.tickets if t["created_at"] and start <= t["created_at"] < end
    ]


def stored(warehouse: Warehouse) -> list[int]:
    return [number for number, _, _ in warehouse.tickets()]


def test_date_range_loads_only_tickets_created_in_it(
    desk: Sandbox, load: Load, warehouse: Warehouse
) -> None:
    result = load(start="2026-01-01", end="2026-03-01")

    assert result.success
    assert stored(warehouse) == opened(desk, "2026-01-01", "2026-03-01")
    assert len(stored(warehouse)) > 50
    assert metadata_of(result)["sync_mode"] == "window"
    # The API was asked for these tickets only.
    assert metadata_of(result)["rows_read"] == len(stored(warehouse))


def test_date_range_without_end_param_loads_everything_from_its_start(
    desk: Sandbox, load: Load, warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(file.read_text().replace("        end_param: created_before\n", ""))

    assert load(start="2026-01-01T00:00:00+02:00", end="2026-03-01").success
    assert stored(warehouse) == opened(desk, "2025-12-31T22:00:00Z", "9")


def test_date_range_changes_neither_other_tickets_nor_the_watermark(
    desk: Sandbox, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__CURSOR_PATH", "updated_at")
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    load()
    for ticket in desk.desk.tickets:
        ticket["subject"] = "renamed in silence"
    desk.queries.clear()
    result = load(start="2026-01-01", end="2026-03-01")

    renamed = warehouse.query(
        "select id from help_desk.help_desk_tickets where subject = 'renamed in silence'"
        " order by id"
    )
    assert [number for (number,) in renamed] == opened(desk, "2026-01-01", "2026-03-01")
    assert all("updated_since" not in query for query in desk.queries)
    assert metadata_of(result)["rows_deleted"] == 0
    assert "does not read the other rows" in metadata_of(result)["deletes"]
    assert all(check.passed for check in result.get_asset_check_evaluations())
    # The next run continues from the watermark of the last incremental run.
    desk.queries.clear()
    assert metadata_of(load())["sync_mode"] == "incremental"
    assert len(desk.queries) == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"start": "2026-01-01"}, "needs both a start and an end"),
        (
            {"start": "2026-02-01", "end": "2026-01-01"},
            "end of the date range is not after its start",
        ),
        ({"start": "2026-01-01", "end": "next week"}, "The end of the date range is invalid"),
    ],
)
def test_invalid_date_range_fails_without_a_request(
    config: dict[str, str], said: str, desk: Sandbox, load: Load
) -> None:
    assert said in error_of(load(**config))
    assert desk.queries == []


def test_date_range_fails_if_the_profile_has_no_date_filter(
    sandbox: StartSandbox, connect: Connect, load: Load
) -> None:
    connect(sandbox())

    assert "profile default has no date_filter" in error_of(
        load(start="2026-01-01", end="2026-02-01")
    )


def test_backfill_loads_months_and_resumes_after_a_failure(
    desk: Sandbox, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    job = defs.resolve_job_def("help_desk_backfill")

    def month(key: str) -> bool:
        return job.execute_in_process(
            partition_key=key, instance=instance, raise_on_error=False
        ).success

    assert month("2026-01-01")
    desk.fault = FAULTS["503-always"].make()
    assert not month("2026-02-01")
    assert stored(warehouse) == opened(desk, "2026-01-01", "2026-02-01")
    desk.fault = None
    assert month("2026-02-01")
    assert stored(warehouse) == opened(desk, "2026-01-01", "2026-03-01")
    done = {
        run.tags["dagster/partition"]
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    }
    assert done == {"2026-01-01", "2026-02-01"}


def test_checks_of_a_run_are_about_its_own_load(
    desk: Sandbox, instance: dg.DagsterInstance, load: Load, warehouse: Warehouse
) -> None:
    """Another run has loaded since, and some of the same tickets."""
    first = load(start="2026-01-01", end="2026-02-01")
    second = load(start="2026-01-20", end="2026-03-01")
    assert first.success
    assert second.success

    def is_complete(result: dg.ExecuteInProcessResult) -> dg.AssetCheckResult:
        results = check_results(
            instance,
            DESK.tickets,
            DESK.table(),
            api=HelpDeskApi(),
            warehouse=HelpDeskWarehouse(),
            run_id=result.run_id,
        )
        (found,) = [result for check, result in results if check.name == "is_complete"]
        return found

    walked = [is_complete(result).metadata["rows_walked"].value for result in (first, second)]
    assert walked == [
        len(opened(desk, "2026-01-01", "2026-02-01")),
        len(opened(desk, "2026-01-20", "2026-03-01")),
    ]
    assert is_complete(first).passed
    # What has happened since the last load is for the checks of that load.
    warehouse.query("delete from help_desk.help_desk_tickets where created_at < '2026-02-01'")
    assert not is_complete(second).passed
