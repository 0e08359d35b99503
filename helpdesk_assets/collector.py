"""Python's garbage collector, which would traverse modules again and again while more are loaded.

A module consists of thousands of objects that live as long as the process. While the modules of a
sync are imported, during the sync, and at the end of the process, the collector would traverse all
of them several times.
"""

import atexit
import gc
import sys
from collections.abc import Callable, Iterator
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
        # Once per process, however often this is called.
        atexit.unregister(_collect_once)
        atexit.register(_collect_once)
        if was_enabled:
            gc.enable()


def _collect_once() -> None:
    """Collect the garbage of the run, and let the interpreter traverse modules once at its end.

    It collects three times then: when exit handlers have run, before it clears the variables of
    modules, and afterwards (Python/pylifecycle.c, ``Py_FinalizeEx``). Modules keep each other alive
    until they are cleared, so the first two take as long as a tenth of a sync each, and find only
    what is collected here. The third one collects everything. It has to: extension modules, such as
    DuckDB's, report objects that are not collected.
    """
    gc.collect()
    gc.disable()
    gc.freeze()
    # The variables of sys are cleared after those of all other modules.
    vars(sys)[__name__] = _Unfreezes()


class _Unfreezes:
    """Lets the collector traverse everything again when it is deleted."""

    def __del__(self, unfreeze: Callable[[], None] = gc.unfreeze) -> None:
        # An argument, because the variables of this module are already cleared.
        unfreeze()
