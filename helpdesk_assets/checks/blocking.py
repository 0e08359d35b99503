"""Runs the checks of the tickets inside an op, for jobs that are not asset jobs."""

import dagster as dg

from helpdesk_assets.checks import check_results
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.resources import HelpDeskApi, HelpDeskWarehouse


def raise_if_blocked(
    context: dg.OpExecutionContext,
    desk: HelpDesk,
    loaded: str,
    *,
    api: HelpDeskApi,
    warehouse: HelpDeskWarehouse,
) -> None:
    """Run the checks of the tickets, and log those that fail.

    Args:
        context: of the op.
        desk: the help desk.
        loaded: what was loaded, as the beginning of the error message.
        api: its profile determines the expected columns.
        warehouse: contains the table.

    Raises:
        dg.Failure: a blocking check failed.
    """
    results = check_results(
        context.instance,
        desk.tickets,
        desk.table(),
        api=api,
        warehouse=warehouse,
        run_id=context.run.run_id,
    )
    failed = [(check, result) for check, result in results if not result.passed]
    for check, result in failed:
        context.log.warning(f"Check {check.name} failed: {result.description}")
    blocking = [result.description for check, result in failed if check.blocking]
    if blocking:
        raise dg.Failure(
            f"{loaded}, but the table failed its checks: {' '.join(map(str, blocking))}"
        )
