"""Reading a help desk that changes randomly between requests, over real HTTP."""

import random
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.positions import Counted, OffsetPaging, PageNumberPaging
from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import ORDERS, Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets.transport.pages import Page
from helpdesk_assets_tests.conftest import at_length
from helpdesk_assets_tests.paging.churn import lost, new_source, new_walk, ours, plain, rows_of


def read(base_url: str, paging: Counted | None = None, in_flight: int = 1) -> Iterator[Any]:
    # One page at a time, so that events between two rows are events between two pages.
    walk = new_walk(paging, rows_at_once=1, in_flight=in_flight)
    return rows_of(new_source(base_url, walk))


class SharedServer:
    """One server for all examples, because starting a server is slow."""

    base_url = ""
    desk: Desk
    most = 100

    def page(self, offset: int, limit: int, **options: Any) -> tuple[list[Any], int]:
        return self.desk.page(offset, min(limit, self.most), **options)


SHARED = SharedServer()


@pytest.fixture(scope="module", autouse=True)
def shared_server() -> Iterator[None]:
    with serve(build_app(cast(Desk, SHARED))) as SHARED.base_url:
        yield


class BusyDesk(RuleBasedStateMachine):
    """A walk, with random changes of the help desk between its requests."""

    @initialize(
        tickets=st.integers(0, 120),
        seed=st.integers(0, 1000),
        order=st.sampled_from(ORDERS),
        in_flight=st.sampled_from((1, 2, 8)),
        kind=st.sampled_from((OffsetPaging, PageNumberPaging)),
        limit=st.integers(20, 40),
        most=st.integers(2, 60),
    )
    def begin(
        self,
        tickets: int,
        seed: int,
        order: str,
        in_flight: int,
        kind: type[Counted],
        limit: int,
        most: int,
    ) -> None:
        self.desk = Desk(tickets, seed, order=order)
        self.before = {ticket["id"] for ticket in self.desk.tickets}
        self.ever = set(self.before)
        self.seen: set[int] = set()
        self.ended = False
        SHARED.desk = self.desk
        # With page numbers, pages of another size than requested cannot be read.
        SHARED.most = most if kind is OffsetPaging else 100
        self.rows = read(SHARED.base_url, kind(limit), in_flight)

    # No rule has a precondition: the end of the walk depends on the order of pages in flight, but
    # the drawn events must not.
    @rule(rows=st.integers(1, 50))
    def read_on(self, rows: int) -> None:
        for _ in range(0 if self.ended else rows):
            row = next(self.rows, None)
            if row is None:
                self.ended = True
                self.compare()
                return
            self.seen.add(row["id"])

    @rule(changes=st.integers(1, 3))
    def change(self, changes: int) -> None:
        if self.ended:
            return
        for _ in range(changes):
            self.desk.change()
        self.ever |= {ticket["id"] for ticket in self.desk.tickets}

    def compare(self) -> None:
        lived = self.before & {ticket["id"] for ticket in self.desk.tickets}
        assert lived <= self.seen
        assert self.seen <= self.ever

    def teardown(self) -> None:
        if hasattr(self, "rows") and not self.ended:
            self.seen |= {row["id"] for row in self.rows}
            self.compare()


@pytest.mark.parametrize("examples", at_length([10, 40], short=[10]))
def test_no_existing_ticket_is_lost_and_none_is_invented(examples: int) -> None:
    run_state_machine_as_test(
        BusyDesk,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("desks", at_length([300, 3000], short=[300]))
@pytest.mark.parametrize("kind", [OffsetPaging, PageNumberPaging])
def test_thousands_of_changing_lists_are_read_completely(kind: type[Counted], desks: int) -> None:
    # Without HTTP, because the problem occurs once in thousands of walks.
    refused = 0
    for seed in range(2000, 2000 + desks):
        chance = random.Random(seed)
        limit = chance.randint(3 if kind is OffsetPaging else 20, 40)
        desk = Desk(chance.randint(0, 120), seed, order=chance.choice(ORDERS))
        desk.churn = chance.choice((0, 0.1, 0.5, 1, 2))
        sends_total = chance.random() < 0.7
        before = {ticket["id"] for ticket in desk.tickets}
        seen = set()
        walk = CompleteWalk(kind(limit))
        try:
            while not walk.has_ended:
                rows, total = desk.page(walk.position.offset, walk.position.size)
                page = Page(rows, total if sends_total else None)
                seen |= {row["id"] for row in walk.take(page)}
        except UnusableAnswerError:
            # A help desk with few tickets, all of which change while three of them are read.
            refused += 1
            continue
        assert before & {ticket["id"] for ticket in desk.tickets} <= seen, (seed, limit)

    assert refused < max(20, desks / 20)


@pytest.mark.parametrize("desks", at_length([1, 5], short=[1]))
@pytest.mark.parametrize("order", ORDERS)
def test_changing_list_is_read_completely_unlike_with_plain_dlt(order: str, desks: int) -> None:
    losses = {ours: 0, plain: 0}
    for reader in losses:
        for seed in range(desks):
            desk = Desk(2000, seed, order=order, churn=1)
            with serve(build_app(desk)) as base_url:
                losses[reader] += lost(reader, base_url, desk)[1]

    assert losses[ours] == 0
    assert losses[plain] > 0


@pytest.mark.parametrize("in_flight", at_length([1, 4, 8, 32], short=[1, 32]))
def test_unchanging_list_takes_at_most_five_percent_more_requests(in_flight: int) -> None:
    walk = new_walk(in_flight=in_flight)
    with serve(build_app(Desk(10_000))) as base_url:
        source = new_source(base_url, walk)
        ids = [row["id"] for row in rows_of(source)]

    assert ids == list(range(1, 10_001))
    assert walk.reader.session.requests <= 105
    assert walk.reader.walk.overlap_retries == 0


def test_ticket_that_changes_while_it_is_read_is_returned_in_both_versions() -> None:
    desk = Desk(150)
    with serve(build_app(desk)) as base_url:
        rows = read(base_url)
        first = [next(rows) for _ in range(100)]
        desk.tickets[99].update(status="reopened")
        rest = list(rows)

    again = [row for row in rest if row["id"] == 100]
    assert [row["status"] for row in again] == ["reopened"]
    assert again[0]["_row_number"] > first[99]["_row_number"]
