"""Runs the sync against the sandbox with ``dg launch``, and shows its progress and the result."""

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from helpdesk_assets.checks import CHECKS
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.resources import HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.tables.schema import COLUMNS, TABLE, Table

JOB = "help_desk_sync"
COMMAND = ["dg", "launch", "--job", JOB]
ROWS_SHOWN = 5
# Lines of Dagster's log that do not help to find out why a run failed.
NOISE = (" - DEBUG - ", "Dependencies for step ")
# Seconds between two updates of the progress bar.
POLLED = 0.3


def main() -> int:
    """Run the job and print the result. Return 0 if the run and all checks succeeded."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without Unicode still shows the rest of each subject.
        sys.stdout.reconfigure(errors="replace")
    _say(f"$ {' '.join(COMMAND)}")
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        code = _launch(log)
        if code:
            log.seek(0)
            _say("".join(line for line in log if not any(noise in line for noise in NOISE)))
            _say(f"The run failed with exit code {code}; the error message is above.")
            return code
    warehouse = HelpDeskWarehouse()
    _show_tickets(warehouse)
    results = _check_results()
    for line in _said(results):
        _say(line)
    _say(f"\nReport: {HelpDeskReports().resolved_path(warehouse.place().beside)}")
    checks = len(CHECKS) + len(MODELS)
    return 0 if all(results.values()) and len(results) >= checks else 1


def _launch(log: IO[str]) -> int:
    """Run the job, log to a file, and show which steps have ended. Return the exit code."""
    began = time.time()
    console = Console(file=sys.stdout)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    # Creates Dagster's databases, so that two processes do not create them at the same time.
    with dg.DagsterInstance.get() as instance:
        list(_progress(instance, began))
        with bar, subprocess.Popen(COMMAND, stdout=log, stderr=subprocess.STDOUT) as run:
            task = bar.add_task("Starting Dagster", total=None)
            while run.poll() is None:
                time.sleep(POLLED)
                for step, done, total in _progress(instance, began):
                    bar.update(task, description=step, completed=done, total=total)
        return run.returncode


def _progress(instance: dg.DagsterInstance, began: float) -> Iterator[tuple[str, int, int]]:
    """Yield the latest step of the run, and the number of steps that have ended and in total."""
    for record in instance.get_run_records(dg.RunsFilter(job_name=JOB), limit=1):
        run = record.dagster_run
        if record.create_timestamp.timestamp() < began or not run.execution_plan_snapshot_id:
            return
        steps = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).steps
        stats = instance.get_run_step_stats(run.run_id)
        if stats:
            latest = max(stats, key=lambda step: step.start_time or 0)
            ended = sum(step.end_time is not None for step in stats)
            yield latest.step_key, ended, len(steps)


def _show_tickets(warehouse: HelpDeskWarehouse) -> None:
    columns = ", ".join(column.name for column in COLUMNS)
    with warehouse.reader() as connection:
        (count,) = connection.execute(f"select count(*) from {Table().qualified}").fetchall()[0]
        rows = connection.execute(
            f"select {columns} from {Table().qualified} order by id limit {ROWS_SHOWN}"
        ).fetchall()
    _say(f"\n{count:,} rows in {Table().qualified} of {warehouse.place().label}, among them:")
    for row in rows:
        _say("  " + " | ".join(str(value) for value in row))


def _said(results: dict[tuple[str, str], bool]) -> Iterator[str]:
    """Yield a line for each check of the tickets and the models, and one for the other tables."""
    passed: dict[str, int] = {}
    for (asset, check), is_passed in results.items():
        is_other = asset not in (TABLE, *(model.name for model in MODELS))
        if is_other and is_passed:
            passed[asset] = passed.get(asset, 0) + 1
        else:
            yield f"  {'passed' if is_passed else 'FAILED'}  {asset}: {check}"
    for count in sorted(set(passed.values())):
        assets = ", ".join(asset for asset in passed if passed[asset] == count)
        yield f"  passed  {assets}: {count} checks each"


def _check_results() -> dict[tuple[str, str], bool]:
    """Return whether each check of the job's last run passed, by asset and name."""
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name=JOB), limit=1)
        logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in logs]
    _say(f"\nChecks of run {run.run_id}:")
    return {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation.passed
        for evaluation in evaluations
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
