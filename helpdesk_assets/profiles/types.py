"""The types of values in a profile: paths in JSON, paths of URLs, formats of times."""

import re
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

from helpdesk_assets.tables.times import FORMATS

# Names separated by dots; a name that contains a dot is in brackets, as in JSONPath, and so is the
# number of an item in a list.
_NAME, _QUOTED, _ITEM = r"[\w@-]+", r"\['[^']+'\]", r"\[\d+\]"
_STEPS = rf"({_NAME}|{_QUOTED})(\.{_NAME}|\.?{_QUOTED}|{_ITEM})*"
# Each list on the way to the rows, and optionally the list of rows, is followed by [*].
_LISTS = rf"(\$|(\$\.?)?{_STEPS})((\[\*\])?\.{_STEPS})*(\[\*\])?"
FieldPath = Annotated[str, StringConstraints(pattern=rf"^{_STEPS}$")]
BodyPath = Annotated[str, StringConstraints(pattern=rf"^(\$|(\$\.?)?{_STEPS})$")]
Selector = Annotated[str, StringConstraints(pattern=rf"^{_LISTS}$")]


def _format(value: str) -> str:
    if value not in FORMATS and (
        "%" not in value or datetime(2026, 1, 31).strftime(value) == value
    ):
        raise ValueError(f"one of {', '.join(FORMATS)}, or a pattern such as %Y-%m-%d %H:%M:%S")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError("an IANA time zone name, such as Europe/Berlin or UTC") from None
    return value


def _list_path(value: str) -> str:
    # dlt, like any URL join, would take this for another host.
    if ":" in value.partition("?")[0].partition("/")[0] or value.lstrip().startswith(("//", "\\")):
        raise ValueError("a path relative to the base URL, such as /v1/tickets, not a full URL")
    if not value.isprintable() or " " in value or "\\" in value:
        raise ValueError("a path without spaces and backslashes, such as /v1/tickets")
    return value


def _header(value: str) -> str:
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII):
        raise ValueError("the name of a header, such as X-Total-Count")
    return value


class MisplacedError(ValueError):
    """A mistake that is detected in one place of a profile, but located further down.

    Attributes:
        location: the keys from where it is detected to where it is.
    """

    def __init__(self, message: str, *location: str | int) -> None:
        super().__init__(message)
        self.location = location


ListPath = Annotated[str, AfterValidator(_list_path)]
TimeFormat = Annotated[str, AfterValidator(_format)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
HeaderName = Annotated[str, AfterValidator(_header)]
