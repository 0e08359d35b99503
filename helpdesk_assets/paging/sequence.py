"""The keys at the positions of a list, in little memory: whether they are sorted, and the same."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from hashlib import blake2b
from operator import gt, lt
from typing import Any


class KeySequence:
    """The sequence of the keys that a read has found at the positions of a list.

    It keeps a hash of all keys, and only the last ones themselves.

    Args:
        kept: the number of keys to keep.

    Attributes:
        last: the last keys.
    """

    def __init__(self, kept: int) -> None:
        self.last: deque[Hashable] = deque(maxlen=kept)
        self._count = 0
        self._hash = blake2b(digest_size=16)
        self._ways = [lt, gt]

    def __len__(self) -> int:
        """Return the number of positions."""
        return self._count

    @property
    def is_sorted(self) -> bool:
        """Whether the keys are strictly ascending or descending."""
        return bool(self._ways)

    @property
    def fingerprint(self) -> tuple[int, bytes]:
        """The number of keys, and a hash of them, by which sequences can be compared."""
        return self._count, self._hash.digest()

    def extend(self, keys: list[Hashable]) -> None:
        """Add the keys at the next positions."""
        if not keys:
            return
        joined = [self.last[-1], *keys] if self._count else keys
        self._ways = [way for way in self._ways if _all(way, joined)]
        # The same text however the sequence is divided into pages.
        self._hash.update(f"{repr(keys)[1:-1]}, ".encode())
        self._count += len(keys)
        self.last.extend(keys)


def are_in_order(keys: Sequence[Any]) -> bool:
    """Return whether keys are strictly ascending or descending."""
    return any(_all(way, keys) for way in (lt, gt))


def _all(way: Callable[[Any, Any], Any], keys: Sequence[Any]) -> bool:
    try:
        return all(map(way, keys, keys[1:]))
    except TypeError:
        return False
