"""What is imported with the definitions: they are loaded every minute, and before every run."""

import subprocess
import sys

# The packages that only some runs need, or only a part of a run.
LATER = ("matplotlib", "numpy", "pyarrow", "hypothesis", "starlette", "uvicorn")


def test_definitions_import_nothing_that_only_loads_need() -> None:
    say = f"import sys, helpdesk_assets; print(*set({LATER}) & set(sys.modules))"
    loaded = subprocess.check_output([sys.executable, "-c", say], text=True)
    assert loaded.strip() == ""


def test_garbage_is_collected_after_the_imports() -> None:
    say = "import gc, helpdesk_assets; print(gc.isenabled(), gc.get_freeze_count() > 0)"
    ended = subprocess.run(
        [sys.executable, "-c", say], check=True, capture_output=True, encoding="utf-8"
    )
    assert ended.stdout.strip() == "True True"
    # DuckDB would report its objects there.
    assert ended.stderr == ""
