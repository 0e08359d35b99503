"""A Dagster job that does nothing, to know what Dagster itself takes."""

import dagster as dg


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job(executor_def=dg.in_process_executor)
def empty() -> None:
    """Run nothing, in this process."""
    nothing()
