"""Who may use the DuckDB file: one run at a time, by a pool of Dagster's.

Dagster gives the place of a killed run back only where its daemon runs. So while a run lives it
holds a lock, which the operating system takes from it when it dies: whoever comes next can tell a
dead run from a slow one. It goes on looking, as a run can also die in the queue in front of it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

# How often a run looks for dead ones, in seconds.
LOOKS_EVERY = 5.0


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Show that a run lives while inside; the places that dead ones have in the pool are freed."""
    life = life_of(instance, run_id)
    with suppress(Timeout):
        life.acquire(timeout=0)
    free_places_of_dead_runs(instance)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOKS_EVERY):
            # What cannot be looked at now is looked at again, and this run has its own work to do.
            with suppress(Exception):
                free_places_of_dead_runs(instance)

    watch = threading.Thread(target=look, name="places of dead runs", daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()
        if life.is_locked:
            life.release()
            Path(life.lock_file).unlink(missing_ok=True)


def free_places_of_dead_runs(instance: dg.DagsterInstance) -> None:
    """Free the places in pools, and those in their queues, of runs whose process has died.

    A run of another machine is left to itself, as is one that has not begun.
    """
    for run_id in _runs_in_pools(instance):
        life = life_of(instance, run_id)
        path = Path(life.lock_file)
        if not path.exists():
            continue
        with suppress(Timeout), life.acquire(timeout=0):
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
            # The last thing, so that whoever is killed before it leaves this to the next.
            path.unlink(missing_ok=True)


def runs_ahead(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return the ids of the runs that are alive and hold or wait for a place in a pool of ours."""
    return sorted(
        other
        for other in _runs_in_pools(instance) - {run_id}
        if Path(life_of(instance, other).lock_file).exists()
    )


def life_of(instance: dg.DagsterInstance, run_id: str) -> FileLock:
    """Return the lock that a run holds while it lives, among what the instance keeps of runs."""
    folder = Path(instance.storage_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{run_id}.alive")


def _runs_in_pools(instance: dg.DagsterInstance) -> set[str]:
    """Return the ids of the runs that hold a place in a pool, or wait for one.

    Dagster may also have promised one its place, and it has not taken it up: until it does, nobody
    else gets it.
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
