"""How long an API asks to wait, in whichever header and spelling."""

import time
from email.utils import formatdate

import pytest
from requests.structures import CaseInsensitiveDict

from helpdesk_assets.transport.waits import is_throttled, seconds_asked

NOW = float(int(time.time()))


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_what_an_api_asks_for_is_understood(headers: dict[str, str], seconds: float) -> None:
    assert seconds_asked(429, CaseInsensitiveDict(headers)) == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    "said", ["", "0", "-5", "soon", "nan", "inf", "1e999", formatdate(0), "9" * 400]
)
def test_what_says_nothing_is_left_to_the_backoff(said: str) -> None:
    assert seconds_asked(429, {"Retry-After": said, "X-RateLimit-Reset": said}) == 0


def test_when_a_limit_begins_anew_is_no_answer_to_another_failure() -> None:
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
def test_a_rate_limit_can_be_answered_with_403(
    headers: dict[str, str], throttled: bool, seconds: float
) -> None:
    answered = CaseInsensitiveDict(headers)

    assert is_throttled(403, answered) == throttled
    assert seconds_asked(403, answered) == pytest.approx(seconds, abs=1)
