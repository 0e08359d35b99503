"""How to request a part of the rows: those that have changed, or those of a date range.

Changes are requested from a watermark on: the time when the last complete sync began, by the API's
clock or by this machine's, whichever was earlier. It does not depend on values in rows, and every
row that the API returns is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from helpdesk_assets.tables.paths import Path
from helpdesk_assets.tables.times import UTC_TIMES, Times


@dataclass(frozen=True)
class Asked:
    """A request for a part of a list.

    Attributes:
        params: the query parameters.
        since: the time from which on rows are requested.
        is_window: whether a date range is requested.
    """

    params: Mapping[str, str]
    since: datetime
    is_window: bool = False


@dataclass(frozen=True)
class Filter:
    """How to filter rows by time.

    Attributes:
        start_param: the query parameter for the start.
        end_param: the query parameter for the end; None: there is none.
        times: the format of times.
        cursor: the path of the time in a row; None: unknown.
        lag: seconds to subtract from a watermark, for changes that become visible late.
    """

    start_param: str
    end_param: str | None = None
    times: Times = field(default=UTC_TIMES)
    cursor: Path | None = None
    lag: float = 0

    def changes(self, watermark: datetime) -> Asked:
        """Return how to request rows changed since a watermark."""
        since = watermark - timedelta(seconds=self.lag)
        return Asked({self.start_param: self.times.spelled(since)}, since)

    def window(self, start: datetime, end: datetime) -> Asked:
        """Return how to request the rows of a date range.

        Args:
            start: the start, inclusive.
            end: the end, exclusive. Without ``end_param``, the API also returns later rows.
        """
        params = {self.start_param: self.times.spelled(start)}
        if self.end_param:
            params[self.end_param] = self.times.spelled(end, is_end=True)
        return Asked(params, start, is_window=True)
