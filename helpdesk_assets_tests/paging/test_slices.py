"""Lists that the API ends early are continued from their last time, while they change."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.parts import PartsWalk
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


def read(desk: Desk, paging: OffsetPaging | PageNumberPaging, *, total: bool) -> PartsWalk:
    """Read a help desk that returns at most ``CEILING`` tickets per list, without HTTP."""
    options: dict[str, Any] = {"identity": ID, "order_param": None, "brief": False}
    walk = PartsWalk(
        slices(
            lambda: Slice(paging=paging, **options),
            since,
            cursor=("updated_at",),
            times=Times(),
            identity=ID,
        )
    )
    while not walk.has_ended:
        part, position = walk.position
        assert isinstance(position, Window)
        assert position.offset + position.size <= CEILING
        start = str(walk.parts[part].variation.params.get("since", ""))
        rows, counted = desk.page(position.offset, position.size, updated_since=start)
        for following in walk.following(4):
            assert isinstance(following, Placed)
            assert isinstance(following.position, Window)
        walk.take(Page([dict(row) for row in rows], counted if total else None))
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
