"""Sensors that tell people: one alert for each run that failed, or in which a check did."""

from collections.abc import Iterator, Sequence

import dagster as dg

from helpdesk_assets.environment import from_environment
from helpdesk_assets.resources.alerts import Alert, HelpDeskAlerts

# Seconds between two looks.
INTERVAL = 30


def _status() -> dg.DefaultSensorStatus:
    """Switch them on where the environment says whom to tell; else somebody does so in the UI."""
    told = any(
        from_environment(f"alerts.help_desk.{name}") for name in ("webhook_url", "slack_token")
    )
    return dg.DefaultSensorStatus.RUNNING if told else dg.DefaultSensorStatus.STOPPED


def alert_sensors() -> list[dg.SensorDefinition]:
    """Return the sensors: of runs that failed, and of runs that ended well but for a check."""

    @dg.run_failure_sensor(
        name="help_desk_run_failure_alert",
        description="Sends an alert when a run has failed: what, the sentence, a link to the run.",
        minimum_interval_seconds=INTERVAL,
        default_status=_status(),
    )
    def on_failure(context: dg.RunFailureSensorContext, help_desk_alerts: HelpDeskAlerts) -> None:
        _tell(context, help_desk_alerts, _of_failure(context))

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="help_desk_check_failure_alert",
        description="Sends an alert when a run has ended well and a check of it has not passed.",
        minimum_interval_seconds=INTERVAL,
        default_status=_status(),
    )
    def on_success(context: dg.RunStatusSensorContext, help_desk_alerts: HelpDeskAlerts) -> None:
        failed = _failed_checks(context)
        if failed:
            _tell(context, help_desk_alerts, failed)

    return [on_failure, on_success]


def _tell(
    context: dg.RunStatusSensorContext, alerts: HelpDeskAlerts, said: Sequence[tuple[str, str]]
) -> None:
    run = context.dagster_run
    ways = alerts.send(
        Alert(
            title="; ".join(dict.fromkeys(title for title, _ in said)),
            sentence=" ".join(dict.fromkeys(sentence for _, sentence in said)),
            job=run.job_name,
            run_id=run.run_id,
            run_url=alerts.run_url(run.run_id),
        )
    )
    context.log.info(f"An alert was sent by {' and '.join(ways) or 'no way, for none is set'}.")


def _of_failure(context: dg.RunFailureSensorContext) -> list[tuple[str, str]]:
    """Say what failed: the checks if there are any, else the steps, else the run itself."""
    return (
        _failed_checks(context)
        or list(_failed_steps(context))
        or [
            (
                f"The run of {context.dagster_run.job_name} failed",
                str(context.failure_event.message),
            )
        ]
    )


def _failed_checks(context: dg.RunStatusSensorContext) -> list[tuple[str, str]]:
    logs = context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    found = []
    for entry in logs:
        event = entry.get_dagster_event()
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            asset = evaluation.asset_key.to_user_string()
            found.append(
                (
                    f"The check {evaluation.check_name} of {asset} failed",
                    evaluation.description or "It says no more.",
                )
            )
    return found


def _failed_steps(context: dg.RunFailureSensorContext) -> Iterator[tuple[str, str]]:
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        if not said:
            # Whatever an error that nobody foresaw may hold, it is not sent around.
            error = data.error
            while error and error.cause:
                error = error.cause
            said = f"{error.cls_name if error else 'An error'}: see the run."
        yield f"{event.step_key} failed", said
