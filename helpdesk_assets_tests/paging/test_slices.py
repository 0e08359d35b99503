"""Lists that the API ends early are continued from their last time, while they change."""

import time
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from helpdesk_assets.errors import CannotContinueError, UnusableAnswerError
from helpdesk_assets.paging.checkpoint import Checkpoint, ReadBefore
from helpdesk_assets.paging.parts import PartsWalk
from helpdesk_assets.paging.pauses import Pauses
from helpdesk_assets.paging.positions import OffsetPaging, PageNumberPaging, Placed, Window
from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.paging.slices import Slice, slices
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.tables.keys import ID
from helpdesk_assets.tables.times import Times
from helpdesk_assets.transport.pages import Page
from helpdesk_assets_tests.conftest import at_length

CEILING = 200


def since(start: datetime) -> Variation:
    return Variation({"since": Times().spelled(start)})


def new_walk(
    paging: OffsetPaging | PageNumberPaging, checkpoint: Checkpoint | None = None
) -> PartsWalk:
    options: dict[str, Any] = {"identity": ID, "order_param": None, "brief": False}
    before = ReadBefore(checkpoint, str) if checkpoint else None
    return PartsWalk(
        slices(
            lambda **of: Slice(paging=paging, **options, **of),
            since,
            cursor=("updated_at",),
            times=Times(),
            identity=ID,
            before=before,
        ),
        before=before,
    )


def step(walk: PartsWalk, desk: Desk, *, total: bool) -> list[dict[str, Any]]:
    """Read a page of a help desk that returns at most ``CEILING`` tickets, without HTTP."""
    part, position = walk.position
    assert isinstance(position, Window)
    assert position.offset + position.size <= CEILING
    start = str(walk.parts[part].variation.params.get("since", ""))
    rows, counted = desk.page(position.offset, position.size, updated_since=start)
    assert all(isinstance(each, Placed) for each in walk.following(4))
    return walk.take(Page([dict(row) for row in rows], counted if total else None))


def read(desk: Desk, paging: OffsetPaging | PageNumberPaging, *, total: bool) -> PartsWalk:
    walk = new_walk(paging)
    while not walk.has_ended:
        step(walk, desk, total=total)
    return walk


PAGINGS = [
    OffsetPaging(limit=50, most=CEILING),
    PageNumberPaging(limit=50, base_page=1, maximum_page=CEILING // 50),
]


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", [0, 1, 198, 199, 200, 201, 202, 399, 950])
def test_lists_of_any_length_are_read_completely(
    count: int, total: bool, paging: OffsetPaging | PageNumberPaging
) -> None:
    desk = Desk(count, order="updated_at")
    walk = read(desk, paging, total=total)

    assert walk.rows_walked == count
    assert walk.unverified is None
    assert walk.pages < 30 + count // 5


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("seed", at_length(range(300), short=15))
def test_changing_list_is_read_completely(
    seed: int, paging: OffsetPaging | PageNumberPaging
) -> None:
    desk = Desk(700, seed, order="updated_at", churn=1)
    before = {ticket["id"] for ticket in desk.tickets}
    walk = read(desk, paging, total=bool(seed % 2))
    lived = before & {ticket["id"] for ticket in desk.tickets}

    assert all(key in walk.keys for key in lived)
    assert isinstance(walk.position, Placed)
    assert len(walk.parts) > 3


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("seed", at_length(range(300), short=15))
def test_changing_list_is_read_completely_although_its_reading_is_interrupted(
    seed: int, paging: OffsetPaging | PageNumberPaging
) -> None:
    chance = Random(seed)
    desk = Desk(900, seed, order="updated_at", churn=0.5)
    before = {ticket["id"] for ticket in desk.tickets}
    stored: dict[int, str] = {}
    checkpoint, interruptions, is_complete = None, -1, False
    while not is_complete:
        interruptions += 1
        walk, pauses = new_walk(paging, checkpoint), Pauses(str, checkpoint)
        read: dict[int, str] = {}
        at_start = {ticket["id"]: ticket["updated_at"] for ticket in desk.tickets}
        for _ in range(chance.randrange(4, 25)):
            rows = step(walk, desk, total=bool(seed % 2))
            read |= {row["id"]: row["updated_at"] for row in rows}
            is_complete = walk.has_ended
            if is_complete or pauses.is_due(walk):
                # These rows are loaded.
                stored |= read
                checkpoint, read = pauses.last, {}
            if is_complete:
                break
        # What was read after the last checkpoint is lost, and the list changes.
        for _ in range(0 if is_complete else chance.randrange(20)):
            desk.change()
    now = {ticket["id"]: ticket["updated_at"] for ticket in desk.tickets}

    assert interruptions
    assert before & now.keys() <= stored.keys()
    # Tickets that changed before the last run are stored as they are now.
    unchanged = {number for number, at in now.items() if at_start.get(number) == at}
    assert [number for number in unchanged if stored[number] != now[number]] == []


def test_many_short_slices_are_loaded_together() -> None:
    paging = OffsetPaging(limit=20, most=40)
    desk = Desk(2000, order="updated_at")
    walk, pauses = new_walk(paging), Pauses(str)
    number = 0
    while not walk.has_ended:
        step(walk, desk, total=True)
        if not walk.has_ended and pauses.is_due(walk):
            number += 1
            # The load takes much longer than a slice.
            time.sleep(0.05)
            pauses.resume()

    assert walk.rows_walked == 2000
    assert len(walk.parts) > 60
    assert 32 <= number < 40


def test_list_that_does_not_continue_what_was_read_before_is_refused() -> None:
    desk = Desk(700, order="updated_at")
    paging = OffsetPaging(limit=50, most=CEILING)
    walk, pauses = new_walk(paging), Pauses(str)
    while not pauses.is_due(walk):
        step(walk, desk, total=True)
    assert pauses.last
    # Most of the rows that have to be read again were deleted.
    gone = sorted(map(int, pauses.last.expected))[:-2]
    desk.tickets = [ticket for ticket in desk.tickets if ticket["id"] not in gone]
    walk = new_walk(paging, pauses.last)

    def read_on() -> None:
        while not walk.has_ended:
            assert not Pauses(str, pauses.last).is_due(walk)
            step(walk, desk, total=True)

    with pytest.raises(CannotContinueError, match="run again to read all rows from the beginning"):
        read_on()


def at_one_time(desk: Desk, first: int, count: int) -> None:
    """Give tickets the same time of change, as after a bulk change."""
    for ticket in desk.tickets[first : first + count]:
        ticket["updated_at"] = desk.tickets[first]["updated_at"]


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize(("first", "count"), [(150, 100), (185, 199), (1, 199)])
def test_nearly_as_many_tickets_with_one_time_as_the_api_returns_are_read(
    first: int, count: int, paging: OffsetPaging | PageNumberPaging
) -> None:
    desk = Desk(500, order="updated_at")
    at_one_time(desk, first, count)

    assert read(desk, paging, total=True).rows_walked == 500


@pytest.mark.parametrize("paging", PAGINGS)
def test_more_tickets_with_one_time_than_the_api_returns_fail(
    paging: OffsetPaging | PageNumberPaging,
) -> None:
    desk = Desk(500, order="updated_at")
    at_one_time(desk, 100, 250)

    with pytest.raises(UnusableAnswerError, match="more rows with the same time"):
        read(desk, paging, total=True)


@pytest.mark.parametrize("spelled", ["2026-03-01T12:00:00.123Z", "2026-03-01T12:00:00+02:00"])
def test_time_keeps_its_time_zone_when_a_second_is_subtracted(spelled: str) -> None:
    # Without a time zone, it would be in that of this machine.
    assert (Times().instant(spelled) - timedelta(seconds=1)).tzinfo is not None
