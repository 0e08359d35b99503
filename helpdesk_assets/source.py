"""The dlt source: one help desk behind a REST API, as its profile describes it.

Whatever is special about talking to it (retries, paging, what its answers must be) is in
``helpdesk_assets.client``; whatever is special about its tickets is in ``helpdesk_assets.schema``,
``helpdesk_assets.rows`` and ``helpdesk_assets.columns``; what a vendor calls things, in
``helpdesk_assets.profiles``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import Endpoint, IncrementalConfig, RESTAPIConfig

from helpdesk_assets.client.reader import CompleteReader
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.schema import TABLE, dlt_columns
from helpdesk_assets.tickets import Tickets, rejected_hints

SOURCE = "help_desk"


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


@dataclass
class Walk:
    """One run's way through the help desk: how it is made, and what came of it.

    Attributes:
        reader: reads the list, page by page, and shows that it is complete.
        tickets: makes tables of what it reads, and counts.
        incremental: how to ask for what has changed; None reads the list in full.
        profile: the name of the profile that the desk was read by.
    """

    reader: CompleteReader
    tickets: Tickets
    incremental: IncrementalSync | None = None
    profile: str = ""


def help_desk_source(
    *, base_url: str, auth: AuthConfigBase, profile: Profile, walk: Walk
) -> DltSource:
    """Return the source for one run; dlt does not take the same one twice.

    It has one resource, ``help_desk_tickets``, which yields Arrow tables of some thousand tickets.

    Args:
        base_url: scheme, host and whatever comes before the endpoint's path.
        auth: what lets requests in.
        profile: what the vendor calls things.
        walk: how the desk is read; takes down what came of it.
    """
    resource = profile.tickets
    params = spelled_params(resource.endpoint.params)
    endpoint: Endpoint = {
        "path": resource.endpoint.path,
        "params": params,
        # Where the reader puts the rows, wherever the API had them.
        "data_selector": "data",
        # Any paging that a profile can name, but complete.
        "paginator": walk.reader.paginator,
        "response_actions": [
            {"status_code": answer.status_code, "action": answer.action}
            for answer in resource.endpoint.response_actions
        ],
    }
    if walk.incremental:
        start_param = walk.incremental.start_param
        incremental: IncrementalConfig = {
            "cursor_path": walk.incremental.cursor_path,
            "start_param": start_param,
            "lag": walk.incremental.lag,
            "on_cursor_value_missing": "include",
            # At first, all is asked for: as the profile does it, or by leaving the parameter out.
            "convert": partial(_spelled, at_first=params.get(start_param)),
        }
        if walk.incremental.is_window:
            incremental["initial_value"] = walk.incremental.start
            incremental["end_value"] = walk.incremental.end
            if walk.incremental.end_param:
                incremental["end_param"] = walk.incremental.end_param
        endpoint["incremental"] = incremental
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "headers": dict(profile.client.headers),
            "auth": auth,
            "session": walk.reader.session.requests_session,
        },
        "resource_defaults": {
            "primary_key": profile.resource_defaults.primary_key,
            "write_disposition": profile.resource_defaults.write_disposition,
        },
        "resources": [
            {"name": TABLE, "columns": dlt_columns(resource.columns()), "endpoint": endpoint}
        ],
    }
    source = rest_api_source(config, name=SOURCE)
    tickets = source.resources[TABLE]
    tickets.add_step(_in_columns(walk))
    # What dlt offers for a second table of a resource also gives it the columns of the first.
    tickets._set_hints(rejected_hints(), create_table_variant=True)
    return source


def spelled_params(params: dict[str, str | int | bool]) -> dict[str, Any]:
    """Return a profile's parameters as a query spells them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
    }


def _in_columns(walk: Walk) -> Callable[[list[dict[str, Any]], Any], Iterator[Any]]:
    """Return a step that makes tables of the rows that the reader hands on."""

    def step(rows: list[dict[str, Any]], meta: Any = None) -> Iterator[Any]:
        yield from walk.tickets.tables(
            rows, offset_of=walk.reader.offset_of, is_last=walk.reader.walk.has_ended
        )
        changes = walk.incremental and not walk.incremental.is_window
        if walk.incremental and changes and walk.reader.walk.has_ended:
            _begin_next_before_this(walk.incremental.cursor_path, walk.reader.seconds)

    return step


def _begin_next_before_this(cursor_path: str, seconds: float) -> None:
    """Let the next walk ask for what changed while this one lasted, too.

    This one may have read a ticket before it changed, and after it another that changed later. The
    newest change that was seen, less the time that the walk took, was before its beginning.
    """
    state = dlt.current.resource_state(TABLE)["incremental"][cursor_path]
    if isinstance(state["last_value"], datetime):
        state["last_value"] -= timedelta(seconds=seconds)


def _spelled(value: Any, *, at_first: str | None) -> str | None:
    """Spell a cursor's value for the query, a time in UTC; there is none at first."""
    if value is None:
        return at_first
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return str(value)


def source_outline() -> DltSource:
    """Return the source's resources by name alone, for definitions to be made from.

    It needs no address, no key and no session. The normalizers are those dlt has by default;
    were they left out, dlt would read its configuration files for them, at import.
    """
    schema = Schema(
        SOURCE,
        normalizers={
            "names": "snake_case",
            "json": {"module": "dlt.common.normalizers.json.relational"},
        },
    )
    return DltSource(schema, SOURCE, [DltResource.from_data([], name=TABLE)])
