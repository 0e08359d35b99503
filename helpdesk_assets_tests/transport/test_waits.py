"""The wait requested by an API, in all headers and formats."""

import time
from email.utils import formatdate

import pytest
from requests.structures import CaseInsensitiveDict

from helpdesk_assets.transport.waits import is_throttled, seconds_asked

NOW = float(int(time.time()))


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"Retry-After": "59.5"}, 59.5),
        ({"Retry-After": formatdate(NOW + 40, usegmt=True)}, 40),
        ({"X-RateLimit-Retry-After": "8"}, 8),
        ({"RateLimit-Reset": "9"}, 9),
        ({"X-RateLimit-Reset": "12"}, 12),
        ({"X-RateLimit-Reset": f"{NOW + 30:.0f}"}, 30),
        ({"X-Rate-Limit-Reset": f"{(NOW + 30) * 1000:.0f}"}, 30),
        ({"X-RateLimit-Reset": formatdate(NOW + 50, usegmt=True)}, 50),
        ({"RateLimit": '"default";r=0;t=33'}, 33),
        ({"Retry-After": "2", "X-RateLimit-Reset": "3000"}, 2),
        ({"Retry-After": "0", "X-RateLimit-Reset": "5"}, 5),
    ],
)
def test_requested_wait_is_parsed(headers: dict[str, str], seconds: float) -> None:
    assert seconds_asked(429, CaseInsensitiveDict(headers)) == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    "value", ["", "0", "-5", "soon", "nan", "inf", "1e999", formatdate(0), "9" * 400]
)
def test_headers_without_a_wait_are_ignored(value: str) -> None:
    assert seconds_asked(429, {"Retry-After": value, "X-RateLimit-Reset": value}) == 0


def test_rate_limit_reset_is_ignored_for_other_errors() -> None:
    headers = CaseInsensitiveDict({"X-RateLimit-Reset": "3000", "RateLimit": '"a";t=9'})

    assert seconds_asked(503, headers) == 0
    assert seconds_asked(503, CaseInsensitiveDict({"Retry-After": "4"})) == 4


@pytest.mark.parametrize(
    ("headers", "throttled", "seconds"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 30:.0f}"}, True, 30),
        ({"Retry-After": "60", "X-RateLimit-Remaining": "4000"}, True, 60),
        ({"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": f"{NOW + 30:.0f}"}, False, 0),
        ({}, False, 0),
    ],
)
def test_rate_limit_with_http_403_is_recognized(
    headers: dict[str, str], throttled: bool, seconds: float
) -> None:
    answered = CaseInsensitiveDict(headers)

    assert is_throttled(403, answered) == throttled
    assert seconds_asked(403, answered) == pytest.approx(seconds, abs=1)
