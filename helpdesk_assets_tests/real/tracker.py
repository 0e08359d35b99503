"""A real help desk, Request Tracker 5 from Debian's package: a process with a separate folder.

It has its own SQLite file, port of 127.0.0.1 and log files, and sends no mail. Of the machine's
installation of Request Tracker, only the program is used.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

HERE = Path(__file__).parent
OPTIONS = ("--host=127.0.0.1", "--max-workers=3")
# It takes a second or two to start.
ATTEMPTS = Retry(total=None, connect=300, backoff_factor=0.05, backoff_max=0.2)
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")


class Tracker:
    """A Request Tracker in a folder.

    Args:
        folder: the folder for its files.
        template: another tracker that is not running; its database is copied.

    Attributes:
        base_url: the base URL, after it was started.
        tokens: the API keys, by the name of the user.
    """

    def __init__(self, folder: Path, template: "Tracker | None" = None) -> None:
        self._folder = folder
        self._database = folder / "rt.sqlite3"
        for name in ("mason", "sessions"):
            (folder / name).mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            "DESK_FOLDER": str(folder),
            "DESK_PORT": str(port),
            "RT_SITE_CONFIG": str(HERE / "RT_SiteConfig.pm"),
            "RT_SITE_CONFIG_DIR": os.devnull,
        }
        self._server: subprocess.Popen[bytes] | None = None
        self.tokens: dict[str, str] = {}
        if template:
            shutil.copy(template._database, self._database)
            self.tokens = template.tokens
        else:
            self._called(
                "rt-setup-database-5", "--action", "init", "--force", "--dba-password", "x"
            )
            self.tokens = json.loads(self.run("setup"))

    def run(self, *arguments: str) -> str:
        """Run a command of tracker.pl, and return what it prints."""
        return self._called("perl", str(HERE / "tracker.pl"), *arguments)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL in its database; return the rows, and commit changes."""
        with sqlite3.connect(self._database) as connection:
            return connection.execute(sql).fetchall()

    def start(self) -> None:
        """Start the server, and wait until it responds."""
        port = self.base_url.rpartition(":")[2]
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [SERVER, f"--port={port}", *OPTIONS, f"--access-log={self._folder / 'access.log'}"],
                env=self._environment,
                stdout=log,
                stderr=log,
                # Its own session, so that its workers end together with it.
                start_new_session=True,
            )
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=ATTEMPTS))
            answer = session.get(f"{self.base_url}/REST/2.0/rt", timeout=30)
        assert answer.status_code == 401

    def close(self) -> None:
        """End it immediately, even during a response."""
        if self._server:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def asked(self) -> list[str]:
        """Return the paths and queries that were requested since its first start."""
        lines = (self._folder / "access.log").read_text().splitlines()
        return [line.split('"')[1].split()[1] for line in lines if "/REST/2.0/rt " not in line]

    def _called(self, *command: str) -> str:
        finished = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout
