"""How long an API asks to wait before a retry, according to its response headers.

- ``Retry-After`` (RFC 9110): seconds, or a date. Some APIs send fractional seconds, which the
  standard does not allow.
- ``RateLimit: "name";r=0;t=30`` (draft-ietf-httpapi-ratelimit-headers): seconds.
- ``RateLimit-Reset`` (earlier drafts of it): seconds.
- ``X-RateLimit-Retry-After`` (Help Scout): seconds.
- ``X-RateLimit-Reset``, ``X-Rate-Limit-Reset`` and the like: seconds, or the time in seconds
  (GitHub) or milliseconds since 1970, or a date.
"""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

TOO_MANY = 429
FORBIDDEN = 403
# The first header with a value counts.
HEADERS = (
    "Retry-After",
    "X-RateLimit-Retry-After",
    "X-Rate-Limit-Retry-After",
    "RateLimit-Reset",
    "X-RateLimit-Reset",
    "X-Rate-Limit-Reset",
)
_RESET = re.compile(r";\s*t\s*=\s*(\d{1,9})\b")
# Larger numbers are not seconds from now but a timestamp, and even larger ones in milliseconds.
_A_TIME = 1_000_000_000
_IN_MILLISECONDS = 100_000_000_000


def is_throttled(status: int, headers: Mapping[str, str]) -> bool:
    """Return whether a response rejects a request because there were too many.

    GitHub also does so with HTTP 403, together with ``Retry-After`` or with no requests remaining
    (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).

    Args:
        status: the status of the response.
        headers: the headers of the response, with case-insensitive names.
    """
    if status == FORBIDDEN:
        remaining = headers.get("X-RateLimit-Remaining", "").strip()
        return bool(headers.get("Retry-After")) or remaining == "0"
    return status == TOO_MANY


def seconds_asked(status: int, headers: Mapping[str, str]) -> float:
    """Return the seconds that a response asks to wait; 0 if it does not.

    Args:
        status: the status of the response. The time when a rate limit is reset is relevant only
            if there were too many requests, but APIs send it with every response.
        headers: the headers of the response, with case-insensitive names.
    """
    throttled = is_throttled(status, headers)
    names = HEADERS if throttled else HEADERS[:1]
    for name in names:
        if seconds := _seconds(headers.get(name, "")):
            return seconds
    if throttled:
        return max(map(float, _RESET.findall(headers.get("RateLimit", ""))), default=0)
    return 0


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        try:
            return max(0, parsedate_to_datetime(text).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            return 0
    if not math.isfinite(number):
        return 0
    if number >= _IN_MILLISECONDS:
        number /= 1000
    return max(0, number - time.time() if number >= _A_TIME else number)
