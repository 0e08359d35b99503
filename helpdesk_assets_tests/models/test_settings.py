"""Business hours, holidays and SLA targets: valid settings, and messages for invalid ones."""

import json
from datetime import date
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.profiles import load_profile
from helpdesk_assets.resources import HelpDeskReports
from helpdesk_assets.resources.business_hours import business_hours
from helpdesk_assets.resources.sla import sla_targets

NINE, NOON, ONE, FIVE = 540, 720, 780, 1020


@pytest.mark.parametrize(
    ("given", "day", "intervals"),
    [
        ({"mon-fri": "09:00-17:00"}, 0, ((NINE, FIVE),)),
        ({"mon-fri": "09:00-17:00"}, 5, ()),
        ({"Monday - Friday": "9:00 - 17:00"}, 4, ((NINE, FIVE),)),
        ({"mon,wed": "09:00-12:00,13:00-17:00"}, 2, ((NINE, NOON), (ONE, FIVE))),
        ({"sat-mon": "09:00-12:00"}, 6, ((NINE, NOON),)),
        ({"sat-mon": "09:00-12:00"}, 0, ((NINE, NOON),)),
        ({"sat-mon": "09:00-12:00"}, 1, ()),
        ({"fri": "22:00-06:00"}, 4, ((1320, 1800),)),
        ({"mon-sun": "00:00-24:00"}, 6, ((0, 1440),)),
        ({"mon-fri": "09:00-17:00", "fri": "09:00-12:00"}, 4, ((NINE, NOON),)),
        ({"mon-fri": "09:00-17:00", "fri": "closed"}, 4, ()),
        ('{"mon": ["09:00-12:00", "13:00-17:00"]}', 0, ((NINE, NOON), (ONE, FIVE))),
    ],
)
def test_business_hours(given: Any, day: int, intervals: tuple[tuple[int, int], ...]) -> None:
    assert business_hours(given)[day] == intervals


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("9 to 5", "The business hours '9 to 5' are not JSON"),
        ("[]", "not a list of days"),
        ({"mond": "9-17"}, "Invalid business hours '9-17'"),
        ({"xyz": "09:00-17:00"}, "Unknown day 'xyz'"),
        ({"mon": "09:00-09:00"}, "Invalid business hours '09:00-09:00'"),
        ({"mon": "09:60-10:00"}, "Invalid business hours '09:60-10:00'"),
        ({"mon": "09:00-25:00"}, "Invalid business hours '09:00-25:00'"),
        ({"mon": 9}, "Invalid business hours '9'"),
        ({}, "The business hours are empty"),
        ({"mon": "closed"}, "The business hours are empty"),
    ],
)
def test_invalid_business_hours_fail_with_an_example(given: Any, said: str) -> None:
    with pytest.raises(dg.Failure) as failed:
        business_hours(given)
    assert said in str(failed.value.description)
    assert 'BUSINESS_HOURS to days and times such as {"mon-fri"' in str(failed.value.description)


def test_sla_targets() -> None:
    given = {
        "first_reply": {"Urgent": "1h 30m", "*": "8h"},
        "resolution": "2d",
        "hours": "calendar",
    }

    for written in (given, json.dumps(given)):
        targets = sla_targets(written)
        assert targets.minutes == {
            ("first_reply", "urgent"): 90,
            ("first_reply", "*"): 480,
            ("resolution", "*"): 2880,
        }
        assert not targets.is_business


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("soon", "The SLA targets 'soon' are not JSON"),
        ("[]", "not a list of targets"),
        ({"reply": "1h"}, "Unknown SLA target 'reply'"),
        ({"first_reply": {"*": "soon"}}, "Invalid SLA duration 'soon'"),
        ({"first_reply": {"*": "0h"}}, "Invalid SLA duration '0h'"),
        ({"first_reply": {"*": ""}}, "Invalid SLA duration ''"),
        ({"hours": "office"}, '\'office\', not "business" or "calendar"'),
        ({"resolution": {"*": "2d"}}, 'write it in hours, such as "16h"'),
    ],
)
def test_invalid_sla_targets_fail_with_an_error_message(given: Any, said: str) -> None:
    with pytest.raises(dg.Failure) as failed:
        sla_targets(given)
    assert said in str(failed.value.description)


def test_settings_are_read_from_the_environment_and_from_resources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPORTS__HELP_DESK__BUSINESS_HOURS", '{"sat": "10:00-14:00"}')
    monkeypatch.setenv("REPORTS__HELP_DESK__HOLIDAYS", "2026-12-25, 2027-01-01")
    monkeypatch.setenv("REPORTS__HELP_DESK__SLA_TARGETS", '{"resolution": {"*": "40h"}}')
    monkeypatch.setenv("REPORTS__HELP_DESK__PENDING_STATUSES", "Waiting, on hold")
    parameters = HelpDeskReports().parameters(load_profile())

    assert parameters["business_hours"][5] == ((600, 840),)
    assert parameters["holidays"] == {date(2026, 12, 25), date(2027, 1, 1)}
    assert parameters["sla_targets"].minutes == {("resolution", "*"): 2400}
    assert parameters["pending_statuses"] == ["on hold", "waiting"]
    own = HelpDeskReports(
        business_hours={"sun": "10:00-14:00"},
        holidays=["2026-05-01"],
        sla_targets={"first_reply": {"*": "1h"}},
    )
    assert own.resolved_business_hours()[6] == ((600, 840),)
    assert own.resolved_holidays() == {date(2026, 5, 1)}
    assert own.resolved_sla_targets().minutes == {("first_reply", "*"): 60}


def test_invalid_holiday_fails_with_an_error_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTS__HELP_DESK__HOLIDAYS", "25.12.2026")
    with pytest.raises(dg.Failure) as failed:
        HelpDeskReports().resolved_holidays()
    assert "The holiday '25.12.2026' is not a date" in str(failed.value.description)
