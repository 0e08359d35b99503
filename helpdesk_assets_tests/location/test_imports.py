"""What is imported with the definitions: they are loaded every minute, and before every run."""

import re
import subprocess
import sys

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


def test_modules_are_traversed_once_at_the_end_of_the_process() -> None:
    program = "import gc; from helpdesk_assets import defs; gc.set_debug(gc.DEBUG_STATS)"
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, encoding="utf-8"
    )
    collected = re.findall(r"in each generation: ([\d ]+)", ended.stderr)
    traversed = [sum(map(int, generations.split())) for generations in collected]
    # The remaining objects are traversed again: fewer than half.
    assert len([objects for objects in traversed if objects > max(traversed) / 2]) == 1


def test_garbage_of_the_run_is_deleted_while_modules_have_their_variables() -> None:
    program = """
from helpdesk_assets import defs
import gc
gc.disable()

class Noted:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print(Noted.__name__)

Noted()
"""
    assert printed(program) == "Noted"


def test_default_definitions_are_built_only_where_they_are_used() -> None:
    found = printed(
        "import sys, helpdesk_assets; built = 'helpdesk_assets.definitions' in sys.modules; "
        "print(built, type(helpdesk_assets.defs).__name__, 'defs' in dir(helpdesk_assets))"
    )
    assert found == "False Definitions True"
