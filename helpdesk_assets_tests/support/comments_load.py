"""Loads tickets and their comments, and checks both; in a process of its own, it prints its memory.

The settings are those of the environment.
"""

import resource
import sys

import dagster as dg

from helpdesk_assets.build import build_defs

# Of two assets, as nothing is made of them here.
TABLES = ("help_desk_tickets", "comments")


def load(
    instance: dg.DagsterInstance, *tables: str, full_refresh: bool = False
) -> dg.ExecuteInProcessResult:
    """Load tables, by default tickets and comments; a failed run is returned like any other.

    Args:
        instance: keeps the run.
        tables: the tables to load.
        full_refresh: whether to load all tickets, and the comments of all.
    """
    names = tables or TABLES
    job = dg.define_asset_job("comments_load", selection=dg.AssetSelection.assets(*names))
    definitions = dg.Definitions.merge(build_defs(), dg.Definitions(jobs=[job]))
    config = {"ops": {name: {"config": {"full_refresh": full_refresh}} for name in names}}
    return definitions.resolve_job_def("comments_load").execute_in_process(
        instance=instance, raise_on_error=False, run_config=config
    )


def main() -> int:
    """Load, print the peak of the process's memory in MB, and return 0 if all is well."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = load(instance)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{peak / 1024:.0f}\n")
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
