"""One exchange with the API: one request and its answer, in bounded time and of bounded size."""

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
# Read at a time, of what is sent and before it is unpacked, which may be a thousand times as much.
PIECE = 65536


class BoundedAdapter(HTTPAdapter):
    """Sends a request, and reads its answer: as long as it may take, and as much as it may be.

    Args:
        answer_seconds: the most that an exchange may take, from its turn to its last byte.
        most_megabytes: the most that an answer may be, unpacked.
        throttle: says when to send.
        connections: kept open, one for each request at the same time.

    Attributes:
        sent: how many requests have been.
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
        """Make connections that can be ended from outside."""
        super().init_poolmanager(*args, **options)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> ProxyManager:
        """Make them to a proxy, too; but for one of SOCKS, which has connections of its own."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:
            _watch(manager)
        return manager

    def stop(self) -> None:
        """End all exchanges; there will be none any more."""
        self._deadlines.stop()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Return the answer, its body read.

        Raises:
            requests.Timeout: it was not there in time.
            requests.RequestException: as an adapter does.
            UnusableAnswerError: it is too large.
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
                # Whatever it is that a connection does which is shut down while it is used.
                if exchange.is_over:
                    raise self._late() from None
                raise
        return response

    def _late(self) -> Timeout:
        return Timeout(f"The answer took more than {self._seconds:g} seconds.")

    def _read(self, response: Response, exchange: Exchange) -> None:
        """Read the body to where requests keeps it."""
        most = int(self._most * MEGABYTE)
        unpacker = Unpacker(response.headers.get("Content-Encoding", ""))
        body = bytearray()
        try:
            while piece := response.raw.read1(PIECE, decode_content=False):
                body += unpacker.unpack(piece, most - len(body))
                if len(body) > most:
                    raise UnusableAnswerError(
                        f"sent more than {self._most:g} MB in one answer: ask for fewer rows a "
                        "page with the limit in its profile, or set "
                        "RUNTIME__REQUEST_MAX_ANSWER_MB to more"
                    )
        except ReadTimeoutError:
            raise Timeout("The answer stopped.") from None
        except (HTTPError, zlib.error):
            raise ChunkedEncodingError("The answer broke off.") from None
        if exchange.is_over:
            # A body without a length ends where its connection does.
            raise self._late()
        if body and not unpacker.is_whole:
            raise ChunkedEncodingError("The answer broke off.")
        response._content = bytes(body)


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = POOLS
