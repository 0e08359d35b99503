"""Business hours around clock changes: the answers are known."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from helpdesk_assets.models.calendar import open_intervals
from helpdesk_assets.resources.business_hours import business_hours

BERLIN = ZoneInfo("Europe/Berlin")
# On the first of these Sundays, the clock skips the hour after 2:00; on the other, it repeats it.
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(
    ("hours", "day", "minutes", "opens"),
    [
        ("00:00-24:00", SPRING, 23 * 60, "00:00+01:00"),
        ("00:00-24:00", AUTUMN, 25 * 60, "00:00+02:00"),
        ("02:30-06:00", SPRING, 180, "03:00+02:00"),
        ("01:00-02:30", SPRING, 60, "01:00+01:00"),
        ("02:00-03:00", SPRING, 0, "03:00+02:00"),
        ("02:00-03:00", AUTUMN, 120, "02:00+02:00"),
        ("01:00-02:30", AUTUMN, 90, "01:00+02:00"),
        ("02:30-06:00", AUTUMN, 270, "02:30+02:00"),
        ("22:00-06:00", SPRING, 480, "22:00+02:00"),
        ("09:00-12:00,11:00-13:00", SPRING, 240, "09:00+02:00"),
    ],
)
def test_business_hours_follow_the_local_clock(
    hours: str, day: date, minutes: int, opens: str
) -> None:
    ((opened, closed),) = open_intervals(business_hours({"sun": hours}), BERLIN, (), day, day)

    assert (closed - opened) / timedelta(minutes=1) == minutes
    assert opened == datetime.fromisoformat(f"{day}T{opens}")


def test_no_business_hours_begin_on_holidays() -> None:
    night = business_hours({"sat-sun": "22:00-06:00"})
    days = (SPRING - timedelta(days=1), SPRING + timedelta(days=1))
    shifts = list(open_intervals(night, BERLIN, {SPRING}, *days))

    # The shift of Saturday goes on into the holiday, and is an hour shorter.
    assert [(closed - opened) / timedelta(hours=1) for opened, closed in shifts] == [7]
