"""Numbered pages of a fixed size: complete, or not reported as verified."""

import pytest

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.backward import BackwardPages
from helpdesk_assets.paging.fixed import FixedPagesWalk
from helpdesk_assets.paging.positions import ChainPaging
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.transport.pages import Page
from helpdesk_assets_tests.conftest import at_length

SIZE = 25
PAGING = ChainPaging(cursor_param="page", is_number=True)


def read(
    desk: Desk, *, cursor: tuple[str, ...] | None = None, total: bool = True
) -> FixedPagesWalk:
    """Read a desk in pages of ``SIZE`` tickets, without HTTP."""
    walk = FixedPagesWalk(PAGING, 1, cursor=cursor)
    while not walk.has_ended:
        number = int(str(walk.position))
        rows, counted = desk.page((number - 1) * SIZE, SIZE)
        walk.take(Page([dict(row) for row in rows], counted if total else None))
    return walk


def has_read(walk: FixedPagesWalk, ids: set[int]) -> bool:
    read = walk.chosen
    return isinstance(read, BackwardPages) and all(number in read.rows.keys for number in ids)


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 49, 50, 51, 480])
def test_every_ticket_is_read_with_few_requests(count: int) -> None:
    walk = read(Desk(count))

    assert walk.rows_walked == count
    assert walk.unverified is None or not count
    # Each page once, the first page twice, and the end once more.
    assert walk.pages <= -(-count // SIZE) + 2


@pytest.mark.parametrize(("order", "cursor"), [("id", None), ("updated_at", ("updated_at",))])
@pytest.mark.parametrize("desks", at_length([20, 300], short=[20]))
def test_changing_list_that_only_grows_is_read_completely(
    desks: int, order: str, cursor: tuple[str, ...] | None
) -> None:
    refused = 0
    for seed in range(desks):
        desk = Desk(700, seed, order=order, churn=1)
        before = {ticket["id"] for ticket in desk.tickets}
        # Two tickets that changed within the same second are in no certain order.
        is_certain = len({ticket[order] for ticket in desk.tickets}) == len(before)
        try:
            walk = read(desk, cursor=cursor)
        except UnusableAnswerError:
            # The end of the list changes with each page.
            refused += 1
            continue
        lived = before & {ticket["id"] for ticket in desk.tickets}

        assert has_read(walk, lived)
        assert walk.unverified is None or not is_certain
    assert refused <= desks / 100


@pytest.mark.parametrize(
    ("order", "total"), [("-id", True), ("updated_at", True), ("-updated_at", True), ("id", False)]
)
def test_list_in_another_order_or_without_a_total_is_not_verified(order: str, total: bool) -> None:
    walk = read(Desk(700, order=order), total=total)

    assert walk.rows_walked == 700
    assert "pages of a fixed size" in str(walk.unverified)
