"""The formats of times in an API: parsing values, and formatting query parameters."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from dlt.common.time import parse_iso_like_datetime

ISO = "iso"
# Units of numbers that count from 1970-01-01T00:00:00Z, by the name of their format.
EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
FORMATS = (ISO, *EPOCHS)

# The range of years that Python supports in any time zone; DuckDB could store times beyond it, but
# Python could not read them.
EARLIEST = datetime(1, 1, 2, tzinfo=timezone.utc)
LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)
BEYOND = "a time beyond the years 1 to 9999"
NUMBERS = {int, float}


@dataclass(frozen=True)
class Times:
    """The format of times in an API.

    Attributes:
        format: ``iso`` (ISO 8601), ``epoch_seconds`` or ``epoch_milliseconds`` (since 1970), or a
            strftime pattern. Numbers are seconds unless the format is milliseconds; text in ISO
            8601 is always accepted.
        time_zone: the time zone of times without one, in responses and in requests; None: UTC.
    """

    format: str = ISO
    time_zone: str | None = None
    _zone: tzinfo = field(init=False, repr=False, compare=False, default=timezone.utc)

    def __post_init__(self) -> None:
        """Look up the time zone once."""
        if self.time_zone:
            object.__setattr__(self, "_zone", ZoneInfo(self.time_zone))

    def spelled(self, instant: datetime, *, is_end: bool = False) -> str:
        """Return an instant in the API's format, rounded down, or rounded up if it is an end.

        An ambiguous local time, when clocks are set back, is moved out of that hour.
        """
        number = instant.timestamp() * EPOCHS.get(self.format, 1)
        if is_end and number % 1:
            instant += timedelta(seconds=1)
            number += 1
        if self.format in EPOCHS:
            return str(int(number // 1))
        local = instant.astimezone(self._zone)
        while _comes_twice(local):
            shift = timedelta(hours=1) if is_end else timedelta(hours=-1)
            local = (local.astimezone(timezone.utc) + shift).astimezone(self._zone)
        if self.format == ISO:
            spelled = local.replace(tzinfo=None).isoformat(timespec="seconds")
            return spelled if self.time_zone else f"{spelled}Z"
        return local.strftime(self.format)

    def instant(self, value: Any) -> datetime:
        """Return the instant of a value sent by the API.

        Raises:
            ValueError, OverflowError, TypeError: the value is not a valid time.
        """
        instant = self._read(value)
        if not EARLIEST <= instant <= LATEST:
            raise OverflowError(BEYOND)
        return instant

    def _read(self, value: Any) -> datetime:
        if type(value) in NUMBERS:
            return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
                seconds=value / EPOCHS.get(self.format, 1)
            )
        if "%" in self.format:
            try:
                return self._placed(datetime.strptime(value, self.format))
            except ValueError:
                pass
        parsed = parse_iso_like_datetime(value)
        if isinstance(parsed, datetime):
            # dlt returns pendulum's class, which loses its time zone when a duration is subtracted.
            plain = datetime.combine(parsed.date(), parsed.time(), parsed.tzinfo)
            return self._placed(plain)
        if isinstance(parsed, date):
            return self._placed(datetime(parsed.year, parsed.month, parsed.day))
        raise ValueError("a time without a date")

    def _placed(self, parsed: datetime) -> datetime:
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=self._zone)
        return parsed.astimezone(timezone.utc)


def has_no_zone(text: Any) -> bool:
    """Return whether a value is a date and time without a time zone."""
    try:
        parsed = parse_iso_like_datetime(text)
    except (TypeError, ValueError):
        return False
    return isinstance(parsed, datetime) and parsed.tzinfo is None


def _comes_twice(local: datetime) -> bool:
    """Return whether a local time is ambiguous, because clocks are set back."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


UTC_TIMES = Times()
