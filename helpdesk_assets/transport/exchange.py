"""One exchange with the API: how long it may take, and where it may lead."""

import time
from typing import Any
from urllib.parse import urljoin, urlsplit

from requests import PreparedRequest, Response, Timeout
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.transport.throttle import Throttle


class BoundedAdapter(HTTPAdapter):
    """Sends a request, and reads its answer in bounded time.

    A read time-out alone is no bound: it starts anew with every byte. Redirects are followed only
    where the key is meant for; it may stand in the new address.

    Args:
        answer_seconds: the most that a body may take, from its headers on.
        throttle: says when to send.
        connections: kept open, one for each request at the same time.
    """

    def __init__(self, answer_seconds: float, throttle: Throttle, *, connections: int) -> None:
        super().__init__(pool_maxsize=connections)
        self._answer_seconds = answer_seconds
        self._throttle = throttle

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Return the answer, its body read.

        Raises:
            requests.Timeout: the body was not there in time.
            UnusableAnswerError: it redirects to another host.
        """
        with self._throttle.turn():
            response = super().send(request, *args, **{**options, "stream": True})
            if response.is_redirect:
                _refuse_to_leave(response)
            _read_in_time(response, self._answer_seconds)
        return response


def _refuse_to_leave(response: Response) -> None:
    asked = urlsplit(str(response.request.url))
    sent_to = urlsplit(urljoin(str(response.request.url), response.headers["Location"]))
    if (sent_to.scheme, sent_to.netloc) not in {
        (asked.scheme, asked.netloc),
        ("https", asked.hostname),
    }:
        raise UnusableAnswerError(
            f"redirects to {sent_to.scheme}://{sent_to.hostname}, which the key is not meant for: "
            "set SOURCES__HELP_DESK__BASE_URL to where its API is"
        )


def _read_in_time(response: Response, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    parts = []
    try:
        while part := response.raw.read1(65536, decode_content=True):
            parts.append(part)
            if time.monotonic() > deadline:
                raise Timeout(f"The answer took more than {seconds:g} seconds.")
    except ReadTimeoutError:
        raise Timeout("The answer stopped.") from None
    except (ProtocolError, DecodeError):
        raise ChunkedEncodingError("The answer broke off.") from None
    # Where requests keeps the body that it has read.
    response._content = b"".join(parts)
