"""Who may use the DuckDB file: one run at a time, by a pool of Dagster's.

Dagster gives the place of a killed run back only where its daemon runs. So while a run lives it
holds a lock, which the operating system takes from it when it dies: whoever comes next can tell a
dead run from a slow one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Show that a run lives while inside; the places that dead ones have in the pool are freed."""
    for other in _runs_in_pools(instance):
        if _is_dead(instance, other):
            instance.event_log_storage.free_concurrency_slots_for_run(other)
    life = life_of(instance, run_id)
    with suppress(Timeout):
        life.acquire(timeout=0)
    try:
        yield
    finally:
        if life.is_locked:
            life.release()
            Path(life.lock_file).unlink(missing_ok=True)


def life_of(instance: dg.DagsterInstance, run_id: str) -> FileLock:
    """Return the lock that a run holds while it lives, among what the instance keeps of runs."""
    folder = Path(instance.storage_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{run_id}.alive")


def _runs_in_pools(instance: dg.DagsterInstance) -> set[str]:
    """Return the ids of the runs that hold a place in a pool."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return set()
    return {
        claim.run_id
        for pool in storage.get_concurrency_keys()
        for claim in storage.get_concurrency_info(pool).claimed_slots
    }


def _is_dead(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Tell whether a run has died without ending; a run of another machine is left to itself."""
    life = life_of(instance, run_id)
    path = Path(life.lock_file)
    if not path.exists():
        return False
    try:
        with life.acquire(timeout=0):
            path.unlink(missing_ok=True)
    except Timeout:
        return False
    return True
