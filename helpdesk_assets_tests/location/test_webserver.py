"""The Dagster UI, queried through its GraphQL API, and a run started from it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpdesk_assets.checks import CHECKS
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, Warehouse
from helpdesk_assets_tests.support.webserver import dagster_dev, wait_for

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]

LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "helpdesk_assets"}

SEEN = """
query {
  assetNodes {
    assetKey { path }
    isMaterializable
    dependencyKeys { path }
    assetChecksOrError { ... on AssetChecks { checks { name blocking } } }
    metadataEntries { ... on TableSchemaMetadataEntry {
      schema { columns { name description } }
    } }
  }
  repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name cronSchedule scheduleState { status } }
    allTopLevelResourceDetails {
      name description configuredValues { key value type } configFields { name description }
    }
  } } }
}
"""
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
RUN = """
query ($runId: ID!) {
  runOrError(runId: $runId) { ... on Run {
    status
    assetMaterializations { metadataEntries { label ... on IntMetadataEntry { intValue } } }
    assetCheckEvaluations: eventConnection { events {
      __typename
      ... on AssetCheckEvaluationEvent { evaluation { checkName success } }
      ... on MessageEvent { message }
    } }
  } }
}
"""


def test_ui_shows_the_assets_and_runs_the_sync(
    sandbox: StartSandbox, connect: Connect, warehouse: Warehouse, tmp_path: Path
) -> None:
    connect(sandbox(tickets=250))
    log = tmp_path / "dagster_dev.log"
    with dagster_dev(log) as webserver:
        seen = webserver.ask(SEEN)
        launched = webserver.ask(
            LAUNCH,
            params={
                "selector": {**LOCATION, "jobName": "help_desk_sync"},
                "mode": "default",
                "runConfigData": {},
            },
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run: dict[str, Any] = {}

        def ended() -> bool:
            run.update(webserver.ask(RUN, runId=launched["run"]["runId"])["runOrError"])
            return run["status"] in ("SUCCESS", "FAILURE", "CANCELED")

        wait_for(ended, log)

    nodes = {node["assetKey"]["path"][-1]: node for node in seen["assetNodes"]}
    assert set(nodes) == {
        "help_desk_api",
        "help_desk_tickets",
        "help_desk_snapshot",
        "help_desk_maintenance",
        "ticket_volume_daily",
        "ticket_backlog",
        "ticket_status_changes",
        "ticket_status_history",
        "ticket_metrics",
        "ticket_backlog_daily",
        "sla_breaches",
        "team_daily",
        "help_desk_report",
    }
    assert not nodes["help_desk_api"]["isMaterializable"]
    tickets = nodes["help_desk_tickets"]
    assert tickets["dependencyKeys"] == [{"path": ["help_desk_api"]}]
    assert {
        check["name"]: check["blocking"] for check in tickets["assetChecksOrError"]["checks"]
    } == {
        "id_is_unique": True,
        "id_is_not_null": True,
        "required_columns_present": True,
        "is_complete": True,
        "no_rejected_rows": False,
        "no_mass_deletion": False,
        "null_rates": False,
    }
    (schema,) = [entry["schema"] for entry in tickets["metadataEntries"] if entry]
    assert all(column["description"] for column in schema["columns"])

    (repository,) = seen["repositoriesOrError"]["nodes"]
    assert {
        schedule["name"]: schedule["scheduleState"]["status"]
        for schedule in repository["schedules"]
    } == {
        "help_desk_sync_schedule": "STOPPED",
        "help_desk_full_refresh_schedule": "STOPPED",
        "help_desk_maintenance_schedule": "STOPPED",
    }

    assert run["status"] == "SUCCESS", run
    # The tickets, the models and the report; a copy for readers is not configured.
    assert len(run["assetMaterializations"]) == 1 + len(MODELS) + 1
    told = [
        {entry["label"]: entry.get("intValue") for entry in materialization["metadataEntries"]}
        for materialization in run["assetMaterializations"]
    ]
    (labels,) = [entries for entries in told if "rows_loaded" in entries]
    assert labels["dagster/row_count"] == 250
    checks = [
        event["evaluation"]
        for event in run["assetCheckEvaluations"]["events"]
        if event["__typename"] == "AssetCheckEvaluationEvent"
    ]
    assert len(checks) == len(CHECKS) + len(MODELS)
    assert all(check["success"] for check in checks)
    assert len(warehouse.tickets()) == 250
    for text in (json.dumps(seen), json.dumps(run), log.read_text()):
        assert API_KEY not in text


@pytest.mark.long
def test_ui_hides_a_key_set_on_the_resource(tmp_path: Path) -> None:
    definitions = tmp_path / "literal.py"
    definitions.write_text(
        "from helpdesk_assets.definitions import build_defs\n"
        "from helpdesk_assets.resources import HelpDeskApi\n"
        f"api = HelpDeskApi(base_url='https://shown.example.com', api_key='{API_KEY}')\n"
        "defs = build_defs({'help_desk_api': api})\n"
    )
    with dagster_dev(tmp_path / "dev.log", "-f", str(definitions), cwd=tmp_path) as webserver:
        seen = json.dumps(webserver.ask(SEEN))

    assert "https://shown.example.com" in seen
    assert API_KEY not in seen
