"""The dlt source: one help desk behind a REST API, described by one dictionary.

Whatever is special about talking to it (retries, paging, what its answers must be) is in
``helpdesk_assets.client``; whatever is special about its tickets is in ``helpdesk_assets.schema``,
``helpdesk_assets.rows`` and ``helpdesk_assets.columns``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import Endpoint, RESTAPIConfig

from helpdesk_assets.client.reader import CompleteReader
from helpdesk_assets.schema import TABLE, dlt_columns
from helpdesk_assets.tickets import Tickets, rejected_hints

SOURCE = "help_desk"
ENDPOINT = "/v1/tickets"


@dataclass(frozen=True)
class IncrementalSync:
    """How to ask for what has changed only, in the words of dlt's own ``incremental``.

    Attributes:
        cursor_path: the field that says when a ticket last changed.
        start_param: the query parameter that leaves out what changed before.
        lag: how far to go back behind the newest change known; seconds where the field is a time.
    """

    cursor_path: str
    start_param: str
    lag: float


@dataclass
class Walk:
    """One run's way through the help desk: how it is made, and what came of it.

    Attributes:
        reader: reads the list, page by page, and shows that it is complete.
        tickets: makes tables of what it reads, and counts.
        incremental: how to ask for what has changed; None reads the list in full.
    """

    reader: CompleteReader
    tickets: Tickets
    incremental: IncrementalSync | None = None


def help_desk_source(*, base_url: str, api_key: str, walk: Walk) -> DltSource:
    """Return the source for one run; dlt does not take the same one twice.

    It has one resource, ``help_desk_tickets``, which yields Arrow tables of some thousand tickets.

    Args:
        base_url: scheme, host and whatever comes before ``/v1/tickets``.
        api_key: sent as the query parameter ``api_key``.
        walk: how the desk is read; takes down what came of it.
    """
    endpoint: Endpoint = {
        "path": ENDPOINT,
        "data_selector": "data",
        # Offset paging with a limit of 100, as dlt's own, but complete.
        "paginator": walk.reader.paginator,
    }
    if walk.incremental:
        endpoint["incremental"] = {
            "cursor_path": walk.incremental.cursor_path,
            "start_param": walk.incremental.start_param,
            "lag": walk.incremental.lag,
            "on_cursor_value_missing": "include",
            "convert": _spelled,
        }
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "auth": {
                "type": "api_key",
                "name": "api_key",
                "api_key": api_key,
                "location": "query",
            },
            "session": walk.reader.session.requests_session,
        },
        "resource_defaults": {
            "primary_key": "id",
            "write_disposition": "merge",
        },
        "resources": [{"name": TABLE, "columns": dlt_columns(), "endpoint": endpoint}],
    }
    source = rest_api_source(config, name=SOURCE)
    tickets = source.resources[TABLE]
    tickets.add_step(_in_columns(walk))
    # What dlt offers for a second table of a resource also gives it the columns of the first.
    tickets._set_hints(rejected_hints(), create_table_variant=True)
    return source


def _in_columns(walk: Walk) -> Callable[[list[dict[str, Any]], Any], Iterator[Any]]:
    """Return a step that makes tables of the rows that the reader hands on."""

    def step(rows: list[dict[str, Any]], meta: Any = None) -> Iterator[Any]:
        yield from walk.tickets.tables(
            rows, offset_of=walk.reader.offset_of, is_last=walk.reader.walk.has_ended
        )
        if walk.incremental and walk.reader.walk.has_ended:
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


def _spelled(value: Any) -> str | None:
    """Spell a cursor's value for the query, a time in UTC; None, as at first, asks for all."""
    if value is None:
        return None
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
