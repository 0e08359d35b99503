"""Runs the sync against the sandbox, as anyone would, and shows what landed."""

import io
import subprocess
import sys

import dagster as dg

from helpdesk_assets.checks import CHECKS
from helpdesk_assets.reports.tables import REPORT_TABLES
from helpdesk_assets.resources import HelpDeskReports, HelpDeskWarehouse
from helpdesk_assets.tables.schema import COLUMNS, Table

COMMAND = ["dg", "launch", "--job", "help_desk_sync"]
ROWS_SHOWN = 5


def main() -> int:
    """Run the job and report on it. Return 0 when it ended well and every check passed."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without Unicode still shows the rest of each subject.
        sys.stdout.reconfigure(errors="replace")
    _say(f"$ {' '.join(COMMAND)}")
    code = subprocess.run(COMMAND, check=False).returncode
    if code:
        _say(f"The run failed with exit code {code}; the error message is above.")
        return code
    warehouse = HelpDeskWarehouse()
    _show_tickets(warehouse)
    results = _check_results()
    for name, passed in results.items():
        _say(f"  {'passed' if passed else 'FAILED'}  {name}")
    path = warehouse.path()
    _say(f"\nThe report: {HelpDeskReports().resolved_path(path)}")
    checks = len(CHECKS) + len(REPORT_TABLES)
    return 0 if all(results.values()) and len(results) == checks else 1


def _show_tickets(warehouse: HelpDeskWarehouse) -> None:
    columns = ", ".join(column.name for column in COLUMNS)
    with warehouse.reader() as connection:
        (count,) = connection.execute(f"select count(*) from {Table().qualified}").fetchall()[0]
        rows = connection.execute(
            f"select {columns} from {Table().qualified} order by id limit {ROWS_SHOWN}"
        ).fetchall()
    _say(f"\n{count:,} rows in {Table().qualified} of {warehouse.path()}, among them:")
    for row in rows:
        _say("  " + " | ".join(str(value) for value in row))


def _check_results() -> dict[str, bool]:
    """Return what each check of the job's last run said, as the Dagster instance has it."""
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="help_desk_sync"), limit=1)
        logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in logs]
    _say(f"\nChecks of run {run.run_id}:")
    return {
        f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}": evaluation.passed
        for evaluation in evaluations
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
