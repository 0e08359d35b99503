"""Whether reports may be built from the tickets: the latest and recent check results."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import dagster as dg

from helpdesk_assets.checks import CHECKS
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.tables.schema import TABLE

# The number of results that fit on a line of the report.
HISTORY = 30


@dataclass(frozen=True)
class Evaluation:
    """The result of a check, and when it was evaluated."""

    passed: bool
    at: datetime
    said: str


@dataclass(frozen=True)
class CheckHistory:
    """A check and its recent results, newest last."""

    asset: str
    name: str
    blocking: bool
    evaluations: Sequence[Evaluation]

    @property
    def latest(self) -> Evaluation | None:
        """The latest result; None if the check was never run."""
        return self.evaluations[-1] if self.evaluations else None


def check_history(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> list[Evaluation]:
    """Return the recent results of a check, newest last."""
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=HISTORY)
    found = []
    for record in reversed(records):
        event = record.event.dagster_event if record.event else None
        if (
            record.event
            and event
            and event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ):
            evaluation = event.asset_check_evaluation_data
            found.append(
                Evaluation(
                    evaluation.passed,
                    datetime.fromtimestamp(record.event.timestamp, timezone.utc),
                    evaluation.description or "",
                )
            )
    return found


def refuse_what_cannot_be_trusted(
    instance: dg.DagsterInstance, desk: HelpDesk, tables: Collection[str] = (TABLE,)
) -> None:
    """Raise dg.Failure if the latest result of a blocking check is a failure.

    Within a run, Dagster blocks downstream assets itself. A report materialized separately needs
    this check.

    Args:
        instance: the Dagster instance with the results.
        desk: the help desk.
        tables: the names of the loaded tables that are read.
    """
    checks = {
        dg.AssetCheckKey(desk.asset_key(table), check.name): table
        for table in tables
        for check in CHECKS
        if check.blocking
    }
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([*checks])
    for key, table in checks.items():
        record = latest.get(key)
        if not record or record.status.value == "SUCCEEDED":
            continue
        # If the latest one did not end, the one before counts.
        history = check_history(instance, key)
        if history and not history[-1].passed:
            raise setting_failure(
                f"No reports are built from {table}, because its check {key.name} failed: "
                f"{history[-1].said} Materialize {table} again, or rerun the check after fixing "
                "the cause."
            )
