"""A help desk that is never the bottleneck: its tickets are serialized before the first request.

`python -m helpdesk_assets_tests.bench.server --tickets 1000` prints its URL and serves until it is
stopped. `GET /stats` returns the number of ticket requests since the last such call, and when the
first and the last of them arrived, by the machine's monotonic clock.
"""

import argparse
import asyncio
import json
import random
import string
import sys
import time
from bisect import bisect_left
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, cast
from urllib.parse import parse_qs

BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)
STATUSES = ("new", "open", "pending", "solved")


def ticket(
    number: int, *, wide: bool, begin: datetime = BEGIN, apart: float = 30
) -> dict[str, Any]:
    """Return a generated ticket with six fields, or thirty with nested objects and long texts.

    Args:
        number: its id.
        wide: whether it has thirty fields.
        begin: the time before the first ticket.
        apart: seconds between two tickets.
    """
    created_at = begin + timedelta(seconds=apart * number)
    narrow = {
        "id": number,
        "subject": f"Printer {number} on floor {number % 9} does not print",
        "status": STATUSES[number % 4],
        "created_at": _spelled(created_at),
        "updated_at": _spelled(created_at + timedelta(days=3)),
        "priority": "normal",
    }
    if not wide:
        return narrow
    chance = random.Random(number)
    return {
        **narrow,
        "description": "".join(chance.choices(string.ascii_letters + "    ", k=500)),
        "requester": {
            "id": number % 997,
            "name": f"Person {number % 997}",
            "vip": number % 50 == 0,
        },
        "assignee": {"id": number % 31, "group": {"id": number % 7, "name": "second line"}},
        "tags": ["printer", "floor"][: number % 3],
        "watchers": [{"id": number % 13, "since": _spelled(created_at)}],
        **{f"custom_text_{field}": f"value {number * field % 101}" for field in range(9)},
        **{f"custom_number_{field}": number * field for field in range(5)},
        **{f"custom_flag_{field}": number % (field + 2) == 0 for field in range(5)},
    }


def _spelled(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


class Tickets:
    """The tickets as JSON, in the order of their ids, and of their creation and last change.

    Args:
        count: the number of tickets.
        wide: whether tickets have thirty fields.
        begin: see ticket.
        apart: see ticket.
    """

    def __init__(
        self, count: int, *, wide: bool, begin: datetime = BEGIN, apart: float = 30
    ) -> None:
        tickets = [
            ticket(number, wide=wide, begin=begin, apart=apart) for number in range(1, count + 1)
        ]
        self._updated = [each["updated_at"] for each in tickets]
        self._created = [each["created_at"] for each in tickets]
        self._rows = [json.dumps(each).encode() for each in tickets]

    def answer(self, query: dict[str, list[str]]) -> bytes:
        """Return the body of a page."""
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        first, end = 0, len(self._rows)
        for times, since in ((self._updated, "updated_since"), (self._created, "created_since")):
            if since in query:
                first = bisect_left(times, query[since][0])
        if "created_before" in query:
            end = bisect_left(self._created, query["created_before"][0])
        page = self._rows[first + offset : min(first + offset + limit, end)]
        return b'{"total":%d,"data":[%b]}' % (max(0, end - first), b",".join(page))


class GeneratedTickets:
    """The same narrow tickets, each generated when it is requested, for lists of any length.

    Args:
        count: the number of tickets.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def answer(self, query: dict[str, list[str]]) -> bytes:
        """Return the body of a page."""
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        numbers = range(offset + 1, min(offset + limit, self._count) + 1)
        page = ",".join(json.dumps(ticket(number, wide=False)) for number in numbers)
        return b'{"total":%d,"data":[%b]}' % (self._count, page.encode())


class Desk(asyncio.Protocol):
    """Answers the requests of one connection, one after the other."""

    requests: ClassVar[list[float]] = []

    def __init__(self, tickets: Tickets | GeneratedTickets, latency: float) -> None:
        self._tickets = tickets
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that has been received completely."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path, _, query = head.split(b" ", 2)[1].decode().partition("?")
            if path == "/stats":
                self._send(
                    json.dumps(
                        [len(self.requests), *self.requests[:1], *self.requests[-1:]]
                    ).encode()
                )
                self.requests.clear()
                continue
            self.requests.append(time.monotonic())
            body = self._tickets.answer(parse_qs(query))
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._send, body)
            else:
                self._send(body)

    def _send(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )


async def _serve(tickets: Tickets | GeneratedTickets, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Desk(tickets, latency), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1000)
    parser.add_argument(
        "--latency", type=float, default=0, help="milliseconds per response [%(default)s]"
    )
    parser.add_argument("--wide", action="store_true", help="tickets with thirty fields")
    parser.add_argument(
        "--generated", action="store_true", help="generate tickets when they are requested"
    )
    parser.add_argument(
        "--begin",
        type=datetime.fromisoformat,
        default=BEGIN,
        help="the time before the first ticket [%(default)s]",
    )
    parser.add_argument(
        "--apart", type=float, default=30, help="seconds between two tickets [%(default)s]"
    )
    options = parser.parse_args()
    served: Tickets | GeneratedTickets
    if options.generated:
        served = GeneratedTickets(options.tickets)
    else:
        served = Tickets(
            options.tickets, wide=options.wide, begin=options.begin, apart=options.apart
        )
    asyncio.run(_serve(served, options.latency / 1000))
