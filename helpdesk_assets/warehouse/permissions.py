"""The permissions of new files, which contain tickets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIVATE = 0o077


@contextmanager
def private_files() -> Iterator[None]:
    """Let only their owner have access to files that are created inside a ``with`` block.

    The permissions of existing files do not change.
    """
    mask = os.umask(PRIVATE)
    try:
        yield
    finally:
        os.umask(mask)
