"""Whether the tickets may be reported on: what their checks last said, and have said before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import dagster as dg

from helpdesk_assets.checks import CHECKS
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.tables.schema import TABLE

# As many as fit on a line of the report.
HISTORY = 30


@dataclass(frozen=True)
class Evaluation:
    """What a check said, and when."""

    passed: bool
    at: datetime
    said: str


@dataclass(frozen=True)
class CheckHistory:
    """A check, and what it has said of late, the newest last."""

    asset: str
    name: str
    blocking: bool
    evaluations: Sequence[Evaluation]

    @property
    def latest(self) -> Evaluation | None:
        """What it said last; None when it has never been run."""
        return self.evaluations[-1] if self.evaluations else None


def check_history(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> list[Evaluation]:
    """Return what a check has said of late, the newest last."""
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


def refuse_what_cannot_be_trusted(instance: dg.DagsterInstance, desk: HelpDesk) -> None:
    """Raise dg.Failure where a check that what is downstream waits for has failed last.

    Within a run Dagster itself sees to that. A report that is made by itself would not know.
    """
    for check in CHECKS:
        if check.blocking:
            history = check_history(instance, dg.AssetCheckKey(desk.tickets, check.name))
            if history and not history[-1].passed:
                raise setting_failure(
                    f"Nothing is made of {TABLE}, as its check {check.name} failed: "
                    f"{history[-1].said} Materialize it again, or run the check when it is mended."
                )
