"""Reads a desk that changes while it is read, many times: ours and plain dlt. See `make churn`."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from dlt.extract import DltSource

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
from helpdesk_assets_tests.support.plain import plain_source

Read = Callable[[str], Iterable[Any]]


def ours(base_url: str, paging: Counted | None = None) -> Iterable[Any]:
    """Read with this project's source."""
    return rows_of(new_source(base_url, new_walk(paging)))


def new_source(base_url: str, walk: Walk, key: str = DEFAULT_API_KEY) -> DltSource:
    """Return the source of a sandbox, as the default profile describes it."""
    auth = QueryKey(name="api_key", api_key=key, location="query")
    return help_desk_source(base_url=base_url, auth=auth, profile=load_profile(), walk=walk)


def new_walk(
    paging: Counted | None = None,
    *,
    in_flight: int = 8,
    rows_at_once: int = 5000,
    brief: bool = False,
) -> Walk:
    """Return a walk that nothing is known of yet, and that has pages in flight from the first."""
    session = HelpDeskSession(Redaction(DEFAULT_API_KEY), in_flight=in_flight)
    walk = CompleteWalk(paging, brief=brief)
    return Walk(CompleteReader(session, walk, rows_at_once=rows_at_once), Tables())


def rows_of(items: Iterable[Any]) -> Iterator[Any]:
    """Return the rows of what a source yields: those of tables, and those that are lone."""
    for item in items:
        yield from item.to_pylist() if hasattr(item, "to_pylist") else [item]


def plain(base_url: str) -> Iterable[Any]:
    """Read with plain dlt."""
    return plain_source(base_url, DEFAULT_API_KEY)


READERS: dict[str, Read] = {
    "this project": ours,
    "by page number": partial(ours, paging=PageNumberPaging()),
    "plain dlt": plain,
}


def lost(read: Read, base_url: str, desk: Desk) -> tuple[int, int]:
    """Read a desk once; return how many lived through the reading, and how many of them it lost."""
    before = {ticket["id"] for ticket in desk.tickets}
    seen = {row["id"] for row in read(base_url)}
    lived = before & {ticket["id"] for ticket in desk.tickets}
    return len(lived), len(lived - seen)


def main() -> int:
    """Print what each loses; return 0 when ours loses nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100, help="readings each [%(default)s]")
    parser.add_argument("--tickets", type=int, default=2000, help="on the desk [%(default)s]")
    parser.add_argument("--churn", type=float, default=1, help="changes a page [%(default)s]")
    parser.add_argument("--orders", default="id,-id", help="taken in turns [%(default)s]")
    options = parser.parse_args()
    logging.getLogger("dlt").setLevel(logging.ERROR)
    orders = options.orders.split(",")
    desk = Desk(0)
    totals = {}
    with serve(build_app(desk)) as base_url:
        for name, read in READERS.items():
            lived = gone = runs = 0
            for seed in range(options.trials):
                order = orders[seed % len(orders)]
                # Another desk on the same server: to start one takes longer than to read.
                vars(desk).update(
                    vars(Desk(options.tickets, seed, order=order, churn=options.churn))
                )
                lives, loses = lost(read, base_url, desk)
                lived, gone, runs = lived + lives, gone + loses, runs + (loses > 0)
            totals[name] = gone
            sys.stdout.write(
                f"{name:14}{gone:8,} of {lived:,} tickets lost, in {runs:,} of {options.trials:,}"
                " readings\n"
            )
            sys.stdout.flush()
    return 1 if totals["this project"] or totals["by page number"] else 0


if __name__ == "__main__":
    sys.exit(main())
