"""What is imported with the definitions: they are loaded every minute, and before every run."""

import subprocess
import sys

# The packages that only some runs need, or only a part of a run.
LATER = ("matplotlib", "numpy", "pyarrow", "hypothesis", "starlette", "uvicorn")


def test_definitions_import_nothing_that_only_loads_need() -> None:
    say = f"import sys; from helpdesk_assets import defs; print(*set({LATER}) & set(sys.modules))"
    loaded = subprocess.check_output([sys.executable, "-c", say], text=True)
    assert loaded.strip() == ""


def test_garbage_is_collected_after_the_imports() -> None:
    say = (
        "import gc; from helpdesk_assets import defs; "
        "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", say], check=True, capture_output=True, encoding="utf-8"
    )
    assert ended.stdout.strip() == "True True"
    # DuckDB would report its objects there.
    assert ended.stderr == ""


def test_default_definitions_are_built_only_where_they_are_used() -> None:
    say = (
        "import sys, helpdesk_assets; built = 'helpdesk_assets.definitions' in sys.modules; "
        "print(built, type(helpdesk_assets.defs).__name__, 'defs' in dir(helpdesk_assets))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", say], text=True)
    assert loaded.strip() == "False Definitions True"
