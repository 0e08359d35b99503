"""Error messages about the DuckDB file, with what to do next."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path

import dagster as dg
import duckdb

from helpdesk_assets.errors import UNCHANGED, chain, setting_failure
from helpdesk_assets.warehouse.file_credentials import SET_CREDENTIALS


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Convert errors of DuckDB about its file to a dg.Failure with a remedy."""
    try:
        yield
    except Exception as error:
        causes = [
            cause
            for cause in chain(error)
            if isinstance(cause, (duckdb.IOException, duckdb.OutOfMemoryException))
            or (isinstance(cause, OSError) and cause.errno == ENOSPC)
        ]
        if not causes:
            raise
        raise failure_of(path, str(causes[-1])) from None


def failure_of(path: Path, reason: str) -> dg.Failure:
    """Return a failure with a remedy, for what DuckDB or the operating system reports."""
    if os.strerror(ENOSPC) in reason:
        return setting_failure(
            f"The disk that {path} is on is full: free disk space and run again. {UNCHANGED}"
        )
    if "Out of Memory" in reason:
        return setting_failure(
            f"DuckDB ran out of the memory that is allowed for loading tickets into {path}: "
            f"set DESTINATION__DUCKDB__MEMORY_LIMIT to more. {UNCHANGED}"
        )
    if "lock" in reason:
        return setting_failure(
            f"The DuckDB file {path} {in_use(reason)}: close it there and run again, or give "
            f"this load a file of its own in DESTINATION__DUCKDB__CREDENTIALS. {UNCHANGED}"
        )
    return setting_failure(
        f"The DuckDB file {path} cannot be opened "
        f"({reason.removeprefix('IO Error: ')}): {SET_CREDENTIALS}"
    )


def in_use(reason: str) -> str:
    """Return that the file is in use, and by which process if DuckDB reports it."""
    holder = reason.partition("is held in ")[2].partition(". ")[0]
    return f"is in use by another process{f', {holder}' if holder else ''}"
