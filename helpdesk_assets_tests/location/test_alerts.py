"""Alerts for failed runs and failed checks, sent over real HTTP."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.build import build_defs
from helpdesk_assets.definitions import defs
from helpdesk_assets.resources.alerts import Alert, HelpDeskAlerts
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, Warehouse, execute, job_of
from helpdesk_assets_tests.support.webhook import SECRET_PATH, Webhook, webhook

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Ticks = Callable[[], list[Any]]

SENSORS = ("help_desk_run_failure_alert", "help_desk_check_failure_alert")
AN_ALERT = Alert("It failed", "Mend it.", "help_desk_sync", "run-1", "http://ui/runs/run-1")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as running:
        monkeypatch.setenv("ALERTS__HELP_DESK__WEBHOOK_URL", running.url)
        monkeypatch.setenv("ALERTS__HELP_DESK__UI_URL", "https://dagster.example.com/")
        yield running


@pytest.fixture
def look(instance: dg.DagsterInstance) -> Ticks:
    """Evaluate the sensors, as Dagster's daemon does. They were evaluated once before the test."""
    cursors: dict[str, str | None] = dict.fromkeys(SENSORS)
    repository = defs.get_repository_def()

    def tick() -> list[Any]:
        found = []
        for name in SENSORS:
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursors[name],
                repository_def=repository,
                sensor_name=name,
                resources={"help_desk_alerts": HelpDeskAlerts()},
            )
            data = repository.get_sensor_def(name).evaluate_tick(context)
            cursors[name] = data.cursor
            found.append(data)
        return found

    tick()
    return tick


@pytest.fixture
def desk(sandbox: StartSandbox, connect: Connect) -> Sandbox:
    desk = sandbox(tickets=100)
    connect(desk)
    return desk


def test_failed_run_sends_one_alert(
    desk: Sandbox, whole_sync: Sync, look: Ticks, hook: Webhook
) -> None:
    desk.fault = FAULTS["404-always"].make()
    result = whole_sync()
    look()
    look()

    assert not result.success
    (alert,) = hook.posted
    assert alert["title"] == "Step help_desk_tickets failed"
    assert "has no first page (" in alert["sentence"] or (
        "(HTTP 404): check that SOURCES__HELP_DESK__BASE_URL" in alert["sentence"]
    )
    assert alert["run_url"] == f"https://dagster.example.com/runs/{result.run_id}"
    assert alert["run_id"] == result.run_id
    assert alert["job"] == "help_desk_sync"
    assert alert["run_url"] in alert["text"]
    assert API_KEY not in str(alert)


def test_failed_blocking_check_sends_one_alert_with_its_description(
    desk: Sandbox, look: Ticks, hook: Webhook, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    defs.resolve_job_def("help_desk_sync").execute_in_process(instance=instance)
    warehouse.query(
        "insert into help_desk.help_desk_tickets by name"
        " select * replace ('private-4711' as subject) from help_desk.help_desk_tickets limit 1"
    )
    result = execute(job_of(dg.AssetSelection.all_asset_checks()), instance)
    look()

    assert not result.success
    (alert,) = hook.posted
    assert "Check id_is_unique on help_desk_tickets failed" in alert["title"]
    assert "1 duplicate id." in alert["sentence"]
    assert "private-4711" not in str(alert)


def test_failed_non_blocking_check_sends_one_alert(
    desk: Sandbox, whole_sync: Sync, look: Ticks, hook: Webhook
) -> None:
    whole_sync()
    look()
    assert hook.posted == []
    del desk.desk.tickets[:50]
    result = whole_sync()
    look()

    assert result.success
    (alert,) = hook.posted
    assert alert["title"] == "Check no_mass_deletion on help_desk_tickets failed"
    assert "50 rows (50% of all) disappeared from the help desk at once" in alert["sentence"]


def test_text_of_an_unexpected_error_is_not_sent(
    desk: Sandbox,
    look: Ticks,
    hook: Webhook,
    whole_sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("private-4711")

    monkeypatch.setattr("helpdesk_assets.assets.load.walk_metadata", broken)
    whole_sync()
    look()

    (alert,) = hook.posted
    assert alert["sentence"] == "RuntimeError: see the run for details."
    assert "private-4711" not in str(alert)


def test_failures_outside_the_help_desk_send_no_alert(
    desk: Sandbox, look: Ticks, hook: Webhook, instance: dg.DagsterInstance
) -> None:
    @dg.op
    def broken() -> None:
        raise RuntimeError

    @dg.job
    def other() -> None:
        broken()

    @dg.asset(deps=["help_desk_tickets"])
    def theirs() -> None:
        raise RuntimeError

    @dg.asset_check(asset=theirs)
    def their_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    mine = dg.define_asset_job(
        "mine", selection=dg.AssetSelection.assets("help_desk_tickets", theirs)
    )
    together = dg.Definitions.merge(
        build_defs(), dg.Definitions(assets=[theirs], asset_checks=[their_check], jobs=[mine])
    )
    failed = [
        execute(other, instance),
        execute(together.resolve_job_def("mine"), instance),
        execute(job_of(dg.AssetSelection.assets(theirs), together), instance),
        execute(job_of(dg.AssetSelection.checks_for_assets(theirs), together), instance),
    ]
    look()

    assert [result.success for result in failed] == [False, False, False, True]
    assert hook.posted == []


def test_help_desk_asset_that_fails_in_another_job_sends_an_alert(
    desk: Sandbox, look: Ticks, hook: Webhook, instance: dg.DagsterInstance
) -> None:
    @dg.asset
    def theirs() -> None:
        raise RuntimeError

    together = dg.Definitions.merge(build_defs(), dg.Definitions(assets=[theirs]))
    desk.fault = FAULTS["404-always"].make()
    job = job_of(dg.AssetSelection.assets("help_desk_tickets", theirs), together)
    result = execute(job, instance)
    look()

    assert not result.success
    (alert,) = hook.posted
    assert alert["title"] == "Step help_desk_tickets failed"


def test_webhook_is_retried_after_a_temporary_error(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.failing = 2
    assert HelpDeskAlerts().send(AN_ALERT) == ["webhook"]
    (alert,) = hook.posted

    assert alert == {
        "title": "It failed",
        "sentence": "Mend it.",
        "job": "help_desk_sync",
        "run_id": "run-1",
        "run_url": "http://ui/runs/run-1",
        "text": "It failed\nMend it.\nhttp://ui/runs/run-1",
    }


@pytest.mark.long
def test_unreachable_webhook_is_reported_without_its_url(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.failing = 100
    with pytest.raises(dg.Failure) as raised:
        HelpDeskAlerts().send(AN_ALERT)
    said = str(raised.value.description)

    assert "could not be sent via webhook (HTTP 503)" in said
    assert SECRET_PATH not in said
    assert "It failed: Mend it." in said
    monkeypatch.setenv("ALERTS__HELP_DESK__WEBHOOK_URL", f"http://127.0.0.1:9/{SECRET_PATH}")
    with pytest.raises(dg.Failure, match=r"via webhook \(ConnectionError\)") as raised:
        HelpDeskAlerts().send(AN_ALERT)
    assert SECRET_PATH not in str(raised.value.description)


def test_slack_message_is_sent_with_dagster_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[dict[str, Any]] = []

    async def post_message(request: Request) -> Response:
        posted.append({**await request.json(), "token": request.headers["authorization"]})
        return JSONResponse({"ok": True})

    slack_sdk = pytest.importorskip("slack_sdk")
    app = Starlette(routes=[Route("/api/chat.postMessage", post_message, methods=["POST"])])
    with serve(app) as base_url:
        create = slack_sdk.WebClient.__init__
        monkeypatch.setattr(
            slack_sdk.WebClient,
            "__init__",
            lambda self, *a, **k: create(self, *a, **{**k, "base_url": f"{base_url}/api/"}),
        )
        alerts = HelpDeskAlerts(slack_token="xoxb-planted", slack_channel="#help-desk")
        assert alerts.send(AN_ALERT) == ["Slack"]

    (message,) = posted
    assert message["channel"] == "#help-desk"
    assert message["text"] == AN_ALERT.text
    assert message["token"] == "Bearer xoxb-planted"


def test_no_alert_is_sent_if_no_channel_is_configured(
    desk: Sandbox, whole_sync: Sync, look: Ticks, instance: dg.DagsterInstance
) -> None:
    desk.fault = FAULTS["404-always"].make()
    whole_sync()

    assert HelpDeskAlerts().send(AN_ALERT) == []
    assert all(not data.dagster_run_reactions or data.dagster_run_reactions[0].error is None
               for data in look())  # fmt: skip
    for name in SENSORS:
        sensor = defs.get_repository_def().get_sensor_def(name)
        assert sensor.default_status == dg.DefaultSensorStatus.STOPPED


def test_sensors_run_by_default_if_the_environment_has_a_channel() -> None:
    # Run in another process, because the environment is read at import. It prints the result.
    say = (
        "from helpdesk_assets import defs;"
        "print([sensor.default_status.value for sensor in defs.sensors])"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", say],
        env={**os.environ, "ALERTS__HELP_DESK__WEBHOOK_URL": "https://hooks.example.com/x"},
        text=True,
    )

    assert said == "['RUNNING', 'RUNNING']\n"
