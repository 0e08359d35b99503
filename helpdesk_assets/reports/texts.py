"""Numbers, durations and days as people write them; ``page.js`` writes them in the same way."""

from datetime import date

HOUR, DAY = 60, 24 * 60
# Shown where there is no number. An en dash, as in printed tables; the rule suspects a hyphen.
NOTHING = "–"  # noqa: RUF001


def count_text(number: int | None) -> str:
    """Return a number as people write it, such as 1,234."""
    return NOTHING if number is None else f"{number:,}"


def duration_text(minutes: int | None) -> str:
    """Return minutes as people say them, such as 15 d 17 h."""
    if minutes is None:
        return NOTHING
    if minutes < HOUR:
        return f"{minutes} min"
    big, small, units = (HOUR, 1, "h min") if minutes < DAY else (DAY, HOUR, "d h")
    many, few = minutes // big, minutes % big // small
    first, second = units.split()
    return f"{many} {first} {few} {second}" if few else f"{many} {first}"


def day_text(day: date) -> str:
    """Return a date without its year, such as 5 Nov."""
    return f"{day.day} {day:%b}"
