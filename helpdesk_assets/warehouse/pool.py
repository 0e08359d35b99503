"""Limits access to the DuckDB file to one run at a time, with a Dagster pool.

Dagster frees the slot of a killed run only if its daemon is running. Therefore each run holds a
lock, which the operating system releases when the process dies, so that the next run can tell a
dead run from a slow one. It keeps checking, because a run may also die while it is queued.

A lock tells about the runs of one machine. Dagster keeps its history in SQLite files only if all
runs are on one machine. With another storage, such as PostgreSQL, the runs may be anywhere, and the
storage directory is a path of the machine that submitted the run: then dead runs are left to
Dagster's run monitoring.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import (
    ConsolidatedSqliteEventLogStorage,
    SqliteEventLogStorage,
)
from filelock import FileLock, Timeout

# Seconds between two checks for dead runs.
LOOKS_EVERY = 5.0
# The suffix of the file of a run that is alive.
ALIVE = ".alive"
# A run creates its file, and then locks it: one of fewer seconds may belong to a run that is alive.
NEW = 1.0


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[list[str]]:
    """Mark a run as alive inside a ``with`` block, and free the pool slots of dead runs.

    Dead runs are left to Dagster if runs of the instance may be on other machines.

    Yields:
        The ids of the other runs that hold a pool slot or wait for one.
    """
    if not _is_on_this_machine(instance):
        yield sorted(_runs_in_pools(instance) - {run_id})
        return
    life = life_of(instance, run_id)
    with suppress(Timeout):
        life.acquire(timeout=0)
    others = free_places_of_dead_runs(instance, run_id)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOKS_EVERY):
            # An error must not affect this run; the check is repeated.
            with suppress(Exception):
                free_places_of_dead_runs(instance, run_id)

    watch = threading.Thread(target=look, name="places of dead runs", daemon=True)
    watch.start()
    try:
        yield others
    finally:
        ended.set()
        watch.join()
        if life.is_locked:
            life.release()
            Path(life.lock_file).unlink(missing_ok=True)


def free_places_of_dead_runs(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Free the pool slots and queue entries of runs whose process has died.

    Runs on other machines and runs that have not started are not affected.

    Args:
        instance: the Dagster instance.
        run_id: the run that does this.

    Returns:
        The ids of the other runs in pools that are alive.
    """
    marked = {path.stem for path in _folder(instance).glob(f"*{ALIVE}")} - {run_id}
    living = []
    # Most runs are alone: then there is no need to query the pools.
    for other in sorted(marked & _runs_in_pools(instance)) if marked else ():
        living.append(other)
        life = life_of(instance, other)
        if _is_new(Path(life.lock_file)):
            continue
        with suppress(Timeout), life.acquire(timeout=0):
            instance.event_log_storage.free_concurrency_slots_for_run(other)
            # Last, so that another run can do this if this one is killed before.
            Path(life.lock_file).unlink(missing_ok=True)
            living.remove(other)
    return living


def steps_at_once(instance: dg.DagsterInstance, pool: str) -> int | None:
    """Return how many steps of a pool can run at a time; None: any number."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return None
    return storage.get_concurrency_info(pool).limit


def life_of(instance: dg.DagsterInstance, run_id: str) -> FileLock:
    """Return the lock that a run holds while it is alive, in the instance's storage directory."""
    folder = _folder(instance)
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{run_id}{ALIVE}")


def _is_new(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime < NEW
    except FileNotFoundError:
        # Its run has just ended.
        return False


def _folder(instance: dg.DagsterInstance) -> Path:
    """Return the folder of the files of runs that are alive."""
    return Path(instance.storage_directory())


def _is_on_this_machine(instance: dg.DagsterInstance) -> bool:
    """Return whether all runs of an instance are on this machine, as its history is in files."""
    return isinstance(
        instance.event_log_storage, (SqliteEventLogStorage, ConsolidatedSqliteEventLogStorage)
    )


def _runs_in_pools(instance: dg.DagsterInstance) -> set[str]:
    """Return the ids of the runs that hold a pool slot or wait for one.

    Dagster may also have assigned a slot to a run that has not claimed it yet, which blocks others.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return set()
    found: set[str] = set()
    for pool in storage.get_concurrency_keys():
        info = storage.get_concurrency_info(pool)
        found |= {place.run_id for place in info.claimed_slots}
        found |= {step.run_id for step in info.pending_steps}
    return found
