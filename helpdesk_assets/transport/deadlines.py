"""Ends exchanges that take too long in total, which a socket timeout cannot do.

A socket timeout restarts with each byte, so it does not bound data that is sent slowly: headers,
the TLS handshake, chunk extensions. Therefore each exchange has a deadline, after which its
connection is shut down.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

# Seconds between two checks of the exchanges in progress.
TICK = 0.1
# Seconds without an exchange after which the watching thread ends.
REST = 5.0


class Exchange:
    """An exchange in progress.

    Attributes:
        until: its deadline, by the monotonic clock.
        is_over: whether it was ended because of its deadline, or by ``stop``.
    """

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.is_over = False
        self._line: socket.socket | None = None
        self._is_last = False

    def use(self, line: socket.socket) -> None:
        """Register the connection of the exchange."""
        self._line = line
        if self.is_over:
            self.end()

    def keep(self, line: socket.socket) -> bool:
        """Return whether the exchange continues after its connection is closed.

        Then the exchange closes the line. The body of a response without a length is read after its
        connection was released.
        """
        self._is_last = line is self._line
        return self._is_last

    def close(self) -> None:
        """Close the line if only this exchange uses it."""
        if self._line and self._is_last:
            self._line.close()

    def end(self) -> None:
        """Shut its connection down."""
        self.is_over = True
        if self._line:
            # Unless it is shut already.
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)


_current = threading.local()


def _of_this_thread() -> Exchange | None:
    exchange: Exchange | None = getattr(_current, "exchange", None)
    return exchange


class Deadlines:
    """Watches exchanges in a thread, and ends those that take too long.

    Args:
        seconds: the maximum duration of an exchange.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way: dict[Exchange, None] = {}
        self._lock = threading.Lock()
        self._is_watched = False
        self._stopped = False

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """Register an exchange of this thread for the duration of a ``with`` block."""
        exchange = Exchange(self._seconds)
        with self._lock:
            self._under_way[exchange] = None
            exchange.is_over = self._stopped
            if not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()
        _current.exchange = exchange
        try:
            yield exchange
        finally:
            _current.exchange = None
            with self._lock:
                del self._under_way[exchange]
            exchange.close()

    def stop(self) -> None:
        """End all exchanges, including future ones."""
        with self._lock:
            self._stopped = True
            for exchange in self._under_way:
                exchange.end()

    def _watch(self) -> None:
        seen = time.monotonic()
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            with self._lock:
                for exchange in self._under_way:
                    if exchange.until < now:
                        exchange.end()
                seen = now if self._under_way else seen
                if now - seen > REST:
                    self._is_watched = False
                    return


class _Watched(HTTPConnection):
    """A connection that registers with its exchange before the first byte is sent."""

    _line: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        # A duplicate, because TLS takes over the original. Shutting one down affects both.
        self._line = connected.dup()
        self._register()
        return connected

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request, possibly on a connection that was kept open."""
        self._register()
        super().request(*args, **options)

    def close(self) -> None:
        """Close the connection and its duplicate."""
        super().close()
        line, self._line = self._line, None
        exchange = _of_this_thread()
        if line and not (exchange and exchange.keep(line)):
            line.close()

    def _register(self) -> None:
        exchange = _of_this_thread()
        if exchange and self._line:
            exchange.use(self._line)


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


# The pools that create urllib3's connections.
POOLS = {"http": _Pool, "https": _TLSPool}
