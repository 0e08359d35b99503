"""Keeps the newest refresh token of an OAuth 2.0 client, which may exist in this copy only.

Vendors such as Zendesk and Jira issue a new refresh token with each use and invalidate the one
before it; see ``refresh_token``. If the new one is lost, a person has to authorize again, so it is
stored before anything else happens.

It is stored in a file of its own in dlt's data folder: ``DLT_DATA_DIR``, by default ``~/.dlt``,
where dlt also looks for a user's ``secrets.toml``. The other places do not fit: analysts read the
DuckDB file, a destination in the cloud may be shared even more widely, a run's working folder is
removed after it, and Dagster's storage is temporary without ``DAGSTER_HOME`` and has no locks.

The processes of one machine share the file, with a lock. Processes on several machines need a
common folder whose file system has locks.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from errno import ENOSPC
from pathlib import Path

import dlt
from filelock import FileLock, Timeout

from helpdesk_assets.errors import NoTokenError

# Only their owner may read the files and list the folder.
FILE_MODE, FOLDER_MODE = 0o600, 0o700
# Bytes reserved on the disk before a token is used, more than any pair of tokens has.
RESERVED = 65536
KEEP_IT = "set DLT_DATA_DIR to a folder that can be written and that is kept"


@dataclass(frozen=True)
class Tokens:
    """What a token server issued last.

    Attributes:
        refresh_token: the newest refresh token.
        access_token: the newest access token, which other processes use, too.
        expires_at: when the access token expires, in seconds since 1970.
    """

    refresh_token: str
    access_token: str
    expires_at: float


class TokenStore:
    """The file with the tokens that descend from one configured refresh token.

    Its name is a hash of the configured token. So a new token in the configuration is used at
    once, whatever descends from the one before it; and desks and projects that have different
    tokens do not share a file.

    Args:
        configured: the refresh token in the settings.
    """

    def __init__(self, configured: str) -> None:
        self._name = hashlib.sha256(configured.encode()).hexdigest()[:32]

    @property
    def folder(self) -> Path:
        """The folder of all files, whether or not it exists."""
        return Path(dlt.current.run_context().data_dir).absolute() / "helpdesk_assets"

    @property
    def file(self) -> Path:
        """The file, whether or not it exists."""
        return self.folder / f"{self._name}.json"

    @property
    def _new(self) -> Path:
        return self.folder / f"{self._name}.new"

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Lock the file for other processes and threads, inside a ``with`` block.

        Args:
            seconds: how long to wait for them.

        Raises:
            NoTokenError: they took longer, or the file cannot be created.
        """
        temporary = Path(tempfile.gettempdir()).absolute()
        if "DLT_DATA_DIR" not in os.environ and self.folder.is_relative_to(temporary):
            raise NoTokenError(
                "was not asked for a token, because the next refresh token would be stored in a "
                f"temporary folder, {self.folder}: {KEEP_IT}"
            )
        lock = FileLock(self.folder / f"{self._name}.lock", mode=FILE_MODE)
        with self._explained():
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=seconds)
            except Timeout:
                raise NoTokenError(
                    "was not asked for a token, because another process on this machine has been "
                    f"renewing it for {seconds:,.0f} seconds: end that process, and run again"
                ) from None
        try:
            yield
        finally:
            lock.release()

    def read(self) -> Tokens | None:
        """Return the newest tokens; None if there are none yet.

        Raises:
            NoTokenError: the file cannot be read.
        """
        with self._explained():
            # Written completely, but not moved: the process was killed in between.
            if tokens := _tokens_in(self._new):
                self._new.replace(self.file)
                return tokens
            tokens = _tokens_in(self.file)
            if tokens is None and self.file.exists():
                raise NoTokenError(
                    f"was not asked for a token, because {self.file} is damaged, which contained "
                    "the newest refresh token: delete it, authorize again, and set the new "
                    "refresh token"
                )
            return tokens

    @contextmanager
    def reserved(self) -> Iterator[Callable[[Tokens], None]]:
        """Prepare to store tokens, so that this cannot fail once a refresh token has been used.

        The file exists and its space on the disk is allocated before the ``with`` block begins.

        Yields:
            the function that stores tokens; it returns when they are on the disk, and raises
            OSError.

        Raises:
            NoTokenError: nothing can be stored.
        """
        with self._explained():
            self._new.unlink(missing_ok=True)
            line = os.open(self._new, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            with self._explained():
                # White space, which may precede and follow JSON.
                _write(line, b" " * RESERVED)
                os.fsync(line)

            def store(tokens: Tokens) -> None:
                written = json.dumps(asdict(tokens)).encode()
                _write(line, written)
                os.ftruncate(line, len(written))
                os.fsync(line)
                self._new.replace(self.file)
                self._sync_folder()

            yield store
        finally:
            os.close(line)
            # It does not exist if it was moved.
            with suppress(OSError):
                if _tokens_in(self._new) is None:
                    self._new.unlink()

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NoTokenError(
                "was not asked for a token, because the next refresh token cannot be stored in "
                f"{self.folder} ({error.strerror}): {KEEP_IT}"
            ) from None


def _write(line: int, content: bytes) -> None:
    if os.pwrite(line, content, 0) != len(content):
        raise OSError(ENOSPC, os.strerror(ENOSPC))


def _tokens_in(file: Path) -> Tokens | None:
    """Return the tokens in a file; None if it does not exist or is incomplete."""
    try:
        tokens = Tokens(**json.loads(file.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return tokens
