"""The temporary folder of a run, which contains tickets and is removed at its end.

A run holds a lock in its folder until its process ends, so that the next run can remove the folders
of killed ones.
"""

import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR
from uuid import uuid4

from filelock import FileLock, Timeout

# The lock file in a run's folder.
ALIVE = "alive.lock"


@contextmanager
def working_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Create the folder of a run, and remove those of killed runs, inside a ``with`` block.

    Args:
        parent: the folder that it is created in.
        prefix: the start of its name, which ends with a hyphen and the name of the run.
    """
    for left in _folders(parent, prefix):
        if not _is_alive(left):
            shutil.rmtree(left, ignore_errors=True)
    # Starts with the time, for those who cannot see whether the run is alive.
    run = f"{int(time.time()):08x}{uuid4().hex[:8]}"
    folder = parent / f"{prefix}-{run}"
    # Others remove a folder with such a name if its lock is free: it gets it when it is locked.
    unnamed = parent / f"{prefix}.new-{run}"
    unnamed.mkdir(mode=0o700)
    try:
        with FileLock(unnamed / ALIVE):
            unnamed.rename(folder)
            yield folder
    finally:
        for created in (unnamed, folder):
            shutil.rmtree(created, ignore_errors=True)


def runs_alive(parent: Path, prefix: str) -> set[str]:
    """Return the names of the runs whose folders are in a folder, and that are alive."""
    return {
        folder.name.rpartition("-")[2] for folder in _folders(parent, prefix) if _is_alive(folder)
    }


def _folders(parent: Path, prefix: str) -> list[Path]:
    """Return the folders of runs of this user; others can create some in a shared folder, too."""
    return [path for path in parent.glob(f"{glob.escape(prefix)}-*") if _is_own_folder(path)]


def _is_own_folder(path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        # Its run has just ended.
        return False
    return S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _is_alive(folder: Path) -> bool:
    """Return whether the run of a folder is alive, that is, holds the lock in it."""
    try:
        with FileLock(folder / ALIVE).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        # The run has just ended, and its folder is being removed.
        return False
