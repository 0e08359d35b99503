"""The wheel brings what the code location needs, and the lock file pins all of it."""

import ast
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import PROJECT

PACKAGE = PROJECT / "helpdesk_assets"


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
    """Return the name that a requirement begins with, as packages are compared by."""
    name = re.match(r"[\w.-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def test_the_wheel_holds_the_package_and_not_its_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == {
        str(path.relative_to(PROJECT))
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".yaml", ".html", ".sql")
    } | {"helpdesk_assets/py.typed"}


def test_the_wheel_loads_where_there_is_nothing_else_of_the_project(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = tmp_path / "venv" / "lib" / version / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    # The dependencies, without the project's own editable install.
    (here,) = {path for path in sys.path if path.endswith("site-packages")}
    (site_packages / "dependencies.pth").write_text(here + "\n")
    # Run by the other environment's Python, which answers by printing.
    load = (
        "import helpdesk_assets; helpdesk_assets.defs.resolve_all_job_defs();"
        "print(helpdesk_assets.__file__)"
    )
    loaded = subprocess.check_output([python, "-c", load], cwd=tmp_path, text=True)

    assert Path(loaded.strip()).is_relative_to(site_packages.resolve())


def test_every_import_is_of_a_declared_dependency() -> None:
    declared = {
        distribution(requirement)
        for requirement in requires("helpdesk_assets") or []
        # An extra that is imported where it is used, and not there is said so.
        if "extra ==" not in requirement or requirement.startswith("dagster-slack")
    }
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    imported -= set(sys.stdlib_module_names) | {"helpdesk_assets"}
    provided = {
        file.parts[0].removesuffix(".py")
        for installed in distributions()
        if distribution(installed.name) in declared
        for file in installed.files or []
    }

    assert imported
    assert imported <= provided


def test_the_lock_pins_every_declared_dependency_with_hashes() -> None:
    text = (PROJECT / "requirements.lock").read_text()
    pinned = re.findall(r"^([\w.-]+)(?:\[[\w, -]+\])?==(\S+) .*\\\n +--hash=sha256:", text, re.M)

    assert "://" not in text
    assert len(pinned) == len(re.findall(r"^[a-z]", text, re.M))
    assert {distribution(name) for name in requires("helpdesk_assets") or []} <= {
        distribution(name) for name, _ in pinned
    }
