"""Locks by name that runs on several machines can see: in the catalog of a lake, or beside it.

The server releases the locks of a run when its connection ends, that is, also when it is killed.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
from filelock import FileLock, Timeout

from helpdesk_assets.errors import UNCHANGED, setting_failure

# Seconds that a run waits for a lock before it logs that it is waiting.
SILENCE = 2.0
# Finds out within minutes that a machine has stopped, and keeps firewalls from closing a connection
# on which nothing is sent during a long load.
KEPT_ALIVE = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}


class Locks(Protocol):
    """Locks by name."""

    def held(
        self, name: str, timeout: float, *, is_shared: bool = False
    ) -> AbstractContextManager[None]:
        """Hold a lock inside a ``with`` block.

        Args:
            name: what is locked.
            timeout: maximum seconds to wait for it.
            is_shared: whether others may hold it at the same time, if they share it, too.

        Raises:
            dg.Failure: another run still holds it after ``timeout`` seconds.
        """

    def is_held(self, name: str) -> bool:
        """Return whether someone holds a lock."""


@dataclass(frozen=True)
class PostgresLocks:
    """Advisory locks of a PostgreSQL database.

    See https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS. They belong to
    a session, so that a pooler must not share the session's connection with others.

    Attributes:
        url: the address of the database, with the password.
        scope: distinguishes the locks of several lakes in one database.
        place: what the lake is called in error messages.
    """

    url: str
    scope: str
    place: str

    @contextmanager
    def held(self, name: str, timeout: float, *, is_shared: bool = False) -> Iterator[None]:
        """See Locks."""
        shared = "_shared" if is_shared else ""
        with closing(self.connect()) as connection:
            waited, began = min(SILENCE, timeout), time.monotonic()
            if not self._locked(connection, name, shared, waited):
                if timeout <= waited:
                    raise _in_use(self.place)
                _log_waiting(self.place, timeout)
                if not self._locked(connection, name, shared, timeout - waited):
                    raise _in_use(self.place)
            dg.get_dagster_logger().debug(
                f"Took the lock {name!r} after {time.monotonic() - began:.1f} s."
            )
            yield
            # Fails if the connection, and with it the lock, was lost meanwhile.
            connection.cursor().execute("select 1")

    def is_held(self, name: str) -> bool:
        """See Locks."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s)", [self._key(name)])
            return bool(cursor.fetchone() != (True,))

    def connect(self) -> Any:
        """Open a connection of psycopg2 in which each statement is a transaction."""
        try:
            import psycopg2
        except ImportError:
            raise setting_failure(
                f"{capitalized(self.place)} needs the package psycopg2: "
                "pip install 'helpdesk_assets[ducklake]'."
            ) from None

        connection = psycopg2.connect(self.url, application_name="helpdesk_assets", **KEPT_ALIVE)
        connection.autocommit = True
        return connection

    def _locked(self, connection: Any, name: str, shared: str, seconds: float) -> bool:
        import psycopg2.errors

        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('lock_timeout', %s, false)", [f"{seconds * 1000:.0f}"]
            )
            try:
                cursor.execute(f"select pg_advisory_lock{shared}(%s)", [self._key(name)])
            except psycopg2.errors.LockNotAvailable:
                return False
        return True

    def _key(self, name: str) -> int:
        """Return the 64-bit number that PostgreSQL knows the lock by."""
        digest = sha256(f"helpdesk_assets/{self.scope}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


@dataclass(frozen=True)
class FileLocks:
    """Locks of files in a folder, for processes of one machine.

    They cannot be shared, and all tables have the same ones. Runs are not recorded, because their
    working folders on the same machine show whether they are alive.

    Attributes:
        folder: the folder.
        prefix: the start of their names.
        place: what is locked, for error messages.
    """

    folder: Path
    prefix: str
    place: str

    @contextmanager
    def held(self, name: str, timeout: float, *, is_shared: bool = False) -> Iterator[None]:
        """See Locks."""
        if _is_run(name):
            yield
            return
        lock = self._lock(name)
        waited = min(SILENCE, timeout)
        try:
            try:
                lock.acquire(timeout=waited)
            except Timeout:
                if timeout <= waited:
                    raise
                _log_waiting(self.place, timeout)
                lock.acquire(timeout=timeout - waited)
        except Timeout:
            raise _in_use(self.place) from None
        try:
            yield
        finally:
            lock.release()

    def is_held(self, name: str) -> bool:
        """See Locks."""
        if _is_run(name):
            return False
        try:
            with self._lock(name).acquire(timeout=0):
                return False
        except Timeout:
            return True

    def _lock(self, name: str) -> FileLock:
        return FileLock(self.folder / f"{self.prefix}{name.partition(' ')[0]}.lock")


def _is_run(name: str) -> bool:
    return name.startswith("run ")


def capitalized(text: str) -> str:
    """Return a text with a capital letter at its start."""
    return text[0].upper() + text[1:]


def _in_use(place: str) -> dg.Failure:
    return setting_failure(
        f"Another run is loading tickets into {place}: run again when it has ended. {UNCHANGED}"
    )


def _log_waiting(place: str, seconds: float) -> None:
    dg.get_dagster_logger().info(
        f"Another run is loading tickets into {place}: waiting up to {seconds:g} s until it has "
        "ended."
    )
