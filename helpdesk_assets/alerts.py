"""Sensors that send an alert for each failed run and each failed asset check.

The sensors watch one help desk: its jobs, and its assets in any other run, such as one started in
the UI or by another job. They ignore everything else in the code location.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources.alerts import Alert, HelpDeskAlerts
from helpdesk_assets.resources.keys import with_resources_of
from helpdesk_assets.settings import Section, from_environment
from helpdesk_assets.shown import shown

# Seconds between two evaluations.
INTERVAL = 30

# Maximum length of an alert's title and text.
LONGEST_TITLE = 300
LONGEST = 2000
# What failed, and its error message.
Failed = tuple[str, str]


@dataclass(frozen=True)
class Watched:
    """The part of a code location that belongs to one help desk.

    Attributes:
        desk: the help desk.
        assets: the keys of its assets.
    """

    desk: HelpDesk
    assets: Collection[dg.AssetKey]

    def owns(self, run: dg.DagsterRun) -> bool:
        """Return whether a run belongs to this desk alone: to its jobs, or only to its assets."""
        selected = {
            *(run.asset_selection or ()),
            *(check.asset_key for check in run.asset_check_selection or ()),
        }
        if run.job_name in self.desk.jobs:
            return True
        return bool(selected) and selected <= set(self.assets)

    def steps(self, context: dg.RunStatusSensorContext) -> set[str]:
        """Return the keys of a run's steps that materialize or check an asset of this desk."""
        found = set()
        for kind in (
            dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        ):
            for entry in context.instance.all_logs(context.dagster_run.run_id, of_type=kind):
                event = entry.get_dagster_event()
                key = event.asset_key or getattr(event.event_specific_data, "asset_key", None)
                if key in self.assets and event.step_key:
                    found.add(event.step_key)
        return found


def _status(desk: HelpDesk, alerts: Any) -> dg.DefaultSensorStatus:
    """Start the sensors by default if the resource or the environment configures a channel."""
    settings = Section("alerts", desk.name)
    told = any(
        getattr(alerts, name, None) is not None or from_environment(settings.key(name))
        for name in ("webhook_url", "slack_token")
    )
    return dg.DefaultSensorStatus.RUNNING if told else dg.DefaultSensorStatus.STOPPED


def alert_sensors(
    desk: HelpDesk, assets: Collection[dg.AssetKey], alerts: Any = None
) -> list[dg.SensorDefinition]:
    """Return a desk's sensors: for failed runs, and for successful runs with a failed check.

    Args:
        desk: the help desk.
        assets: the keys of its assets.
        alerts: the resource with the alert channels, as configured when definitions are loaded.
    """
    watched = Watched(desk, frozenset(assets))

    @dg.run_failure_sensor(
        name=f"{desk.name}_run_failure_alert",
        description="Sends an alert with the error message and a link when a run fails.",
        minimum_interval_seconds=INTERVAL,
        default_status=_status(desk, alerts),
    )
    @with_resources_of(desk)
    def on_failure(context: dg.RunFailureSensorContext, help_desk_alerts: HelpDeskAlerts) -> None:
        _send_alert(context, help_desk_alerts, _of_failure(context, watched))

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=f"{desk.name}_check_failure_alert",
        description="Sends an alert when a run succeeds but one of its asset checks fails.",
        minimum_interval_seconds=INTERVAL,
        default_status=_status(desk, alerts),
    )
    @with_resources_of(desk)
    def on_success(context: dg.RunStatusSensorContext, help_desk_alerts: HelpDeskAlerts) -> None:
        _send_alert(context, help_desk_alerts, _failed_checks(context, watched))

    return [on_failure, on_success]


def _send_alert(
    context: dg.RunStatusSensorContext, alerts: HelpDeskAlerts, failed: Sequence[Failed]
) -> None:
    """Send an alert if a part of the desk failed."""
    if not failed:
        return
    run = context.dagster_run
    ways = alerts.send(
        Alert(
            title=shown("; ".join(dict.fromkeys(title for title, _ in failed)), LONGEST_TITLE),
            sentence=shown(" ".join(dict.fromkeys(message for _, message in failed)), LONGEST),
            job=run.job_name,
            run_id=run.run_id,
            run_url=alerts.run_url(run.run_id),
        )
    )
    context.log.info(
        f"Alert sent via {' and '.join(ways)}." if ways else "No alert channel is configured."
    )


def _of_failure(context: dg.RunFailureSensorContext, watched: Watched) -> Sequence[Failed]:
    """Return what failed: the desk's checks if any, otherwise its steps, otherwise the run."""
    failed = _failed_checks(context, watched) or list(_failed_steps(context, watched))
    if failed or not watched.owns(context.dagster_run):
        return failed
    return [
        (
            f"Run of {context.dagster_run.job_name} failed",
            str(context.failure_event.message),
        )
    ]


def _failed_checks(context: dg.RunStatusSensorContext, watched: Watched) -> Sequence[Failed]:
    logs = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    found = []
    for entry in logs:
        event = entry.get_dagster_event()
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed and evaluation.asset_key in watched.assets:
            asset = evaluation.asset_key.to_user_string()
            found.append(
                (
                    f"Check {evaluation.check_name} on {asset} failed",
                    evaluation.description or "No further details.",
                )
            )
    return found


def _failed_steps(context: dg.RunFailureSensorContext, watched: Watched) -> Iterator[Failed]:
    events = context.get_step_failure_events()
    if not watched.owns(context.dagster_run):
        ours = watched.steps(context)
        events = [event for event in events if event.step_key in ours]
    for event in events:
        data = event.step_failure_data
        message = data.user_failure_data.description if data.user_failure_data else None
        if not message:
            # The text of an unexpected error may contain anything, so it is not sent.
            error = data.error
            while error and error.cause:
                error = error.cause
            message = f"{error.cls_name if error else 'An error'}: see the run for details."
        yield f"Step {event.step_key} failed", message
