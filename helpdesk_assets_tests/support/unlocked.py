"""Loads a date range in a process of its own, without the lock that lets loads take turns."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from helpdesk_assets.definitions import defs
from helpdesk_assets.warehouse.file import DuckDbFile


@contextmanager
def unlocked(self: DuckDbFile, timeout: float | None = None) -> Iterator[None]:
    """Let anybody write the file."""
    yield


def main(start: str, end: str) -> int:
    """Return 0 when the run, with its checks, has succeeded."""
    setattr(DuckDbFile, "locked", unlocked)  # noqa: B010
    selection = [dg.AssetKey("help_desk_tickets")]
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("help_desk_sync").execute_in_process(
            instance=instance,
            run_config={"ops": {"help_desk_tickets": {"config": {"start": start, "end": end}}}},
            asset_selection=selection,
            raise_on_error=False,
        )
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
