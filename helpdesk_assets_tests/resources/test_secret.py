"""Secrets are taken from the configuration if the launchpad has masked them with asterisks."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.resources import HelpDeskAlerts, HelpDeskApi
from helpdesk_assets.resources.secret import MASK
from helpdesk_assets_tests.conftest import API_KEY, Sandbox

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]

STARS = {"resources": {"help_desk_api": {"config": {"api_key": MASK}}}}


def run(
    instance: dg.DagsterInstance, config: Mapping[str, Any], **overrides: Any
) -> dg.ExecuteInProcessResult:
    """Load the tickets with a run config from the launchpad."""
    job = dg.define_asset_job("load", selection=dg.AssetSelection.assets("help_desk_tickets"))
    made = dg.Definitions.merge(
        build_defs(resource_overrides=overrides), dg.Definitions(jobs=[job])
    )
    return made.resolve_job_def("load").execute_in_process(
        instance=instance, run_config=config, raise_on_error=False
    )


@pytest.mark.parametrize("where", ["environment", "variable", "code"])
def test_masked_key_is_replaced_by_the_configured_one(
    where: str,
    sandbox: StartSandbox,
    connect: Connect,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=10))
    overrides = {}
    if where != "environment":
        monkeypatch.setenv("API_KEY", "the key of something else")
        monkeypatch.setenv("MY_KEY", API_KEY)
        key = dg.EnvVar("MY_KEY") if where == "variable" else API_KEY
        overrides["help_desk_api"] = HelpDeskApi(api_key=key)

    assert run(instance, STARS, **overrides).success


def test_key_entered_in_the_launchpad_is_used(
    sandbox: StartSandbox,
    connect: Connect,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(sandbox(tickets=10))
    monkeypatch.setenv("API_KEY", "the key of something else")
    typed = {"resources": {"help_desk_api": {"config": {"api_key": API_KEY}}}}

    assert run(instance, typed).success
    assert not run(instance, {}).success


def test_masked_secrets_of_alerts_are_replaced_by_the_configured_ones() -> None:
    configured = HelpDeskAlerts(webhook_url="http://127.0.0.1/hook", slack_channel="#help-desk")
    given: list[HelpDeskAlerts] = []

    @dg.op
    def look(help_desk_alerts: HelpDeskAlerts) -> None:
        given.append(help_desk_alerts)

    @dg.job(resource_defs={"help_desk_alerts": configured.get_resource_definition()})
    def looks() -> None:
        look()

    # The launchpad masks only secrets.
    stars = {"webhook_url": MASK, "slack_token": MASK, "slack_channel": "#help-desk"}
    looks.execute_in_process(run_config={"resources": {"help_desk_alerts": {"config": stars}}})

    (alerts,) = given
    assert alerts.webhook_url == "http://127.0.0.1/hook"
    assert alerts.slack_token is None
    assert alerts.slack_channel == "#help-desk"
