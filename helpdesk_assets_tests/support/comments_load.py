"""Loads tickets and their comments, and checks both. As a command, it prints its peak memory.

The tables to load can be its arguments. Settings are read from the environment.
"""

import resource
import sys

import dagster as dg

from helpdesk_assets.build import build_defs

# Only the loaded assets, without the reports.
TABLES = ("help_desk_tickets", "comments")


def load(
    instance: dg.DagsterInstance, *tables: str, full_refresh: bool = False
) -> dg.ExecuteInProcessResult:
    """Load tables. Default: tickets and comments. A failed run is returned, not raised.

    Args:
        instance: the Dagster instance.
        tables: the tables to load.
        full_refresh: whether to load all tickets, and the comments of all of them.
    """
    names = tables or TABLES
    job = dg.define_asset_job("comments_load", selection=dg.AssetSelection.assets(*names))
    definitions = dg.Definitions.merge(build_defs(), dg.Definitions(jobs=[job]))
    config = {"ops": {name: {"config": {"full_refresh": full_refresh}} for name in names}}
    return definitions.resolve_job_def("comments_load").execute_in_process(
        instance=instance, raise_on_error=False, run_config=config
    )


def main() -> int:
    """Load, print the peak memory of the process in MB, and return 0 on success."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = load(instance, *sys.argv[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{peak / 1024:.0f}\n")
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
