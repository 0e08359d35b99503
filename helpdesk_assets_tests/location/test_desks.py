"""The HelpDesk object: names derived from it, several help desks, merging definitions."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets import HelpDesk, build_defs, defs
from helpdesk_assets.freshness import freshness_of
from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.resources.alerts import HelpDeskAlerts
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, Warehouse, error_of, execute

StartSandbox = Callable[..., Sandbox]

# Valid settings of a server that does not exist.
REACHABLE = {"SOURCES__EU__BASE_URL": "http://127.0.0.1:9", "API_KEY": "k"}
EU, US = HelpDesk(name="eu"), HelpDesk(name="us")


def named(definitions: dg.Definitions) -> dict[str, set[str]]:
    """Return the names of all definitions by kind."""
    repository = definitions.get_repository_def()
    return {
        "assets": {
            key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()
        },
        "jobs": {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "resources": set(definitions.resources or {}),
    }


def test_names_of_the_default_desk_are_unchanged() -> None:
    assert named(defs) == {
        "assets": {
            "help_desk_api",
            "help_desk_tickets",
            "ticket_volume_daily",
            "ticket_backlog",
            "ticket_status_changes",
            "ticket_status_history",
            "ticket_metrics",
            "ticket_backlog_daily",
            "sla_breaches",
            "team_daily",
            "help_desk_report",
            "help_desk_snapshot",
            "help_desk_maintenance",
        },
        "jobs": {
            "help_desk_sync",
            "help_desk_backfill",
            "help_desk_parts",
            "help_desk_verify_parts",
            "help_desk_maintenance",
        },
        "schedules": {
            "help_desk_sync_schedule",
            "help_desk_full_refresh_schedule",
            "help_desk_maintenance_schedule",
        },
        "sensors": {"help_desk_run_failure_alert", "help_desk_check_failure_alert"},
        "resources": {
            "help_desk_alerts",
            "help_desk_api",
            "help_desk_dlt",
            "help_desk_reports",
            "help_desk_warehouse",
        },
    }


def test_names_of_another_desk_start_with_its_name() -> None:
    default = named(defs)
    found = named(build_defs(EU))

    assert found["assets"] == {f"eu/{name}" for name in default["assets"]}
    for kind in ("jobs", "schedules", "sensors", "resources"):
        assert found[kind] == {name.replace("help_desk", "eu", 1) for name in default[kind]}
    spec = build_defs(EU).resolve_asset_graph().get(dg.AssetKey(["eu", "help_desk_tickets"]))
    assert spec.group_name == "eu"
    assert spec.owners == []
    assert spec.pools == {"duckdb"}


def test_configured_names_of_a_desk_are_used() -> None:
    desk = HelpDesk(
        name="eu",
        key_prefix=["support", "europe"],
        group="support",
        owners=["team:eu"],
        tags={"region": "eu"},
        dataset="support_eu",
        pool="eu_file",
        reports=False,
        schedules=False,
        alerts=False,
    )
    made = build_defs(desk)
    found = named(made)
    node = made.resolve_asset_graph().get(dg.AssetKey(["support", "europe", "help_desk_tickets"]))

    assert found["assets"] == {
        "support/europe/help_desk_api",
        "support/europe/help_desk_tickets",
        "support/europe/help_desk_snapshot",
        "support/europe/help_desk_maintenance",
    }
    assert found["schedules"] == found["sensors"] == set()
    assert (node.group_name, node.owners, node.pools) == ("support", ["team:eu"], {"eu_file"})
    assert node.tags["region"] == "eu"
    assert node.metadata["dagster/table_name"] == "support_eu.help_desk_tickets"


def test_two_desks_load_into_separate_datasets(
    sandbox: StartSandbox,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eu, us = sandbox(tickets=120), sandbox(tickets=30)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    monkeypatch.setenv("SOURCES__EU__BASE_URL", eu.base_url)
    monkeypatch.setenv("SOURCES__US__BASE_URL", us.base_url)
    # One desk has its own key; the other falls back to API_KEY.
    monkeypatch.setenv("SOURCES__EU__API_KEY", "eu's key")
    monkeypatch.setenv("API_KEY", API_KEY)
    both = build_defs(EU, US)

    assert execute(both.resolve_job_def("us_sync"), instance).success
    refused = error_of(execute(both.resolve_job_def("eu_sync"), instance))
    monkeypatch.setenv("SOURCES__EU__API_KEY", API_KEY)
    monkeypatch.setenv("API_KEY", "nobody's key")
    assert execute(both.resolve_job_def("eu_sync"), instance).success

    assert "rejected the API key" in refused
    assert "SOURCES__EU__API_KEY" in refused
    counted = "select count(*) from {}.help_desk_tickets"
    assert warehouse.query(counted.format("eu")) == [(120,)]
    assert warehouse.query(counted.format("us")) == [(30,)]
    assert warehouse.query("select distinct pipeline_name from eu._dlt_pipeline_state") == [("eu",)]
    assert {path.name for path in warehouse.path.parent.glob("*.html")} == {
        "eu_report.html",
        "us_report.html",
    }
    # A full sync of one help desk marks no rows of the other as deleted.
    del eu.desk.tickets[:5]
    assert execute(both.resolve_job_def("eu_sync"), instance).success
    gone = "select count(*) from {}.help_desk_tickets where deleted_at is not null"
    assert warehouse.query(gone.format("eu")) == [(5,)]
    assert warehouse.query(gone.format("us")) == [(0,)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "set SOURCES__EU__BASE_URL, or base_url under [sources.eu]"),
        ({"SOURCES__EU__BASE_URL": "ftp://desk"}, "set SOURCES__EU__BASE_URL"),
        (
            {"SOURCES__EU__BASE_URL": "http://127.0.0.1:9"},
            "set SOURCES__EU__API_KEY (or API_KEY for all desks), or api_key under [sources.eu]",
        ),
        (
            REACHABLE,
            "check SOURCES__EU__BASE_URL, and that it is up",
        ),
        (
            {"SOURCES__EU__DELETES": "never"},
            "set SOURCES__EU__DELETES to one of soft, hard, off",
        ),
        (
            {"SOURCES__EU__PROFILE": "zendeks"},
            "set SOURCES__EU__PROFILE to one of",
        ),
        (
            {**REACHABLE, "SOURCES__EU__REJECTED_SHARE": "7"},
            "set SOURCES__EU__REJECTED_SHARE to a number in that range",
        ),
        (
            {**REACHABLE, "SOURCES__EU__REJECTED_SHARE": "many"},
            "set SOURCES__EU__REJECTED_SHARE to a valid value",
        ),
    ],
)
def test_errors_name_the_settings_of_the_desk(
    settings: Mapping[str, str],
    said: str,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    sentence = error_of(execute(build_defs(EU).resolve_job_def("eu_sync"), instance))

    assert said in sentence
    assert "HELP_DESK" not in sentence


def test_definitions_merge_with_other_definitions() -> None:
    @dg.asset(deps=[EU.tickets])
    def theirs(dlt: dg.ResourceParam[str]) -> str:
        return dlt

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def own() -> None:
        nothing()

    mine = dg.Definitions(
        assets=[theirs],
        jobs=[own],
        resources={"dlt": "theirs", "io_manager": dg.mem_io_manager},
        executor=dg.multiprocess_executor,
        loggers={"console": dg.colored_console_logger},
    )
    together = dg.Definitions.merge(mine, build_defs(), build_defs(EU), build_defs(US))

    for name in ("own", "help_desk_sync", "eu_sync", "us_backfill"):
        assert together.resolve_job_def(name).executor_def is dg.multiprocess_executor
    # Downstream assets of other definitions are not part of the sync job.
    assert "theirs" not in {node.name for node in together.resolve_job_def("eu_sync").nodes}


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: build_defs({"helpdesk_api": HelpDeskApi()}), "did you mean help_desk_api"),
        (lambda: build_defs({"dlt": object()}), "choose one of help_desk_alerts, help_desk_api"),
        (
            lambda: build_defs(EU, resource_overrides={"eu_api": HelpDeskApi()}),
            "create it with HelpDeskApi(desk='eu', ...)",
        ),
        (
            lambda: build_defs({"help_desk_alerts": HelpDeskAlerts(desk="eu")}),
            "create it with HelpDeskAlerts(desk='help_desk', ...)",
        ),
        (lambda: build_defs(profile="zendeks"), "did you mean zendesk"),
        (lambda: build_defs(HelpDesk(name="eu", profile="zendeks")), "Help desk eu: Unknown"),
        (lambda: build_defs(HelpDesk(name="eu", profile="./no.yaml")), "cannot be read"),
        (lambda: build_defs(EU, profile="zendesk"), "set the profile on each HelpDesk"),
        (lambda: build_defs(EU, HelpDesk(name="eu")), "Two help desks have the same name 'eu'"),
        (lambda: build_defs(EU, HelpDesk(name="us", dataset="eu")), "have the same dataset 'eu'"),
        (lambda: build_defs(EU, HelpDesk(name="us", key_prefix=["eu"])), "the same key_prefix"),
        (lambda: HelpDesk(name="North America"), "lowercase letters, digits and single"),
        (lambda: HelpDesk(name="a__b"), "lowercase letters, digits and single underscores"),
        (lambda: HelpDesk(dataset="Eu-1"), "Invalid help desk dataset 'Eu-1'"),
        (lambda: build_defs(HelpDesk(name="eu", cron="hourly")), "Invalid cron schedule 'hourly'"),
    ],
)
def test_mistake_in_code_is_reported_when_definitions_load(
    build: Callable[[], Any], said: str
) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError) as error:
        build()

    assert said in str(error.value)


def test_mistake_in_a_profile_set_in_code_is_reported_with_its_line(tmp_path: Path) -> None:
    text = (BUILT_IN / "default.yaml").read_text().replace("data_selector", "data_selektor")
    (tmp_path / "desk.yaml").write_text(text)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"line \d+: unknown setting"):
        build_defs(profile=str(tmp_path / "desk.yaml"))


def test_definitions_load_if_the_profile_in_the_environment_is_invalid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__EU__PROFILE", "zendeks")

    assert "eu/help_desk_tickets" in named(build_defs(EU))["assets"]


def test_schedules_of_another_desk_are_configured_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCHEDULES__EU_SYNC__CRON", "0 6 * * *")
    monkeypatch.setenv("SCHEDULES__EU_SYNC__TIMEZONE", "Europe/Berlin")
    made = build_defs(EU, HelpDesk(name="us", cron="0 7 * * *"))

    schedule = made.resolve_schedule_def("eu_sync_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "Europe/Berlin")
    assert made.resolve_schedule_def("us_sync_schedule").cron_schedule == "0 7 * * *"


def test_alert_sensors_run_by_default_only_if_a_channel_is_configured() -> None:
    configured = HelpDeskAlerts(desk="eu", webhook_url=dg.EnvVar("HOOK"))
    made = build_defs(EU, US, resource_overrides={"eu_alerts": configured})
    status = {
        sensor.name: sensor.default_status.value for sensor in made.get_repository_def().sensor_defs
    }

    assert status == {
        "eu_run_failure_alert": "RUNNING",
        "eu_check_failure_alert": "RUNNING",
        "us_run_failure_alert": "STOPPED",
        "us_check_failure_alert": "STOPPED",
    }


@pytest.mark.parametrize(
    ("cron", "late", "stale"),
    [
        ("0 * * * *", 2, 6),
        ("*/15 * * * *", 0.5, 1.5),
        ("0 6 * * *", 30, 54),
        ("@daily", 30, 54),
        # The longest pause is over the weekend.
        ("0 9 * * 1-5", 78, 102),
        ("0 8-18 * * 1-5", 62 + 6, 62 + 30),
        ("* 9-17 * * 1-5", 63 + 1 / 60 + 6, 63 + 1 / 60 + 30),
        ("0 3 1 * *", 31 * 24 + 6, 31 * 24 + 30),
    ],
)
def test_freshness_follows_the_cron_schedule(cron: str, late: float, stale: float) -> None:
    found = [age / timedelta(hours=1) for age in freshness_of(cron)]

    assert found == pytest.approx([late, stale])


def test_freshness_of_a_desk_overrides_its_cron_schedule() -> None:
    hours = timedelta(hours=1)
    daily = HelpDesk(name="eu", cron="0 6 * * *").freshness_policy()
    own = HelpDesk(name="eu", freshness=(1 * hours, 3 * hours)).freshness_policy()

    assert daily == dg.FreshnessPolicy.time_window(warn_window=30 * hours, fail_window=54 * hours)
    assert own == dg.FreshnessPolicy.time_window(warn_window=1 * hours, fail_window=3 * hours)


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        ("ticket_backlog", "The table help_desk_tickets does not exist yet: materialize"),
        ("ticket_volume_daily", "The table help_desk_tickets does not exist yet: materialize"),
        ("ticket_status_changes", "The table help_desk_tickets does not exist yet: materialize"),
        ("help_desk_report", "materialize"),
    ],
)
def test_report_before_the_first_load_fails_with_a_remedy(
    asset: str,
    said: str,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse.path))
    job = dg.define_asset_job("one", selection=dg.AssetSelection.assets(asset).without_checks())
    made = dg.Definitions.merge(build_defs(), dg.Definitions(jobs=[job]))

    assert said in error_of(execute(made.resolve_job_def("one"), instance))
