"""The formats of times in an API: parsing values, and formatting query parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.time import parse_iso_like_datetime

ISO = "iso"
# Units of numbers that count from 1970-01-01T00:00:00Z, by the name of their format.
EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
FORMATS = (ISO, *EPOCHS)

INSTANTS = pa.timestamp("us", tz="UTC")
# The range of years that Python supports in any time zone; DuckDB could store times beyond it, but
# Python could not read them.
EARLIEST = datetime(1, 1, 2, tzinfo=timezone.utc)
LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)
FIRST, LAST = pa.scalar(EARLIEST, INSTANTS), pa.scalar(LATEST, INSTANTS)
BEYOND = "a time beyond the years 1 to 9999"
NUMBERS = {int, float}
# The end of a time that has a time zone.
ZONED = r"(?i)(z|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
DATE_ALONE = r"^\d{4}-\d{2}-\d{2}$"


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

    def column(self, values: Sequence[Any]) -> pa.Array:
        """Return a column of instants for text and numbers sent by the API.

        Raises:
            ValueError, OverflowError: a value is not supported here; ``instant`` supports more.
        """
        kinds = set(map(type, values)) - {type(None)}
        if kinds <= {str}:
            return within(self._texts(pa.array(values, pa.string())))
        if kinds <= {int}:
            unit = "ms" if self.format == "epoch_milliseconds" else "s"
            counted = pc.cast(pa.array(values, pa.int64()), pa.timestamp(unit, tz="UTC"))
            return within(pc.cast(counted, INSTANTS))
        raise ValueError

    def _texts(self, texts: pa.Array) -> pa.Array:
        if "%" in self.format:
            read = (None if text is None else self.instant(text) for text in texts.to_pylist())
            return pa.array(read, INSTANTS)
        try:
            return pc.cast(texts, INSTANTS)
        except pa.ArrowInvalid:
            if self.time_zone is None:
                raise
        has_zone = pc.match_substring_regex(texts, ZONED)
        has_zone = pc.and_(has_zone, pc.invert(pc.match_substring_regex(texts, DATE_ALONE)))
        none = pa.scalar(None, pa.string())
        local = pc.cast(pc.if_else(has_zone, none, texts), pa.timestamp("us"))
        placed = pc.assume_timezone(
            local, self.time_zone, ambiguous="earliest", nonexistent="earliest"
        )
        zoned = pc.cast(pc.if_else(has_zone, texts, none), INSTANTS)
        return pc.coalesce(zoned, pc.cast(placed, INSTANTS))

    def _placed(self, parsed: datetime) -> datetime:
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=self._zone)
        return parsed.astimezone(timezone.utc)


def within(instants: pa.Array) -> pa.Array:
    """Return the instants unchanged. Raises OverflowError if one is out of Python's range."""
    bounds = pc.min_max(instants)
    first, last = bounds["min"], bounds["max"]
    if first.is_valid and (pc.less(first, FIRST).as_py() or pc.greater(last, LAST).as_py()):
        raise OverflowError(BEYOND)
    return instants


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
