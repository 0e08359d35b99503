"""How to ask for some of the rows only: those that have changed, or those of a time.

What has changed is asked for from a watermark on: the moment at which the last complete walk began,
by the API's own clock or by this machine's, whichever was earlier. No value of a row moves it, and
every row that the API answers with is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from helpdesk_assets.tables.paths import Path
from helpdesk_assets.tables.times import UTC_TIMES, Times


@dataclass(frozen=True)
class Asked:
    """What a list is asked for, where it is not all of it.

    Attributes:
        params: of the query.
        since: the time from which on rows are asked for.
        is_window: whether they are the rows of a time, which tells nothing of the others.
    """

    params: Mapping[str, str]
    since: datetime
    is_window: bool = False


@dataclass(frozen=True)
class Filter:
    """How an API takes a time from which on, and up to which, rows are asked for.

    Attributes:
        start_param: the query parameter that leaves out what came before.
        end_param: the one that leaves out what came after; None: there is none.
        times: how it spells times.
        cursor: where in a row that time is; None: not known.
        lag: seconds to go back behind a watermark, for changes that show late.
    """

    start_param: str
    end_param: str | None = None
    times: Times = field(default=UTC_TIMES)
    cursor: Path | None = None
    lag: float = 0

    def changes(self, watermark: datetime) -> Asked:
        """Return how to ask for what has changed since the walk that a watermark is of."""
        since = watermark - timedelta(seconds=self.lag)
        return Asked({self.start_param: self.times.spelled(since)}, since)

    def window(self, start: datetime, end: datetime) -> Asked:
        """Return how to ask for the rows of a time.

        Args:
            start: its beginning, which belongs to it.
            end: its end, which does not. Without an ``end_param`` the API sends what came after,
                too.
        """
        params = {self.start_param: self.times.spelled(start)}
        if self.end_param:
            params[self.end_param] = self.times.spelled(end, is_end=True)
        return Asked(params, start, is_window=True)
