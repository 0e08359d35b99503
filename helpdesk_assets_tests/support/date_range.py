"""Loads a date range in a separate process, and checks the table."""

import sys

import dagster as dg

from helpdesk_assets_tests.bench.tickets import defs


def main(start: str, end: str) -> int:
    """Load; return 0 if the run and its checks succeeded."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("tickets").execute_in_process(
            instance=instance,
            run_config={"ops": {"help_desk_tickets": {"config": {"start": start, "end": end}}}},
            raise_on_error=False,
        )
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
