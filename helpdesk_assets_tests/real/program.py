"""Help desks that are Python packages: programs that run in a separate environment.

Each is called as ``PROGRAM FOLDER COMMAND``; the first line that ``serve`` prints is its base URL.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from helpdesk_assets_tests.conftest import API_KEY, PROJECT

# The environment that `make test-real` created.
PYTHON = PROJECT / ".venv-real" / "bin" / "python"

Run = Callable[..., str]


@contextmanager
def opened(program: str, folder: Path, tickets: int) -> Iterator[tuple[Run, str]]:
    """Create a help desk with tickets; yield a function for its commands, and its base URL."""
    environment = {**os.environ, "API_KEY": API_KEY}
    called = [str(PYTHON), str(Path(__file__).parent / program), str(folder)]

    def run(*arguments: str) -> str:
        finished = subprocess.run(
            [*called, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        )
        return finished.stdout

    run("create", str(tickets))
    with subprocess.Popen(
        [*called, "serve"], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield run, server.stdout.readline().strip()
        finally:
            server.kill()
