"""Python's garbage collector, which would traverse the modules of libraries again and again.

They consist of hundreds of thousands of objects that live as long as the process. While modules are
imported, during the sync, and at the end of the process, the collector would traverse all of them
several times, and delete them one by one at last. So they are exempt, and the operating system
frees their memory.
"""

import atexit
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from weakref import ref

# They import Dagster, requests and others. None of them imports DuckDB, which has to be collected.
LIBRARIES = ("dagster_dlt", "dlt.sources.rest_api")


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector inside a ``with`` block of imports."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def exempt_libraries() -> None:
    """Import the large libraries, and exempt them and everything else that exists by now."""
    for library in LIBRARIES:
        import_module(library)
    gc.freeze()
    atexit.register(_look_at_the_end)


def _look_at_the_end() -> None:
    """Let the interpreter end the exemption at its end, if an extension module requires that.

    Extension modules that are built with nanobind, such as DuckDB's, report what is not deleted.
    DuckDB is imported after the exemption, so it is collected, unless something exempt refers to
    it. It is exempt itself where other code has imported it before.

    Objects refer to it until the interpreter clears the variables of modules. It clears those of
    sys after all others, and collects once more afterwards (Python/pylifecycle.c,
    ``finalize_modules``).
    """
    # What belongs to a type, and types that inherit from it, keep it alive.
    vars(sys)[__name__] = _LastLook(
        [ref(found) for found in object.__subclasses__() if type(found).__module__ == "nanobind"]
    )


class _LastLook:
    """Ends the exemption if one of the types still exists when this is deleted."""

    def __init__(self, types: Sequence["ref[type]"]) -> None:
        self._types = types

    def __del__(
        self,
        # Arguments, because the variables of this module are already cleared.
        collect: Callable[[], int] = gc.collect,
        unfreeze: Callable[[], None] = gc.unfreeze,
    ) -> None:
        collect()
        if any(reference() is not None for reference in self._types):
            unfreeze()
