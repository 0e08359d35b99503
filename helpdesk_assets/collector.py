"""Python's garbage collector, which would traverse modules again and again while more are loaded.

A module consists of thousands of objects that live as long as the process. While the modules of a
sync are imported, and during the sync, the collector would traverse all of them several times.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_for_imports() -> Iterator[None]:
    """Pause the collector inside a ``with`` block of imports, and exempt what exists afterwards."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        # Extension modules, such as DuckDB's, report objects that are not collected at the end.
        atexit.register(gc.unfreeze)
        # The interpreter collects twice then, once before it clears modules and once afterwards.
        # The second time is enough, and each of them takes as long as a tenth of a sync.
        atexit.register(gc.disable)
        if was_enabled:
            gc.enable()
