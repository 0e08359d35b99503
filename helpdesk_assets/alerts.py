"""Sensors that send alerts: one for each run that failed, or in which a check did.

They watch one desk: its jobs, and its assets in whichever run they are, be it a click in the UI or
somebody's own job. What else fails in the code location is not theirs to say.
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

# Seconds between two looks.
INTERVAL = 30

# Letters of an alert's title, and of what it says.
LONGEST_TITLE = 300
LONGEST = 2000
# What failed, in a few words, and what it said.
Said = tuple[str, str]


@dataclass(frozen=True)
class Watched:
    """What of a code location is a desk's.

    Attributes:
        desk: the desk.
        assets: the keys of its assets.
    """

    desk: HelpDesk
    assets: Collection[dg.AssetKey]

    def owns(self, run: dg.DagsterRun) -> bool:
        """Tell whether a run is of this desk alone: of its job, or of its assets by themselves."""
        selected = {
            *(run.asset_selection or ()),
            *(check.asset_key for check in run.asset_check_selection or ()),
        }
        if run.job_name in self.desk.jobs:
            return True
        return bool(selected) and selected <= set(self.assets)

    def steps(self, context: dg.RunStatusSensorContext) -> set[str]:
        """Return the keys of a run's steps that make or check an asset of this desk."""
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
    """Switch them on where the resource or the environment names a channel; else a person does."""
    settings = Section("alerts", desk.name)
    told = any(
        getattr(alerts, name, None) is not None or from_environment(settings.key(name))
        for name in ("webhook_url", "slack_token")
    )
    return dg.DefaultSensorStatus.RUNNING if told else dg.DefaultSensorStatus.STOPPED


def alert_sensors(
    desk: HelpDesk, assets: Collection[dg.AssetKey], alerts: Any = None
) -> list[dg.SensorDefinition]:
    """Return a desk's sensors: of runs that failed, and of runs that succeeded but for a check.

    Args:
        desk: whose they are.
        assets: the keys of its assets.
        alerts: the resource that says where alerts go, as configured at load.
    """
    watched = Watched(desk, frozenset(assets))

    @dg.run_failure_sensor(
        name=f"{desk.name}_run_failure_alert",
        description="Sends an alert when a run has failed: what, its error message, and a link.",
        minimum_interval_seconds=INTERVAL,
        default_status=_status(desk, alerts),
    )
    @with_resources_of(desk)
    def on_failure(context: dg.RunFailureSensorContext, help_desk_alerts: HelpDeskAlerts) -> None:
        _tell(context, help_desk_alerts, _of_failure(context, watched))

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name=f"{desk.name}_check_failure_alert",
        description="Sends an alert when a run has succeeded and a check of it has failed.",
        minimum_interval_seconds=INTERVAL,
        default_status=_status(desk, alerts),
    )
    @with_resources_of(desk)
    def on_success(context: dg.RunStatusSensorContext, help_desk_alerts: HelpDeskAlerts) -> None:
        _tell(context, help_desk_alerts, _failed_checks(context, watched))

    return [on_failure, on_success]


def _tell(context: dg.RunStatusSensorContext, alerts: HelpDeskAlerts, said: Sequence[Said]) -> None:
    """Send an alert, unless nothing of the desk has failed."""
    if not said:
        return
    run = context.dagster_run
    ways = alerts.send(
        Alert(
            title=shown("; ".join(dict.fromkeys(title for title, _ in said)), LONGEST_TITLE),
            sentence=shown(" ".join(dict.fromkeys(sentence for _, sentence in said)), LONGEST),
            job=run.job_name,
            run_id=run.run_id,
            run_url=alerts.run_url(run.run_id),
        )
    )
    context.log.info(
        f"An alert was sent by {' and '.join(ways)}." if ways else "No alert channel is configured."
    )


def _of_failure(context: dg.RunFailureSensorContext, watched: Watched) -> Sequence[Said]:
    """Say what of the desk failed: the checks if there are any, else the steps, else the run."""
    failed = _failed_checks(context, watched) or list(_failed_steps(context, watched))
    if failed or not watched.owns(context.dagster_run):
        return failed
    return [
        (
            f"The run of {context.dagster_run.job_name} failed",
            str(context.failure_event.message),
        )
    ]


def _failed_checks(context: dg.RunStatusSensorContext, watched: Watched) -> Sequence[Said]:
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
                    f"The check {evaluation.check_name} of {asset} failed",
                    evaluation.description or "No further details.",
                )
            )
    return found


def _failed_steps(context: dg.RunFailureSensorContext, watched: Watched) -> Iterator[Said]:
    events = context.get_step_failure_events()
    if not watched.owns(context.dagster_run):
        ours = watched.steps(context)
        events = [event for event in events if event.step_key in ours]
    for event in events:
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        if not said:
            # Whatever an error that nobody foresaw may hold, it is not sent around.
            error = data.error
            while error and error.cause:
                error = error.cause
            said = f"{error.cls_name if error else 'An error'}: see the run."
        yield f"{event.step_key} failed", said
