"""Loads a date range in a separate process, without the lock that keeps other loads out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import dagster as dg

from helpdesk_assets.warehouse.file import DuckDbFile
from helpdesk_assets_tests.bench.tickets import defs


@contextmanager
def unlocked(self: DuckDbFile, timeout: float | None = None) -> Iterator[None]:
    """Yield without a lock."""
    yield


def main(start: str, end: str) -> int:
    """Load; return 0 if the run and its checks succeeded."""
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
