"""A server that sends arbitrary bytes at any speed.

It does what web frameworks do not allow: headers without an end, one byte per second, bodies that
end too early.
"""

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

# Sends the response to a request, given its number, and its path with the query.
Mode = Callable[[int, str, "Line"], None]

MODES: dict[str, Mode] = {}
TICKETS = 30
CUSTOMER = "planted-customer-4711"


class Line:
    """A connection to send on."""

    def __init__(self, connection: socket.socket, until: threading.Event) -> None:
        self._connection = connection
        self._until = until

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes, *, seconds: float = 0.05) -> None:
        """Send the bytes one at a time."""
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(seconds)

    @property
    def is_wanted(self) -> bool:
        return not self._until.is_set()

    def head(self, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        self.head(f"Content-Length: {len(body)}", *headers, status=status)
        self.send(body)

    def close(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def page(path: str) -> bytes:
    """Return the body of a valid page."""
    query = parse_qs(urlsplit(path).query)
    offset, limit = int(query["offset"][0]), int(query["limit"][0])
    ids = range(TICKETS)[offset : offset + limit]
    rows = [
        {"id": place, "subject": CUSTOMER, "status": "open", "created_at": "2026-01-01T00:00:00Z"}
        for place in ids
    ]
    return json.dumps({"data": rows, "total": TICKETS}).encode()


@contextmanager
def hostile(mode: Mode) -> Iterator[str]:
    """Serve inside a ``with`` block; the value is the base URL."""
    over = threading.Event()
    count = iter(range(10**9))

    def serve(connection: socket.socket) -> None:
        line = Line(connection, over)
        received = connection.makefile("rb")
        with suppress(OSError, ValueError):
            while first := received.readline():
                while received.readline().strip():
                    pass
                mode(next(count), first.decode().split()[1], line)
        line.close()

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)


def _mode(mode: Mode) -> Mode:
    MODES[mode.__name__.replace("_", " ")] = mode
    return mode


@_mode
def headers_a_byte_at_a_time(number: int, path: str, line: Line) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while line.is_wanted:
        line.drip(b"a")


@_mode
def headers_without_an_end(number: int, path: str, line: Line) -> None:
    line.send(b"HTTP/1.1 200 OK\r\n")
    while line.is_wanted:
        line.send(b"X-More: 1\r\n" * 1000)


@_mode
def continue_for_ever(number: int, path: str, line: Line) -> None:
    while line.is_wanted:
        line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


@_mode
def a_drip_in_a_chunk_extension(number: int, path: str, line: Line) -> None:
    line.head("Transfer-Encoding: chunked")
    line.send(b"5;x=")
    while line.is_wanted:
        line.drip(b"a")


@_mode
def trailers_without_an_end(number: int, path: str, line: Line) -> None:
    body = page(path)
    line.head("Transfer-Encoding: chunked")
    line.send(b"%x\r\n%s\r\n0\r\n" % (len(body), body))
    while line.is_wanted:
        line.drip(b"X-T: a\r\n", seconds=0.01)


@_mode
def blocks_that_yield_nothing(number: int, path: str, line: Line) -> None:
    line.head("Content-Encoding: deflate")
    packer = zlib.compressobj()
    line.send(packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH))
    while line.is_wanted:
        line.send(b"\x00\x00\x00\xff\xff" * 10)
        time.sleep(0.01)


@_mode
def a_body_a_byte_at_a_time(number: int, path: str, line: Line) -> None:
    line.head("Content-Length: 100000")
    line.drip(b" " * 100_000)


@_mode
def nothing_at_all(number: int, path: str, line: Line) -> None:
    while line.is_wanted:
        time.sleep(0.05)


def a_body_without_an_end(number: int, path: str, line: Line) -> None:
    line.head()
    while line.is_wanted:
        line.send(b" " * 65536)


def a_gigabyte_packed(number: int, path: str, line: Line) -> None:
    packer = zlib.compressobj(9, wbits=31)
    piece = b"a" * 1_000_000
    line.head("Content-Encoding: gzip")
    for _ in range(1000):
        line.send(packer.compress(piece))
    line.send(packer.flush())
    line.close()


def packed_twice(number: int, path: str, line: Line) -> None:
    body = gzip.compress(gzip.compress(b" " * 20_000_000))
    line.answer(body, "Content-Encoding: gzip, gzip")


def many_rows(number: int, path: str, line: Line) -> None:
    row = '{"id":%d,"subject":"s","status":"open","created_at":"2026-01-01T00:00:00Z"}'
    rows = ",".join(row % place for place in range(100_000))
    line.answer(f'{{"data":[{rows}],"total":100000}}'.encode())


def many_values(number: int, path: str, line: Line) -> None:
    line.answer(b'{"data":[%s{}]}' % (b"{}," * 10_000_000))


def packed_and_broken_off(number: int, path: str, line: Line) -> None:
    """Send a truncated body to the first request only."""
    body = gzip.compress(page(path))
    if number:
        line.answer(body, "Content-Encoding: gzip")
    else:
        line.answer(body[: len(body) // 2], "Content-Encoding: gzip")


def without_a_length_and_broken_off(number: int, path: str, line: Line) -> None:
    body = page(path)
    line.head("Connection: close")
    line.send(body if number else body[: len(body) // 2])
    line.close()


def chunked_and_broken_off(number: int, path: str, line: Line) -> None:
    body = page(path)
    line.head("Transfer-Encoding: chunked", "Connection: close")
    line.send(b"%x\r\n%s" % (len(body), body if number else body[: len(body) // 2]))
    if number:
        line.send(b"\r\n0\r\n\r\n")
    line.close()


def whole_by_its_length_and_broken_off(number: int, path: str, line: Line) -> None:
    """Send what a proxy sends if its own connection was interrupted."""
    body = page(path)
    line.answer(body if number else body[: len(body) // 2])
