"""Loads a date range in a process of its own, without the lock that lets loads take turns."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import dagster as dg

from helpdesk_assets.warehouse.file import DuckDbFile
from helpdesk_assets_tests.bench.tickets import defs


@contextmanager
def unlocked(self: DuckDbFile, timeout: float | None = None) -> Iterator[None]:
    """Let anybody write the file."""
    yield


def main(start: str, end: str) -> int:
    """Return 0 when the run, with its checks, has succeeded."""
    with (
        patch.object(DuckDbFile, "locked", unlocked),
        dg.DagsterInstance.ephemeral() as instance,
    ):
        result = defs.resolve_job_def("tickets").execute_in_process(
            instance=instance,
            run_config={"ops": {"help_desk_tickets": {"config": {"start": start, "end": end}}}},
            raise_on_error=False,
        )
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
