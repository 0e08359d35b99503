"""Reads a changing help desk many times, with this project and with plain dlt. See `make churn`."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, cast

from dlt.common.exceptions import DltException
from dlt.extract import DltSource

from helpdesk_assets.errors import UnusableAnswerError, chain
from helpdesk_assets.load.incremental import Filter
from helpdesk_assets.load.source import Walk, help_desk_source
from helpdesk_assets.paging.counted import CompleteWalk
from helpdesk_assets.paging.positions import Counted, PageNumberPaging
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles import load_profile
from helpdesk_assets.sandbox.app import DEFAULT_API_KEY, build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets.tables.arrow import Tables
from helpdesk_assets.transport.authentication import QueryKey
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.session import HelpDeskSession
from helpdesk_assets_tests.support.odd import OddDesk
from helpdesk_assets_tests.support.plain import plain_source

Read = Callable[[str], Iterable[Any]]


def ours(base_url: str, paging: Counted | None = None) -> Iterable[Any]:
    """Read with this project's source."""
    return rows_of(new_source(base_url, new_walk(paging)))


def new_source(base_url: str, walk: Walk, key: str = DEFAULT_API_KEY) -> DltSource:
    """Return the source of a sandbox, with the default profile."""
    auth = QueryKey(name="api_key", api_key=key, location="query")
    return help_desk_source(
        base_url=base_url, auth=auth, headers={}, profile=load_profile(), walk=walk
    )


def new_walk(
    paging: Counted | None = None,
    *,
    in_flight: int = 8,
    rows_at_once: int = 5000,
    brief: bool = False,
) -> Walk:
    """Return a new walk, whose pages are requested in parallel from the start."""
    session = HelpDeskSession(Redaction(DEFAULT_API_KEY), in_flight=in_flight)
    walk = CompleteWalk(paging, brief=brief)
    return Walk(CompleteReader(session, walk, rows_at_once=rows_at_once), Tables())


def rows_of(items: Iterable[Any]) -> Iterator[Any]:
    """Return the rows that a source yields, in tables or one at a time."""
    for item in items:
        yield from item.to_pylist() if hasattr(item, "to_pylist") else [item]


def plain(base_url: str) -> Iterable[Any]:
    """Read with plain dlt."""
    return plain_source(base_url, DEFAULT_API_KEY)


def now() -> datetime:
    """Return the time by the API's clock, which is this machine's."""
    return datetime.now(timezone.utc)


def lost(read: Read, base_url: str, desk: Desk) -> tuple[int, int]:
    """Read a desk once; return how many tickets existed throughout, and how many were lost."""
    before = {ticket["id"] for ticket in desk.tickets}
    seen = {row["id"] for row in read(base_url)}
    lived = before & {ticket["id"] for ticket in desk.tickets}
    return len(lived), len(lived - seen)


def lost_changes(base_url: str, desk: Desk) -> tuple[int, int]:
    """Read all tickets, and then those changed since the start, as two runs do.

    Return how many tickets were unchanged during the second run, and how many of them were not read
    in that state.
    """
    whole = new_walk()
    seen = {row["id"]: state(row) for row in rows_of(new_source(base_url, whole))}
    began = whole.reader.session.began
    if began is None:
        raise TypeError("Nothing was read.")
    then = {ticket["id"]: state(ticket) for ticket in desk.tickets}
    walk = replace(new_walk(brief=True), asked=Filter("updated_since").changes(began))
    seen |= {row["id"]: state(row) for row in rows_of(new_source(base_url, walk))}
    stayed = then.items() & {ticket["id"]: state(ticket) for ticket in desk.tickets}.items()
    return len(stayed), len(stayed - seen.items())


def state(row: Mapping[str, Any]) -> tuple[Any, datetime]:
    """Return the part of a ticket that changes: its status, and the time of the change."""
    at = row["updated_at"]
    changed = at if isinstance(at, datetime) else datetime.fromisoformat(at.replace("Z", "+00:00"))
    return row["status"], changed


@dataclass(frozen=True)
class Trial:
    """A way to read a help desk.

    Attributes:
        losses: reads a desk; returns how many tickets it should have, and how many of them it lost.
        tied: numbers of tickets with equal sort keys, whose order differs from page to page; each
            reading uses the next one.
        clock: returns the time of changes.
        is_ours: whether no ticket may be lost.
    """

    losses: Callable[[str, Desk], tuple[int, int]]
    tied: Sequence[int] = ()
    clock: Callable[[], datetime] | None = None
    is_ours: bool = True


TIED = (2, 30, 300)
TRIALS = {
    "this project": Trial(partial(lost, ours)),
    "by page number": Trial(partial(lost, partial(ours, paging=PageNumberPaging()))),
    "with ties": Trial(partial(lost, ours), tied=TIED),
    "incremental": Trial(lost_changes, clock=now),
    "plain dlt": Trial(partial(lost, plain), is_ours=False),
    "plain with ties": Trial(partial(lost, plain), tied=TIED, is_ours=False),
}


class SharedDesk:
    """The desk of the current trial, behind one server, because starting a server is slow."""

    desk: Desk
    odd: OddDesk | None = None

    def page(self, offset: int, limit: int, **options: Any) -> tuple[list[Any], int]:
        """Return a page of the current desk."""
        if self.odd:
            return self.odd.page(offset, limit)
        return self.desk.page(offset, limit, **options)


def main() -> int:
    """Print the losses of each trial; return 0 if this project lost nothing unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100, help="readings per trial [%(default)s]")
    parser.add_argument("--tickets", type=int, default=2000, help="number of tickets [%(default)s]")
    parser.add_argument("--churn", type=float, default=1, help="changes per page [%(default)s]")
    parser.add_argument(
        "--orders", default="id,-id", help="sort orders, each for every nth reading [%(default)s]"
    )
    options = parser.parse_args()
    logging.getLogger("dlt").setLevel(logging.ERROR)
    orders = options.orders.split(",")
    shared, silent = SharedDesk(), 0
    with serve(build_app(cast(Desk, shared))) as base_url:
        for name, trial in TRIALS.items():
            lived = gone = runs = refused = 0
            for seed in range(options.trials):
                order = orders[seed % len(orders)]
                desk = Desk(
                    options.tickets, seed, order=order, churn=options.churn, clock=trial.clock
                )
                shared.desk = desk
                tied = trial.tied[seed % len(trial.tied)] if trial.tied else 0
                shared.odd = OddDesk(desk, tied=tied, seed=seed) if tied else None
                try:
                    lives, loses = trial.losses(base_url, desk)
                except DltException as error:
                    if not any(isinstance(cause, UnusableAnswerError) for cause in chain(error)):
                        raise
                    refused += 1
                    continue
                lived, gone, runs = lived + lives, gone + loses, runs + (loses > 0)
            silent += gone if trial.is_ours else 0
            sys.stdout.write(
                f"{name:14}{gone:8,} of {lived:,} tickets lost, in {runs:,} of {options.trials:,}"
                f" readings{f'; {refused:,} refused with an error message' if refused else ''}\n"
            )
            sys.stdout.flush()
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
