"""How to ask for some of the rows only: those that have changed, or those of a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import dlt
from dlt.sources.rest_api.typing import IncrementalConfig

from helpdesk_assets.tables.schema import Table


@dataclass(frozen=True)
class IncrementalSync:
    """How to ask for some of the tickets only, in the words of dlt's own ``incremental``.

    They are those that have changed since the last load or, with a start and an end, those of a
    time; the latter changes nothing of what the next load asks for.

    Attributes:
        cursor_path: the column that says when a ticket last changed, or what the time is of.
        start_param: the query parameter that leaves out what came before.
        lag: how far to go back behind the newest change known; seconds where the field is a time.
        end_param: the query parameter that leaves out what came after.
        start: the beginning of the time, which belongs to it.
        end: its end, which does not.
    """

    cursor_path: str
    start_param: str
    lag: float = 0
    end_param: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_window(self) -> bool:
        """Whether it asks for the tickets of a time."""
        return self.end is not None

    def asked(self, params: Mapping[str, str]) -> IncrementalConfig:
        """Return dlt's own ``incremental`` for an endpoint.

        Args:
            params: what the endpoint is asked with in any case.
        """
        asked: IncrementalConfig = {
            "cursor_path": self.cursor_path,
            "start_param": self.start_param,
            "lag": self.lag,
            "on_cursor_value_missing": "include",
            # At first, all is asked for: as the profile does it, or by leaving the parameter out.
            "convert": partial(_spelled, at_first=params.get(self.start_param)),
        }
        if self.is_window:
            asked["initial_value"] = self.start
            asked["end_value"] = self.end
            if self.end_param:
                asked["end_param"] = self.end_param
        return asked

    def begin_next_before_this(self, table: Table, seconds: float) -> None:
        """Let the next walk ask for what changed while this one lasted, too.

        This one may have read a ticket before it changed, and after it another that changed later.
        The newest change that was seen, less the time that the walk took, was before its beginning.

        Args:
            table: what it is loaded into.
            seconds: how long this walk took.
        """
        state = dlt.current.resource_state(table.name)["incremental"][self.cursor_path]
        if isinstance(state["last_value"], datetime):
            state["last_value"] -= timedelta(seconds=seconds)


def _spelled(value: Any, *, at_first: str | None) -> str | None:
    """Spell a cursor's value for the query, a time in UTC; there is none at first."""
    if value is None:
        return at_first
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return str(value)
