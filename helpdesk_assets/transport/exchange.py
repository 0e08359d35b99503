"""One exchange with the API: a request and its response, with bounded time and size."""

import threading
import zlib
from typing import Any

from requests import PreparedRequest, Response, Timeout
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.poolmanager import PoolManager, ProxyManager

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.transport.deadlines import POOLS, Deadlines, Exchange
from helpdesk_assets.transport.throttle import Throttle
from helpdesk_assets.transport.unpacking import Unpacker

MEGABYTE = 1_000_000
# Bytes read at a time; decompressed, they may be a thousand times as many.
PIECE = 65536


class BoundedAdapter(HTTPAdapter):
    """Sends requests and reads responses, within limits of time and size.

    Args:
        answer_seconds: the maximum duration of an exchange, without waiting for the throttle.
        most_megabytes: the maximum size of a decompressed response.
        throttle: decides when to send.
        connections: the number of connections to keep open, one per parallel request.

    Attributes:
        sent: the number of requests sent.
    """

    def __init__(
        self,
        *,
        answer_seconds: float,
        most_megabytes: float,
        throttle: Throttle,
        connections: int,
    ) -> None:
        super().__init__(pool_maxsize=connections)
        self._deadlines = Deadlines(answer_seconds)
        self._seconds = answer_seconds
        self._most = most_megabytes
        self._throttle = throttle
        self._lock = threading.Lock()
        self.sent = 0

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Use connections that can be ended by a deadline."""
        super().init_poolmanager(*args, **options)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> ProxyManager:
        """Use them for proxies, too, except for SOCKS proxies, which have their own connections."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:
            _watch(manager)
        return manager

    def stop(self) -> None:
        """End all exchanges, and allow no more."""
        self._deadlines.stop()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Return the response with its body read.

        Raises:
            requests.Timeout: the response did not arrive in time.
            requests.RequestException: as raised by an adapter.
            UnusableAnswerError: the response is too large.
        """
        with self._throttle.turn(), self._deadlines.exchange() as exchange:
            with self._lock:
                self.sent += 1
            try:
                response = super().send(request, *args, **{**options, "stream": True})
                with response.raw:
                    self._read(response, exchange)
            except UnusableAnswerError:
                raise
            except Exception:
                # A connection that is shut down while in use may raise any error.
                if exchange.is_over:
                    raise self._late() from None
                raise
        return response

    def _late(self) -> Timeout:
        return Timeout(f"The response took more than {self._seconds:g} seconds.")

    def _read(self, response: Response, exchange: Exchange) -> None:
        """Read the body into the response."""
        most = int(self._most * MEGABYTE)
        unpacker = Unpacker(response.headers.get("Content-Encoding", ""))
        body = bytearray()
        try:
            while piece := response.raw.read1(PIECE, decode_content=False):
                body += unpacker.unpack(piece, most - len(body))
                if len(body) > most:
                    raise UnusableAnswerError(
                        f"sent more than {self._most:g} MB in one response: lower the limit in its "
                        "profile, to request fewer rows per page, or increase "
                        "RUNTIME__REQUEST_MAX_ANSWER_MB"
                    )
        except ReadTimeoutError:
            raise Timeout("The response stalled.") from None
        except (HTTPError, zlib.error):
            raise ChunkedEncodingError("The response is truncated.") from None
        if exchange.is_over:
            # A body without a length ends where its connection does.
            raise self._late()
        if body and not unpacker.is_whole:
            raise ChunkedEncodingError("The response is truncated.")
        response._content = bytes(body)


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = POOLS
