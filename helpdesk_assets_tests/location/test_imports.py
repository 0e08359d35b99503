"""What is imported with the definitions: they are loaded every minute, and before every run."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import EXECUTE, Sandbox

# The packages that only some runs need, or only a part of a run.
LATER = ("numpy", "pyarrow", "hypothesis", "starlette", "uvicorn")


def printed(program: str) -> str:
    """Run a program where nothing is imported yet, and return what it prints: its result."""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, encoding="utf-8"
    )
    # DuckDB would report objects there that were not collected.
    assert ended.stderr == ""
    return ended.stdout.strip()


def test_definitions_import_nothing_that_only_loads_need() -> None:
    assert not printed(
        f"import sys; from helpdesk_assets import defs; print(*set({LATER}) & set(sys.modules))"
    )


def test_garbage_is_collected_after_the_imports() -> None:
    found = printed(
        "import gc; from helpdesk_assets import defs; "
        "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    )
    assert found == "True True"


def test_libraries_are_not_traversed_at_the_end_of_a_run(
    sandbox: Callable[..., Sandbox], connect: Callable[[Sandbox], None], tmp_path: Path
) -> None:
    connect(sandbox())
    program = """
import atexit, gc, sys
import helpdesk_assets
from dagster._cli import main

atexit.register(gc.set_debug, gc.DEBUG_STATS)
atexit.register(lambda: print("exempt:", gc.get_freeze_count(), file=sys.stderr))
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, *EXECUTE[1:]],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
    )
    assert not ended.returncode, ended.stderr
    _, exempt, collections = re.split(r"exempt: (\d+)", ended.stderr)
    traversed = [
        sum(map(int, generations.split()))
        for generations in re.findall(r"in each generation: ([\d ]+)", collections)
    ]
    assert max(traversed) < int(exempt), "something exempt refers to DuckDB, such as an annotation"


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("import duckdb; from helpdesk_assets import defs", id="exempt itself"),
        pytest.param(
            "import dagster; from helpdesk_assets import defs; import duckdb; "
            "dagster.Definitions.ours = duckdb.connect",
            id="a function is referred to",
        ),
        pytest.param(
            "import dagster; from helpdesk_assets import defs; import duckdb; "
            "dagster.Definitions.ours = duckdb.connect()",
            id="an open connection is referred to",
        ),
        pytest.param(
            "import dagster; from helpdesk_assets import defs; import duckdb; "
            "dagster.Definitions.ours = duckdb.sqltypes.VARCHAR",
            id="the type of a column is referred to",
        ),
    ],
)
def test_duckdb_has_nothing_to_report_even_if_exempt_modules_refer_to_it(program: str) -> None:
    assert not printed(program)


def test_default_definitions_are_built_only_where_they_are_used() -> None:
    found = printed(
        "import sys, helpdesk_assets; built = 'helpdesk_assets.definitions' in sys.modules; "
        "print(built, type(helpdesk_assets.defs).__name__, 'defs' in dir(helpdesk_assets))"
    )
    assert found == "False Definitions True"
