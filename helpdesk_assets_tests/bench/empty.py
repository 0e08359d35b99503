"""A Dagster job that does nothing, to measure the overhead of Dagster itself."""

import dagster as dg


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job(executor_def=dg.in_process_executor)
def empty() -> None:
    """Run the empty op in this process."""
    nothing()
