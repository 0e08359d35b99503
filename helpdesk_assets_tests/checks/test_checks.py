"""Results of the checks for tables that are valid, invalid, empty or missing."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.assets.loaded import loaded_table
from helpdesk_assets.checks import table_checks
from helpdesk_assets.checks.stored import stored_table
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse
from helpdesk_assets_tests.conftest import Sandbox, Warehouse

DESK = HelpDesk()
TICKETS = DESK.tickets
StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

CREATE = (
    "create schema if not exists help_desk; create table help_desk.help_desk_tickets"
    " (id bigint, subject varchar, status varchar, created_at timestamptz)"
)
BLOCKING = {"id_is_unique", "id_is_not_null", "required_columns_present"}


@pytest.fixture
def run_checks(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], dict[str, dg.AssetCheckEvaluation]]:
    """Run only the checks, on a table that the test has created itself."""
    for name, value in warehouse.variables.items():
        monkeypatch.setenv(name, value)
    job = dg.Definitions(
        assets=[loaded_table(DESK)],
        asset_checks=[table_checks(DESK)],
        jobs=[
            dg.define_asset_job(
                "checks_only",
                selection=dg.AssetSelection.checks_for_assets(TICKETS),
                executor_def=dg.in_process_executor,
            )
        ],
        resources={
            "help_desk_dlt": object(),
            "help_desk_api": HelpDeskApi(),
            "help_desk_warehouse": HelpDeskWarehouse(),
        },
    ).resolve_job_def("checks_only")

    def run() -> dict[str, dg.AssetCheckEvaluation]:
        result = job.execute_in_process(raise_on_error=False)
        return {
            evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()
        }

    return run


RunChecks = Callable[[], dict[str, dg.AssetCheckEvaluation]]


def values(evaluation: dg.AssetCheckEvaluation) -> Mapping[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


def test_checks_pass_for_a_loaded_table(
    sandbox: StartSandbox, connect: Connect, sync: Sync
) -> None:
    desk = sandbox(tickets=400)
    connect(desk)
    evaluations = {
        evaluation.check_name: evaluation
        for evaluation in sync().get_asset_check_evaluations()
        if evaluation.asset_key == TICKETS
    }

    assert set(evaluations) == BLOCKING | {
        "is_complete",
        "no_rejected_rows",
        "no_mass_deletion",
        "null_rates",
    }
    assert all(evaluation.passed for evaluation in evaluations.values())
    assert {values(evaluation)["rows"] for evaluation in evaluations.values()} == {400}
    nulls = sum(ticket["subject"] is None for ticket in desk.desk.tickets)
    assert nulls
    assert values(evaluations["null_rates"])["null_rate_subject"] == pytest.approx(nulls / 400)


def test_id_is_unique_fails_with_five_examples(warehouse: Warehouse, run_checks: RunChecks) -> None:
    warehouse.query(CREATE)
    warehouse.query(
        "insert into help_desk.help_desk_tickets"
        " select n, 'a subject', 'open', now() from range(1, 21) as numbers(n)"
        " union all select n, 'again', 'open', now() from range(1, 8) as numbers(n)"
    )
    check = run_checks()["id_is_unique"]

    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.blocking
    assert check.description == "7 duplicate ids."
    assert values(check) == {
        "rows": 27,
        "duplicated_ids": 7,
        "offending_ids": [1, 2, 3, 4, 5],
    }


def test_id_is_not_null_fails_with_row_ids(warehouse: Warehouse, run_checks: RunChecks) -> None:
    warehouse.query(CREATE)
    warehouse.query(
        "insert into help_desk.help_desk_tickets values"
        " (1, 'a', 'open', now()), (null, 'b', 'open', now()), (null, 'c', 'open', now())"
    )
    evaluations = run_checks()
    check = evaluations["id_is_not_null"]

    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.blocking
    assert values(check) == {"rows": 3, "null_ids": 2, "offending_row_numbers": [1, 2]}
    assert evaluations["id_is_unique"].passed


def test_required_columns_present_fails_for_missing_or_mistyped_columns(
    warehouse: Warehouse, run_checks: RunChecks
) -> None:
    warehouse.query(
        "create schema help_desk; create table help_desk.help_desk_tickets"
        " (id varchar, status varchar, created_at timestamptz)"
    )
    check = run_checks()["required_columns_present"]

    assert not check.passed
    assert check.blocking
    assert check.description == "id is VARCHAR instead of BIGINT; subject is missing."
    assert values(check)["wrong_columns"] == 2


def test_checks_on_id_fail_if_the_column_is_missing(
    warehouse: Warehouse, run_checks: RunChecks
) -> None:
    warehouse.query("create schema help_desk; create table help_desk.help_desk_tickets (a int)")
    evaluations = run_checks()

    for name in BLOCKING:
        assert not evaluations[name].passed
    assert evaluations["id_is_unique"].description == "The table has no column id."
    assert evaluations["null_rates"].passed


def test_null_rates_warns_about_a_column_without_values(
    warehouse: Warehouse, run_checks: RunChecks
) -> None:
    warehouse.query(CREATE)
    warehouse.query(
        "insert into help_desk.help_desk_tickets values"
        " (1, null, 'open', now()), (2, null, null, now())"
    )
    check = run_checks()["null_rates"]

    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.description == "No row has a value in subject."
    assert values(check) == {
        "rows": 2,
        "null_rate_subject": 1.0,
        "null_rate_status": 0.5,
        "null_rate_created_at": 0.0,
    }


def test_checks_of_an_empty_table_pass_and_report_it(
    warehouse: Warehouse, run_checks: RunChecks
) -> None:
    warehouse.query(CREATE)

    evaluations = run_checks()
    # The table was not created by a load, so completeness cannot be verified.
    assert not evaluations.pop("is_complete").passed
    for evaluation in evaluations.values():
        assert evaluation.passed
        assert evaluation.description == "The table is empty: there are no rows to check."
        assert values(evaluation)["rows"] == 0


@pytest.mark.parametrize("file_exists", [True, False])
def test_all_checks_fail_if_the_table_is_missing(
    file_exists: bool, warehouse: Warehouse, run_checks: RunChecks
) -> None:
    if file_exists:
        warehouse.query("select 1")
    evaluations = run_checks()

    assert len(evaluations) == 7
    for evaluation in evaluations.values():
        assert not evaluation.passed
        assert "The table help_desk.help_desk_tickets does not exist" in str(evaluation.description)


def test_failed_blocking_check_fails_the_run_and_blocks_downstream_assets(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(sandbox(tickets=3))
    warehouse.query(CREATE)
    warehouse.query("insert into help_desk.help_desk_tickets (id) values (77), (77)")

    @dg.asset(deps=[TICKETS])
    def report() -> None: ...

    defs = dg.Definitions(
        assets=[loaded_table(DESK), report],
        asset_checks=[table_checks(DESK)],
        jobs=[
            dg.define_asset_job(
                "all",
                selection=dg.AssetSelection.assets(report)
                | dg.AssetSelection.checks_for_assets(TICKETS),
            )
        ],
        resources={
            "help_desk_dlt": object(),
            "help_desk_api": HelpDeskApi(),
            "help_desk_warehouse": HelpDeskWarehouse(credentials=str(warehouse.path)),
        },
    )
    result = defs.resolve_job_def("all").execute_in_process(raise_on_error=False)

    assert not result.success
    assert result.asset_materializations_for_node("report") == []


def test_metadata_of_earlier_versions_is_read_under_its_current_name(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    warehouse.query(CREATE)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(TICKETS, metadata={"load_id": "1", "steps_back": 2})
    )
    resource = HelpDeskWarehouse(credentials=str(warehouse.path))
    with resource.reader("help_desk") as connection:
        stored = stored_table(connection, instance, TICKETS, DESK.table(), 0.1)

    assert stored.walk == {"load_id": "1", "page_overlap_retries": 2}


def test_is_complete_fails_if_rows_are_missing(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    connect(sandbox(tickets=150))
    sync()
    warehouse.query("delete from help_desk.help_desk_tickets where id in (7, 77)")
    checks = dg.Definitions(
        assets=[loaded_table(DESK)],
        asset_checks=[table_checks(DESK)],
        jobs=[
            dg.define_asset_job(
                "checks_only", selection=dg.AssetSelection.checks_for_assets(TICKETS)
            )
        ],
        resources={
            "help_desk_dlt": object(),
            "help_desk_api": HelpDeskApi(),
            "help_desk_warehouse": HelpDeskWarehouse(),
        },
        executor=dg.in_process_executor,
    ).resolve_job_def("checks_only")
    result = checks.execute_in_process(instance=instance, raise_on_error=False)
    (check,) = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == "is_complete"
    ]

    assert not check.passed
    assert check.blocking
    assert "read 150 rows, but only 148 of them are in the table" in str(check.description)
    assert values(check) == {
        "rows": 148,
        "rows_walked": 150,
        "rows_of_walk_in_table": 148,
        "pages": 5,
        "page_overlap_retries": 0,
        "requests": 5,
        "retries": 0,
        "rows_read": 150,
        "api_total": 150,
        "completeness_verified": True,
    }
