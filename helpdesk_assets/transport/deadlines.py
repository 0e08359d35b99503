"""Ends an exchange that takes too long, wherever it is: the one thing that a time-out cannot do.

A time-out of a socket begins anew with each byte, and so bounds nothing that an API sends slowly:
headers, the TLS handshake, what stands between chunks. So each exchange has a time to be over by,
and then the connection that it is sent on is shut down, which ends whatever waits for it.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

# Seconds between two looks at what is under way.
TICK = 0.1
# Seconds without an exchange after which nobody looks any more.
REST = 5.0


class Exchange:
    """An exchange under way.

    Attributes:
        until: when it has to be over, by the monotonic clock.
        is_over: whether it was ended from outside.
    """

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.is_over = False
        self._line: socket.socket | None = None
        self._is_last = False

    def use(self, line: socket.socket) -> None:
        """Take note of the connection that it is sent on."""
        self._line = line
        if self.is_over:
            self.end()

    def keep(self, line: socket.socket) -> bool:
        """Tell whether it goes on without a connection that is closed, and will close its line.

        An answer that ends where its connection does is read when that has been given up.
        """
        self._is_last = line is self._line
        return self._is_last

    def close(self) -> None:
        """Close what only it has."""
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
    """Watches exchanges, and ends those that take too long; a thread does while there are any.

    Args:
        seconds: that an exchange may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._under_way: dict[Exchange, None] = {}
        self._lock = threading.Lock()
        self._is_watched = False
        self._stopped = False

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """Let an exchange of this thread take place while inside, and no longer than it may."""
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
        """End all exchanges, now and from now on."""
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
    """A connection whose exchange knows it, from before the first byte is sent."""

    _line: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        # Of its own, for TLS takes the other over. What shuts one down shuts both.
        self._line = connected.dup()
        self._tell()
        return connected

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request; on a connection that was kept open, too."""
        self._tell()
        super().request(*args, **options)

    def close(self) -> None:
        """Close it, and what shuts it down."""
        super().close()
        line, self._line = self._line, None
        exchange = _of_this_thread()
        if line and not (exchange and exchange.keep(line)):
            line.close()

    def _tell(self) -> None:
        exchange = _of_this_thread()
        if exchange and self._line:
            exchange.use(self._line)


class _WatchedTLS(_Watched, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


# What urllib3 makes connections with.
POOLS = {"http": _Pool, "https": _TLSPool}
