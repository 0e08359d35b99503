"""A copy of the DuckDB file for readers, which is replaced in one step.

Readers that have the copy open go on reading the old one, and no reader ever sees half of a copy:
it is written in a folder beside the one that it replaces, and then takes its name.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.warehouse.file import DuckDbFile
from helpdesk_assets.warehouse.staging import drop_all_staging

SET_SNAPSHOT = (
    "set DESTINATION__DUCKDB__SNAPSHOT to the path of another file in a folder that exists, such "
    "as /var/lib/help_desk/readers.duckdb, or remove the setting."
)

# Of more than one letter, as one is a drive of Windows.
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:", re.I)


def snapshot_path(value: str, database: Path, dataset: str) -> Path:
    """Return the path of the copy. Of a symbolic link, it is the path of the file behind it.

    Args:
        value: the setting.
        database: the DuckDB file.
        dataset: the dataset of the help desk.

    Raises:
        dg.Failure: the copy cannot be there.
    """
    path = Path(value.strip()).absolute()
    reason = None
    if ADDRESS.match(value.strip()):
        reason = "it is not the path of a file"
    elif path.is_dir():
        reason = "it is a folder"
    elif not path.parent.is_dir():
        reason = "its folder does not exist"
    elif path.resolve() == database.resolve() or (
        path.exists() and database.exists() and path.samefile(database)
    ):
        reason = "it is the DuckDB file itself"
    elif path.exists() and not path.is_file():
        reason = "it is not a file"
    elif path.name.lstrip(".").partition(".")[0].lower() in (dataset, f"{dataset}_staging"):
        # DuckDB would take help_desk.help_desk_tickets for a table of the database help_desk.
        reason = f"DuckDB cannot tell a file of that name from the dataset {dataset}"
    if reason:
        raise _failure(path, reason)
    return path.resolve()


def _failure(path: Path, reason: str) -> Exception:
    return setting_failure(
        f"The DuckDB file cannot be copied to {path}, because {reason}: {SET_SNAPSHOT}"
    )


@contextmanager
def at_rest(file: DuckDbFile) -> Iterator[DuckDBPyConnection]:
    """Open the file to read inside a ``with`` block, while no process writes to it.

    All that was committed is in the file itself, and nothing that killed loads have left.

    Raises:
        dg.Failure: the file cannot be opened, or is in use after ``lock_timeout`` seconds.
    """
    with file.locked(), file.explained():
        with file.held_open(file.connect) as connection:
            drop_all_staging(connection)
            connection.execute("checkpoint")
        with file.held_open(partial(file.connect, read_only=True)) as connection:
            if file.path.with_name(f"{file.path.name}.wal").exists():
                raise setting_failure(
                    f"Another program has written to {file.path} while it was to be copied: run "
                    "again. The copy is as it was before."
                )
            yield connection


def replace_snapshot(database: Path, snapshot: Path) -> int:
    """Replace a copy by a new one, in one step, and return its size in bytes.

    Only its owner has access to the first copy; later ones have the permissions of the one before.

    Args:
        database: a file that no process writes to; see ``at_rest``.
        snapshot: see ``snapshot_path``.

    Raises:
        dg.Failure: it cannot be written; the copy is as it was before.
    """
    try:
        return _replaced(database, snapshot)
    except OSError as error:
        raise _failure(snapshot, f"{error.strerror}. The copy is as it was before") from None


def _replaced(database: Path, snapshot: Path) -> int:
    folder = snapshot.with_name(f".{snapshot.name}-new")
    # What a run has left that was killed while it copied.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        copy = folder / snapshot.name
        with database.open("rb") as source, copy.open("xb") as target:
            shutil.copyfileobj(source, target, 2**20)
            target.flush()
            os.fsync(target.fileno())
            size = target.tell()
        if snapshot.exists():
            before = snapshot.stat()
            with suppress(PermissionError):
                os.chown(copy, -1, before.st_gid)
            copy.chmod(before.st_mode & 0o777)
        else:
            copy.chmod(0o600)
        # Or DuckDB would apply to the new copy what somebody has written to the old one.
        snapshot.with_name(f"{snapshot.name}.wal").unlink(missing_ok=True)
        copy.replace(snapshot)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return size
