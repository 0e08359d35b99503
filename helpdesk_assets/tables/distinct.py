"""Counts distinct keys in about ten bytes each, where a set of Python's needs seventy and more."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Hashable, Iterable, Iterator

# Keys in a bucket before it is divided. Adding a key moves half a bucket in memory.
MOST = 2048
# The numbers that an array can hold.
LEAST_NUMBER, GREATEST_NUMBER = -(2**63), 2**63 - 1


class DistinctKeys:
    """A set of keys, without the keys themselves: each is kept as a number of 64 bits.

    A whole number stands for itself. Any other key is hashed, with a seed that differs from process
    to process: among ten million texts, two have the same hash in one of 400,000 runs. Then one key
    too few is counted, and the run fails. Only a list that is read a second time could lose such a
    row, with a probability of less than one in a trillion for each new row.

    The numbers are in sorted arrays, each of which begins where the one before ends.

    Args:
        keys: the keys to begin with.
    """

    def __init__(self, keys: Iterable[Hashable] = ()) -> None:
        self._starts = [LEAST_NUMBER]
        self._buckets = [array("q")]
        self._count = 0
        self.update(keys)

    def __len__(self) -> int:
        """Return the number of distinct keys."""
        return self._count

    def __contains__(self, key: object) -> bool:
        """Return whether a key was added."""
        return self._has(_number(key))

    def update(self, keys: Iterable[Hashable]) -> None:
        """Add keys, of which some may have been added before."""
        numbers = sorted(set(map(_number, keys)))
        if not numbers:
            return
        last = self._buckets[-1]
        if numbers[0] > (last[-1] if last else self._starts[-1]):
            # The pages of a list that is sorted by its ids follow one another.
            if len(last) + len(numbers) > MOST and last:
                self._starts.append(numbers[0])
                self._buckets.append(array("q", numbers))
            else:
                last.extend(numbers)
            self._count += len(numbers)
            return
        for number in numbers:
            self._add(number)

    def discard(self, key: Hashable) -> None:
        """Remove a key, if it was added."""
        number = _number(key)
        if self._has(number):
            bucket = self._bucket(number)
            del bucket[bisect_left(bucket, number)]
            self._count -= 1

    def is_within(self, keys: Collection[Hashable]) -> bool:
        """Return whether all keys that were added are among some distinct ones."""
        return len(self) <= len(keys) and sum(key in self for key in keys) == len(self)

    def count_with(self, others: "DistinctKeys") -> int:
        """Return the number of distinct keys in this set and another one together."""
        few, many = sorted((self, others), key=len)
        return len(many) + sum(not many._has(number) for number in few._numbers())

    def add_all(self, others: "DistinctKeys") -> None:
        """Add all keys of another set."""
        for number in others._numbers():
            self._add(number)

    def _numbers(self) -> Iterator[int]:
        for bucket in self._buckets:
            yield from bucket

    def _bucket(self, number: int) -> "array[int]":
        return self._buckets[bisect_right(self._starts, number) - 1]

    def _has(self, number: int) -> bool:
        bucket = self._bucket(number)
        place = bisect_left(bucket, number)
        return place < len(bucket) and bucket[place] == number

    def _add(self, number: int) -> None:
        at = bisect_right(self._starts, number) - 1
        bucket = self._buckets[at]
        place = bisect_left(bucket, number)
        if place < len(bucket) and bucket[place] == number:
            return
        bucket.insert(place, number)
        self._count += 1
        if len(bucket) > MOST:
            half = len(bucket) // 2
            self._starts.insert(at + 1, bucket[half])
            self._buckets[at : at + 1] = [bucket[:half], bucket[half:]]


def _number(key: object) -> int:
    """Return the number that stands for a key."""
    if isinstance(key, int) and LEAST_NUMBER <= key <= GREATEST_NUMBER:
        return key
    # Texts are marked, because hash("") is 0. Tuples are hashed as text, because the hashes of
    # numbers are not distinct: that of -1 is that of -2.
    return hash(f"t{key}" if isinstance(key, str) else repr(key))
