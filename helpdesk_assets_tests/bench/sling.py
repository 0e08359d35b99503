"""Sling, a program that copies tables and lists of APIs, as a contender.

`make bench-jobs` installs it, on Linux on x86-64, with DuckDB's command line that it writes with.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from helpdesk_assets_tests.bench.contenders import KEY
from helpdesk_assets_tests.bench.measure import PROJECT, Desk, Run

PACKAGES = PROJECT / ".venv-sling"
PROGRAM = "sling_linux_amd64/bin/sling-linux-amd64"
DUCKDB = "1.5.5"
# What Sling asks DuckDB to install, which otherwise downloads it.
EXTENSIONS = ("httpfs", "json")

CONNECTIONS = """\
connections:
  DESK:
    type: api
    spec: file://{folder}/desk.yaml
    secrets: {{base_url: "{base_url}", api_key: "{key}"}}
  DUCK:
    type: duckdb
    instance: {folder}/a.duckdb
"""
API = """\
name: Help desk
endpoints:
  tickets:
    state: {offset: 0}
    request:
      url: "${secrets.base_url}/v1/tickets"
      parameters: {offset: "${state.offset}", limit: 100, api_key: "${secrets.api_key}"}
      # Otherwise it sends two requests a second.
      rate: 1000
    pagination:
      next_state: {offset: "${state.offset + 100}"}
      stop_condition: length(response.records) < 100
    response:
      records: {jmespath: "data[]", primary_key: [id]}
"""
COPY = """\
source: DESK
target: DUCK
defaults: {mode: full-refresh, object: help_desk.help_desk_tickets}
streams: {tickets: {}}
"""


def is_installed() -> bool:
    """Return whether Sling is installed."""
    return PACKAGES.is_dir()


def _installed(path: str) -> Path:
    (found,) = PACKAGES.glob(f"lib/*/site-packages/{path}")
    return found


def sling(desk: Desk, tickets: int, run: Callable[..., Run]) -> Run:
    """Load a help desk with Sling, and measure the whole process.

    Args:
        desk: the help desk.
        tickets: the number of its tickets.
        run: runs a command with an environment, and counts the tickets.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = {
            "env.yaml": CONNECTIONS.format(folder=folder, base_url=desk.base_url, key=KEY),
            "desk.yaml": API,
            "copy.yaml": COPY,
        }
        for file, text in texts.items():
            (folder / file).write_text(text)
        known = folder / ".duckdb" / "extensions" / f"v{DUCKDB}" / "linux_amd64"
        known.mkdir(parents=True)
        for extension in EXTENSIONS:
            file_name = f"{extension}.duckdb_extension"
            package = f"duckdb_extension_{extension}/extensions/v{DUCKDB}"
            (known / file_name).symlink_to(_installed(f"{package}/{file_name}"))
        command: Sequence[str] = (str(_installed(PROGRAM)), "run", "-r", str(folder / "copy.yaml"))
        environment: Mapping[str, str] = {
            "HOME": name,
            "SLING_HOME_DIR": name,
            "SLING_DISABLE_TELEMETRY": "TRUE",
            "DUCKDB_PATH": str(_installed("duckdb_cli/duckdb")),
            "DUCKDB_VERSION": DUCKDB,
            "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "a.duckdb"),
            "PATH": os.environ.get("PATH", ""),
        }
        return run(command, environment, tickets)
