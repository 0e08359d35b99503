"""Two help desks in a Dagster project with other definitions, created and run with ``dg``."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
import yaml
from dagster import EnvVar

from helpdesk_assets import HelpDeskComponent
from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets_tests.conftest import API_KEY, PROJECT, Sandbox, at_length, command

StartSandbox = Callable[..., Sandbox]
Dg = Callable[..., subprocess.CompletedProcess[str]]

COMPONENT = "helpdesk_assets.HelpDeskComponent"
DESK = """\
type: helpdesk_assets.HelpDeskComponent
attributes:
  name: {name}
  profile: {profile}
  api:
    base_url: {base_url}
    api_key: "{{{{ env.{variable} }}}}"
"""
# The team's own definitions. Their executor is recognized by its name.
THEIRS = """\
import dagster as dg
from dagster_dlt import DagsterDltResource


@dg.asset(deps=[dg.AssetKey(["eu", "help_desk_tickets"])])
def answers(dlt: DagsterDltResource) -> int:
    return 42


@dg.op
def fails() -> None:
    raise RuntimeError


@dg.job
def own_job() -> None:
    fails()


@dg.definitions
def own() -> dg.Definitions:
    return dg.Definitions(
        assets=[answers],
        jobs=[own_job],
        resources={"dlt": DagsterDltResource(), "io_manager": dg.mem_io_manager},
        executor=dg.multi_or_in_process_executor.configured({"in_process": {}}, name="theirs"),
    )
"""
# Run in another process, because the project is not importable here. It prints the result.
EXECUTORS = """\
from team.definitions import defs
loaded = defs()
print([loaded.resolve_job_def(name).executor_def.name for name in ("own_job", "eu_sync")])
"""


@pytest.fixture(scope="module")
def as_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project with Dagster's own tool."""
    folder = tmp_path_factory.mktemp("made")
    made = command("create-dagster", "project", "team", "--no-uv-sync", cwd=folder)
    assert made.returncode == 0, made.stdout
    return folder / "team"


@pytest.fixture
def project(as_made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(as_made, tmp_path / "team")


@pytest.fixture
def dg(project: Path, tmp_path: Path) -> Dg:
    """Run ``dg`` in the project, with API keys but no other settings of the desks."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command(
            "dg",
            *arguments,
            cwd=project,
            env={
                # As if the project were installed.
                "PYTHONPATH": str(project / "src"),
                "DLT_PROJECT_DIR": str(project),
                "EU_KEY": API_KEY,
                "SOURCES__US__API_KEY": API_KEY,
                "DESTINATION__DUCKDB__CREDENTIALS": str(tmp_path / "tickets.duckdb"),
                "COLUMNS": "200",
            },
        )

    return run


@contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(file), read_only=True) as connection:
        yield connection


@pytest.mark.long
def test_two_help_desks_run_in_a_project_with_its_own_definitions(
    project: Path, dg: Dg, sandbox: StartSandbox, tmp_path: Path
) -> None:
    eu, us = sandbox(tickets=120), sandbox(tickets=30)
    defs = project / "src" / "team" / "defs"
    for name in ("eu", "us"):
        made = dg("scaffold", "defs", COMPONENT, name)
        assert made.returncode == 0, made.stdout
    (defs / "theirs.py").write_text(THEIRS)
    (defs / "eu" / "defs.yaml").write_text(
        DESK.format(name="eu", profile="default", base_url=eu.base_url, variable="EU_KEY")
    )
    # The desk us keeps its scaffolded file, and dlt's config.toml contains its settings.
    (project / ".dlt").mkdir()
    (project / ".dlt" / "config.toml").write_text(f'[sources.us]\nbase_url = "{us.base_url}"\n')

    checked = dg("check", "defs")
    listed = dg("list", "defs", "--json")
    launched = dg("launch", "--assets", "*")
    executors = command("python", "-c", EXECUTORS, cwd=project / "src")

    assert checked.returncode == 0, checked.stdout
    assert "superseded" not in checked.stdout
    found = json.loads(listed.stdout[listed.stdout.index("{") :])
    keys = {asset["asset_key"] for asset in found["assets"]}
    assert {"eu/help_desk_tickets", "us/help_desk_tickets", "answers"} <= keys
    assert {job["name"] for job in found["jobs"]} >= {"own_job", "eu_sync", "us_sync"}
    assert launched.returncode == 0, launched.stdout
    with opened(tmp_path / "tickets.duckdb") as connection:
        counts = [
            connection.execute(f"select count(*) from {name}.help_desk_tickets").fetchall()
            for name in ("eu", "us")
        ]
    assert counts == [[(120,)], [(30,)]]
    assert (tmp_path / "eu_report.html").exists()
    assert (tmp_path / "us_report.html").exists()
    assert executors.stdout.strip().endswith("['theirs', 'theirs']"), executors.stdout
    assert API_KEY not in launched.stdout
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.db"))
    assert kept
    assert API_KEY.encode() not in kept


@pytest.mark.long
def test_scaffolded_profile_is_valid_and_mistakes_in_it_are_reported(project: Path, dg: Dg) -> None:
    made = dg("scaffold", "defs", COMPONENT, "eu", "--own-profile", "zammad")
    folder = project / "src" / "team" / "defs" / "eu"

    assert made.returncode == 0, made.stdout
    assert "profile: ./desk.yaml" in (folder / "defs.yaml").read_text()
    assert (BUILT_IN / "zammad.yaml").read_text() in (folder / "desk.yaml").read_text()
    assert dg("check", "yaml").returncode == 0
    assert dg("check", "defs").returncode == 0
    # A mistake in the profile is reported when definitions are loaded.
    text = (folder / "desk.yaml").read_text().replace("data_selector", "data_selektor")
    (folder / "desk.yaml").write_text(text)
    refused = dg("check", "defs")
    assert refused.returncode != 0
    assert "did you mean data_selector?" in refused.stdout


@pytest.mark.parametrize(
    ("attributes", "said"),
    at_length(
        [
            ("profile: zendeks", "did you mean zendesk"),
            ("name: North-America", "lowercase letters, digits and single underscores"),
            ("schedules: {cron: hourly}", "Invalid cron schedule 'hourly': use five fields"),
            ("profil: zendesk", "profil"),
        ],
        short=[("profile: zendeks", "did you mean zendesk")],
    ),
)
def test_mistake_in_yaml_is_reported_when_definitions_load(
    attributes: str, said: str, project: Path, dg: Dg
) -> None:
    folder = project / "src" / "team" / "defs" / "eu"
    folder.mkdir()
    (folder / "defs.yaml").write_text(f"type: {COMPONENT}\nattributes:\n  {attributes}\n")

    refused = dg("check", "defs")

    assert refused.returncode != 0
    assert said in refused.stdout


def test_all_yaml_attributes_have_descriptions(dg: Dg) -> None:
    described = dg("utils", "inspect-component", COMPONENT, "--defs-yaml-schema")
    schema = HelpDeskComponent.model().model_json_schema()
    parts = {"": schema, **schema["$defs"]}
    undescribed = [
        f"{part}.{name}"
        for part, found in parts.items()
        for name, attribute in found.get("properties", {}).items()
        if not attribute.get("description")
    ]
    assert len(parts) > 6
    assert undescribed == []
    assert described.returncode == 0, described.stdout
    assert "SOURCES__HELP_DESK__BASE_URL" in described.stdout


def test_documented_component_resolves() -> None:
    page = (PROJECT / "docs" / "embedding.md").read_text()
    (shown,) = re.findall(r"```yaml\n(type: .*?)```", page, re.S)
    attributes = yaml.safe_load(shown)["attributes"]
    component = HelpDeskComponent.resolve_from_dict(attributes)

    assert component.name == "eu"
    # The environment variable is read by runs, not when definitions are loaded.
    assert isinstance(component.api.api_key, EnvVar)
