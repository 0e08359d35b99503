"""How to request a part of the rows: those that have changed, or those of a date range.

Changes are requested from a watermark on: the time when the last complete sync began, by the API's
clock or by this machine's, whichever was earlier. It does not depend on values in rows, and every
row that the API returns is loaded. An export is continued at its last cursor instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.profiles.endpoint import Endpoint
from helpdesk_assets.profiles.filters import END, START
from helpdesk_assets.tables.paths import Path
from helpdesk_assets.tables.times import EPOCHS, UTC_TIMES, Times

# How far the end lies ahead where a request has one, and all changes are asked for.
AHEAD = timedelta(days=1)
# The start of a request that has one, if rows from any time are asked for.
OLDEST = datetime(1900, 1, 1, tzinfo=timezone.utc)
OLDEST_NUMBER = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Asked:
    """A request for a part of a list.

    Attributes:
        since: the time from which on rows are requested.
        values: the values of the placeholders in parameters and in the JSON body.
        params: the query parameters, which may contain placeholders.
        json: the values of the JSON body, which may contain placeholders.
        is_window: whether a date range is requested.
        cursor: the cursor of an export to continue at; None: there is none.
    """

    since: datetime
    values: Mapping[str, str | int] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    is_window: bool = False
    cursor: str | None = None


@dataclass(frozen=True)
class Filter:
    """How to filter rows by time.

    Attributes:
        start_param: the query parameter for the start; None: there are placeholders.
        end_param: the query parameter for the end; None: there is none.
        times: the format of times.
        cursor: the path of the time in a row; None: unknown.
        lag: seconds to subtract from a watermark, for changes that become visible late.
        params, json: see the filters of a profile.
        initial: the value of the placeholder for the start when all rows are requested.
    """

    start_param: str | None = None
    end_param: str | None = None
    times: Times = field(default=UTC_TIMES)
    cursor: Path | None = None
    lag: float = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    initial: str | int = ""

    def changes(self, watermark: datetime, cursor: str | None = None) -> Asked:
        """Return how to request rows changed since a watermark.

        Args:
            watermark: when the last complete sync began.
            cursor: its last cursor, for an export that is continued there.
        """
        since = watermark - timedelta(seconds=self.lag)
        if cursor is not None:
            return Asked(since, cursor=cursor)
        return self._asked(since, None)

    def window(self, start: datetime | None, end: datetime | None) -> Asked:
        """Return how to request the rows of a date range.

        Args:
            start: the start, inclusive; None: from any time on.
            end: the end, exclusive; None: there is none. Without ``end_param``, the API also
                returns later rows.
        """
        return replace(self._asked(start, end), is_window=True)

    def later(self, endpoint: Endpoint, start: datetime) -> Variation:
        """Return the parameters of a request for the rows from a time on."""
        return filled(endpoint, self, self._asked(start, None))

    @property
    def for_all(self) -> Mapping[str, str | int]:
        """The values of the placeholders when all rows are requested."""
        return {START: self.initial, END: self._value(self._end(None))}

    def _value(self, spelled: str) -> str | int:
        """Return the value of a placeholder: times that are numbers are numbers in JSON, too."""
        return int(spelled) if self.times.format in EPOCHS else spelled

    def _asked(self, start: datetime | None, end: datetime | None) -> Asked:
        oldest = OLDEST_NUMBER if self.times.format in EPOCHS else OLDEST
        spelled = self.times.spelled(start or oldest)
        params: dict[str, Any] = {}
        if self.start_param and start:
            params[self.start_param] = spelled
        until = self._end(end)
        if self.end_param and end:
            params[self.end_param] = until
        return Asked(
            start or oldest,
            {START: self._value(spelled), END: self._value(until)},
            {**self.params, **params},
            self.json,
        )

    def _end(self, end: datetime | None) -> str:
        return self.times.spelled(end or datetime.now(timezone.utc) + AHEAD, is_end=True)


def filled(
    endpoint: Endpoint, changes: Filter | None = None, asked: Asked | None = None
) -> Variation:
    """Return the query parameters and the JSON body of a list, with placeholders filled in.

    Args:
        endpoint: the list.
        changes: how its changed rows are requested; None without incremental loading.
        asked: the part of it that is requested; None: all rows.
    """
    values = {**(changes.for_all if changes else {}), **(asked.values if asked else {})}
    params = endpoint.params | dict(asked.params if asked else {})
    body = endpoint.json_body | dict(asked.json if asked else {})
    return Variation(
        {name: _texts(_with(value, values)) for name, value in params.items()},
        {name: _with(value, values) for name, value in body.items()},
    )


def _with(value: Any, values: Mapping[str, str | int]) -> Any:
    """Return a JSON value with the placeholders in its strings replaced.

    A string that is only a placeholder becomes its value, as in dlt.
    """
    if isinstance(value, str):
        if value in values:
            return values[value]
        for placeholder, of_placeholder in values.items():
            value = value.replace(placeholder, str(of_placeholder))
        return value
    if isinstance(value, Mapping):
        return {name: _with(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with(inner, values) for inner in value]
    return value


def _texts(value: Any) -> Any:
    """Return the text of a query parameter, or the texts of one that is repeated."""
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
