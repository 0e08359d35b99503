"""Distinct keys: the same answers as a set, in a fraction of its memory."""

import random
import tracemalloc
from collections.abc import Callable, Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk_assets.paging.chained import ChainWalk
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.positions import Window
from helpdesk_assets.paging.sequence import KeySequence, are_in_order
from helpdesk_assets.tables import distinct
from helpdesk_assets.tables.distinct import DistinctKeys
from helpdesk_assets.transport.pages import Page
from helpdesk_assets_tests.conftest import at_length

NUMBERS = st.integers(-5, 60) | st.integers(2**63 - 2, 2**63 + 2) | st.integers(-(2**64), -(2**63))
TEXTS = st.sampled_from(["", "0", "1", "a", "-1", "t", "\ud800"]) | st.text(max_size=2)
KEYS = NUMBERS | TEXTS | st.tuples(NUMBERS | TEXTS, NUMBERS | TEXTS)


@pytest.fixture(autouse=True)
def _small_buckets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "small" in request.node.name:
        monkeypatch.setattr(distinct, "MOST", 4)


@given(pages=st.lists(st.lists(KEYS, max_size=8)), removed=st.lists(KEYS), others=st.sets(KEYS))
def test_distinct_values_behave_like_a_set(
    pages: list[list[Hashable]], removed: list[Hashable], others: set[Hashable]
) -> None:
    _compare(pages, removed, others)


def test_small_buckets_are_divided_and_emptied() -> None:
    chance = random.Random(1)
    for _ in range(200):
        numbers = [chance.randrange(-50, 50) for _ in range(120)]
        pages: list[list[Hashable]] = [[*numbers[at : at + 7]] for at in range(0, 120, 7)]
        _compare(pages, chance.sample(numbers, 60), set(chance.sample(range(-60, 60), 30)))


def _compare(pages: list[list[Hashable]], removed: list[Hashable], others: set[Hashable]) -> None:
    keys, same = DistinctKeys(), set[Hashable]()
    for page in pages:
        keys.update(page)
        same.update(page)
        assert len(keys) == len(same)
    for key in removed:
        keys.discard(key)
        same.discard(key)
    asked = {*others, *removed, *same}
    assert {key for key in asked if key in keys} == same
    assert keys.is_within(others) == (same <= others)
    assert keys.is_within(asked)
    assert keys.count_with(DistinctKeys(others)) == len(same | others)
    keys.add_all(DistinctKeys(others))
    keys.update(removed)
    assert len(keys) == len(same | others | {*removed})


@given(st.lists(KEYS), st.lists(st.integers(1, 5)), st.lists(KEYS))
def test_sequences_are_the_same_however_they_are_divided(
    keys: list[Hashable], sizes: list[int], others: list[Hashable]
) -> None:
    whole, divided, other = KeySequence(3), KeySequence(3), KeySequence(3)
    whole.extend(keys)
    other.extend(others)
    left = keys
    for size in sizes:
        divided.extend(left[:size])
        left = left[size:]
    divided.extend(left)

    assert divided.fingerprint == whole.fingerprint
    assert (whole.fingerprint == other.fingerprint) == (repr(keys) == repr(others))
    assert list(divided.last) == keys[-3:]
    assert divided.is_sorted == whole.is_sorted == are_in_order(keys)


def _chain(pages: int, size: int, key: Callable[[int], Hashable]) -> ChainWalk:
    walk = ChainWalk()
    for page in range(pages):
        rows = [{"id": key(number)} for number in range(page * size, (page + 1) * size)]
        walk.take(Page(rows, following=f"https://desk.example/tickets?after={page}"))
    return walk


def _counted(pages: int, size: int, key: Callable[[int], Hashable]) -> CompleteWalk:
    walk = CompleteWalk()
    for _ in range(pages):
        window = walk.position
        assert isinstance(window, Window)
        numbers = range(window.offset, window.offset + window.size)
        walk.take(Page([{"id": key(number)} for number in numbers], pages * size))
    return walk


def _text(number: int) -> str:
    return f"{number * 7919 % 1_000_003:x}-{number}"


@pytest.mark.parametrize("walk", [_chain, _counted])
@pytest.mark.parametrize(
    "key",
    at_length(
        [_text, int, lambda number: -number, lambda number: number * 7919 % 1_000_003], short=1
    ),
)
def test_a_walk_keeps_sixteen_bytes_a_row_at_most(
    walk: Callable[..., ChainWalk | CompleteWalk], key: Callable[[int], Hashable]
) -> None:
    walk(60, 100, key)
    tracemalloc.start()
    kept = []
    for pages in (100, 600):
        before = tracemalloc.get_traced_memory()[0]
        read = walk(pages, 100, key)
        kept.append(tracemalloc.get_traced_memory()[0] - before)
        assert read.rows_walked > 99 * pages
        del read
    tracemalloc.stop()

    assert (kept[1] - kept[0]) / 50_000 < 16
