"""The documentation: links resolve, commands exist, and code blocks load."""

import ast
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import metadata
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import dagster as dg
import duckdb
import pytest
import tomlkit
import yaml

from helpdesk_assets.component import HelpDeskComponent
from helpdesk_assets.definitions import defs
from helpdesk_assets.profiles import BUILT_IN, built_in_profiles, load_profile
from helpdesk_assets.profiles.client import secrets_of
from helpdesk_assets_tests.conftest import BIN, PROJECT, at_length

AT_THE_TOP = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = [*(PROJECT / name for name in AT_THE_TOP), *sorted((PROJECT / "docs").rglob("*.md"))]
ON_MAIN = "https://raw.githubusercontent.com/helpdesk-assets/helpdesk_assets/main/"

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
SETTING = re.compile(r"\b(?:SOURCES|REPORTS|ALERTS|SCHEDULES|DESTINATION|RUNTIME)__[A-Z_]+\b")
# Example help desks.
OTHER_DESKS = re.compile(r"__(?:EU|US)__")
PROGRAMS = ("dagster", "dagster-daemon", "dagster-webserver", "dg", "python")
DEFAULT = (BUILT_IN / "default.yaml").read_text()


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    language: str
    text: str


def named(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def blocks(*languages: str) -> list[Block]:
    return [
        Block(named(page), language, dedent(text))
        for page in PAGES
        for _, language, text in FENCE.findall(page.read_text())
        if language in languages
    ]


def labels(found: list[Block]) -> list[str]:
    return [f"{block.page}-{place}" for place, block in enumerate(found)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub generates for the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_resolves(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    links = [
        target.replace(ON_MAIN, "" if page.parent == PROJECT else "../")
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
    ]
    broken = []
    for target in links:
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not target.startswith("https://") and (
            not file.exists() or (anchor and anchor not in anchors(file))
        ):
            broken.append(target)

    assert broken == []


def test_index_lists_every_page() -> None:
    docs = PROJECT / "docs"
    index = (docs / "README.md").read_text()
    # The pages of a folder are listed in its own README.
    listed = [*docs.glob("*.md"), *docs.glob("*/README.md")]
    pages = {str(page.relative_to(docs)) for page in listed} - {"README.md"}

    assert set(re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", index, re.M)) == pages


def settings() -> set[str]:
    """Return the documented settings, which test_readme.py compares with the code."""
    table = re.findall(r"^\| `([A-Z_]+)` \|", (PROJECT / "docs" / "settings.md").read_text(), re.M)
    secrets = {
        secret.upper()
        for profile in built_in_profiles()
        for secret in secrets_of(load_profile(profile).client)
    }
    return {*table, *secrets, *(f"SOURCES__HELP_DESK__{secret}" for secret in secrets)}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_setting_is_known(page: Path) -> None:
    text = page.read_text()
    used = {OTHER_DESKS.sub("__HELP_DESK__", name) for name in SETTING.findall(text)}
    in_files = re.findall(r"`\[([a-z_.]+)\] (\w+)`", text)
    used |= {
        OTHER_DESKS.sub("__HELP_DESK__", f"{section}.{key}".replace(".", "__").upper())
        for section, key in in_files
    }

    assert used - settings() == set()


def lines() -> list[str]:
    """Return the distinct shell commands of all pages."""
    return list(
        dict.fromkeys(
            line
            for block in blocks("sh")
            for line in block.text.replace("\\\n", " ").splitlines()
            if line.strip()
        )
    )


def starts_no_process(line: str) -> bool:
    """Return whether a command is checked without asking its program for its options."""
    return line.split()[0] in ("make", "export", "pip", "curl", "cp", "mkdir") and "--" not in line


@pytest.mark.parametrize("line", at_length(lines(), short=list(filter(starts_no_process, lines()))))
def test_every_command_exists(line: str) -> None:
    words = shlex.split(line.replace(".venv/bin/", ""))
    while "--" in words:
        check_command(words[: words.index("--")])
        words = words[words.index("--") + 1 :]
    check_command(words)


def check_command(words: list[str]) -> None:
    """Fail unless the program, its command, its options and the names in it exist."""
    program, *arguments = words
    if program == "make":
        check_make(arguments)
    elif program == "export":
        (name,) = (argument.partition("=")[0] for argument in arguments)
        assert name in {*settings(), "DAGSTER_HOME"}
    elif program == "pip":
        assert arguments[0] == "install"
        extras = re.findall(r"\[(\w+)\]", arguments[1])
        assert set(extras) <= set(metadata("helpdesk_assets").get_all("Provides-Extra") or [])
    elif program == "curl":
        # At a vendor's own server.
        assert "-X" in arguments
    elif program == "docker":
        # It is not installed where the tests run.
        files = [word for word in arguments if word.startswith("deploy/")]
        assert all((PROJECT / file).exists() for file in files)
    elif program in ("cp", "mkdir"):
        assert program == "mkdir" or (PROJECT / arguments[0]).exists()
    else:
        assert program in PROGRAMS
        check_options(program, arguments)


def check_make(arguments: list[str]) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for argument in arguments:
        variable, is_set, _ = argument.partition("=")
        if is_set:
            assert f"$({variable})" in makefile
        else:
            assert re.search(rf"^{argument}:.*##", makefile, re.M)


def check_options(program: str, arguments: list[str]) -> None:
    module = arguments[:2] if program == "python" else []
    rest = arguments[len(module) :]
    first = next((i for i, word in enumerate(rest) if word.startswith("-")), len(rest))
    if module == ["-m", "pytest"]:
        assert all((PROJECT / path).exists() for path in rest)
        return
    told = help_of(program, *module, *rest[:first])
    for option in (word.partition("=")[0] for word in rest if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", told), option
    known = {
        *(job.name for job in defs.resolve_all_job_defs()),
        *(each.name for each in (*(defs.schedules or ()), *(defs.sensors or ()))),
    }
    assert {word for word in rest if re.fullmatch(r"help_desk_\w+", word)} <= known


@lru_cache
def help_of(program: str, *words: str) -> str:
    """Return the --help of a command."""
    asked = subprocess.run(
        [BIN / program, *words, "--help"],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    return asked.stdout


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_in_the_text_exists(page: Path) -> None:
    for target in re.findall(r"`make ([a-z][a-z-]*)", page.read_text()):
        check_make([target])


def test_every_code_block_has_a_tested_language() -> None:
    found = {language for page in PAGES for _, language, _ in FENCE.findall(page.read_text())}

    assert found <= {"sh", "yaml", "toml", "python", "sql", "mermaid", "text"}


@pytest.mark.parametrize("block", blocks("yaml"), ids=labels(blocks("yaml")))
def test_every_yaml_block_loads(block: Block, tmp_path: Path) -> None:
    (first,) = re.findall(r"\A\s*(- )?(\w+):", block.text)
    file = tmp_path / "dagster.yaml"
    if first == ("", "type"):
        component = HelpDeskComponent.resolve_from_dict(yaml.safe_load(block.text)["attributes"])
        assert component.desk(tmp_path).tables()
    elif first == ("", "ops"):
        job = defs.resolve_job_def("help_desk_sync")
        assert dg.validate_run_config(job, yaml.safe_load(block.text))
    elif first[1] in ("concurrency", "run_monitoring"):
        file.write_text(block.text)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert instance.get_settings(first[1])
    else:
        file.write_text(profile_of(block, first))
        assert load_profile(str(file)).tickets


def profile_of(block: Block, first: tuple[str, str]) -> str:
    """Return a whole profile for a block with a resource, its columns, or top-level settings."""
    if first == ("", "client"):
        # A section alone replaces that of the default profile.
        rest = (
            ""
            if "\nresources:" in block.text
            else f"\n{DEFAULT[DEFAULT.index('resource_defaults:') :]}"
        )
        return block.text + rest
    if first == ("- ", "name") and "name: help_desk_tickets" in block.text:
        indented = "".join(f"  {line}\n" for line in block.text.splitlines())
        return DEFAULT.partition("  - name: help_desk_tickets")[0] + indented
    if first == ("- ", "name"):
        return DEFAULT + "".join(f"  {line}\n" for line in block.text.splitlines())
    if first == ("", "columns"):
        return DEFAULT + "".join(f"    {line}\n" for line in block.text.splitlines())
    return block.text + DEFAULT


@pytest.mark.parametrize("block", blocks("python"), ids=labels(blocks("python")))
def test_every_python_block_compiles(block: Block) -> None:
    assert compile(block.text, block.page, "exec")


@pytest.mark.parametrize("block", blocks("toml"), ids=labels(blocks("toml")))
def test_every_toml_block_can_be_parsed(block: Block) -> None:
    assert tomlkit.parse(block.text)


@pytest.mark.parametrize("block", blocks("sql"), ids=labels(blocks("sql")))
def test_every_sql_block_can_be_parsed(block: Block) -> None:
    assert duckdb.extract_statements(block.text)


def test_documented_layers_match_import_linter() -> None:
    project = (PROJECT / "pyproject.toml").read_text()
    layers = re.findall(
        r'^    "(.+)",$', project.partition("layers = [")[2].partition("]")[0], re.M
    )
    page = (PROJECT / "docs" / "architecture.md").read_text()
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]

    assert [re.findall(r"`(\w+)`", row) for row in rows] == [layer.split(" | ") for layer in layers]


def messages() -> Iterator[str]:
    """Yield the string constants of the code except docstrings, with … in place of values."""
    for file in (PROJECT / "helpdesk_assets").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text())))
        docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
        for node in nodes:
            if node in docstrings:
                continue
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_troubleshooting_quotes_existing_messages() -> None:
    page = (PROJECT / "docs" / "troubleshooting.md").read_text()
    said = list(messages())
    unknown = [
        heading
        for heading in re.findall(r"^### (.+)$", page, re.M)
        if not any(heading.strip(" …") in text for text in said)
    ]

    assert unknown == []
