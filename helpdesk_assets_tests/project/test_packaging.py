"""The wheel contains all files of the package, and the lock file pins all dependencies."""

import ast
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distributions, requires
from pathlib import Path

import duckdb
import pytest

from helpdesk_assets_tests.conftest import BIN, EXECUTE, PROJECT

PACKAGE = PROJECT / "helpdesk_assets"
EXTRAS = ("rich", "dagster-slack", "starlette", "uvicorn")
# Modules of extras that are not installed for these tests, with their packages.
NOT_INSTALLED = {"psycopg2": "psycopg2-binary"}
SCALE = PROJECT / "helpdesk_assets_tests" / "scale"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", PROJECT, source], check=True)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, source], check=True)
    (built,) = folder.glob("*.whl")
    return built


def distribution(requirement: str) -> str:
    """Return the normalized package name of a requirement."""
    name = re.match(r"[\w.-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def test_wheel_contains_the_package_without_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == {
        str(path.relative_to(PROJECT))
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".yaml", ".html", ".css", ".js", ".sql")
    } | {"helpdesk_assets/py.typed"}


def test_wheel_loads_without_the_project_folder(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = tmp_path / "venv" / "lib" / version / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    # The dependencies, without the editable installation of this project.
    (here,) = {path for path in sys.path if path.endswith("site-packages")}
    (site_packages / "dependencies.pth").write_text(here + "\n")
    # Run with the Python of the other environment. Prints the result.
    load = (
        "import helpdesk_assets; helpdesk_assets.defs.resolve_all_job_defs();"
        "print(helpdesk_assets.__file__)"
    )
    loaded = subprocess.check_output([python, "-c", load], cwd=tmp_path, text=True)

    assert Path(loaded.strip()).is_relative_to(site_packages.resolve())


@pytest.mark.registry
@pytest.mark.parametrize("dagster", ["dagster==1.13.1", "dagster"])
def test_sync_succeeds_with_the_wheel_and_dagster_version(
    dagster: str, wheel: Path, tmp_path: Path
) -> None:
    """In an environment without Dagster's UI and the project's folder."""
    environment, file = tmp_path / "venv", tmp_path / "tickets.duckdb"
    python, uv = str(environment / "bin" / "python"), str(BIN / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", BIN / "python", environment], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, f"{wheel}[sandbox]", dagster], check=True)
    sandbox = [python, "-m", "helpdesk_assets.sandbox", "--port", "0", "--tickets", "250", "--"]
    finished = subprocess.run(
        [*sandbox, *EXECUTE],
        cwd=tmp_path,
        env={
            "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "DESTINATION__DUCKDB__CREDENTIALS": str(file),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout
    with duckdb.connect(str(file)) as connection:
        rows = connection.execute("select count(*) from help_desk.help_desk_tickets").fetchall()
    assert rows == [(250,)]
    said = subprocess.check_output([uv, "pip", "freeze", "--python", python], text=True)
    assert "dagster-embedded-elt" not in said


def test_every_imported_package_is_a_declared_dependency() -> None:
    declared = {
        distribution(requirement)
        for requirement in requires("helpdesk_assets") or []
        # Packages of extras are imported where they are used, and reported if they are missing.
        if "extra ==" not in requirement or requirement.startswith(EXTRAS)
    }
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    imported -= set(sys.stdlib_module_names) | {"helpdesk_assets", *NOT_INSTALLED}
    provided = {
        file.parts[0].removesuffix(".py")
        for installed in distributions()
        if distribution(installed.name) in declared
        for file in installed.files or []
    }

    assert imported
    assert imported <= provided
    assert set(NOT_INSTALLED.values()) <= {
        distribution(requirement) for requirement in requires("helpdesk_assets") or []
    }


def test_lock_files_pin_every_dependency_with_hashes() -> None:
    pinned: set[str] = set()
    for lock in (PROJECT / "requirements.lock", SCALE / "requirements.lock"):
        text = lock.read_text()
        found = re.findall(r"^([\w.-]+)(?:\[[\w, -]+\])?==(\S+) .*\\\n +--hash=sha256:", text, re.M)

        assert "://" not in text
        assert len(found) == len(re.findall(r"^[a-z]", text, re.M))
        pinned |= {distribution(name) for name, _ in found}
    wanted = {distribution(name) for name in requires("helpdesk_assets") or []}
    assert wanted - {"helpdesk-assets"} <= pinned
