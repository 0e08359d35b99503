"""The dlt source: one help desk behind a REST API, as its profile describes it.

What a vendor calls things is in ``helpdesk_assets.profiles``; one exchange with the API in
``helpdesk_assets.transport``, a whole list in ``helpdesk_assets.paging``, and what becomes of its
rows in ``helpdesk_assets.tables``.

Each list of the API has a source and a pipeline of its own: it is loaded whole or not at all, and
whether another one is well does not matter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import Endpoint, RESTAPIConfig

from helpdesk_assets.load.incremental import IncrementalSync
from helpdesk_assets.paging.parents import ParentsReader
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles.model import Profile, Resource, parent_column
from helpdesk_assets.tables.arrow import Tables, rejected_hints
from helpdesk_assets.tables.schema import Table

# Which load of its parents a resource has been loaded up to, in what dlt keeps of it.
LOADED_UP_TO = "loaded_up_to"

# Returns the ids of the parents that have been loaded after a load, and the newest load.
ParentsSince = Callable[[str], tuple[list[Any], str]]


@dataclass
class Walk:
    """One run's way through a list of the help desk: how it is made, and what came of it.

    Attributes:
        reader: reads the list, page by page, and shows that it is complete.
        tables: makes tables of what it reads, and counts.
        table: what the rows are loaded into.
        incremental: how to ask for what has changed; None reads the list in full.
        profile: the name of the profile that the desk was read by.
        parent: the resource whose rows the list is asked for by; None where it is one list.
    """

    reader: CompleteReader | ParentsReader
    tables: Tables
    table: Table = field(default_factory=Table)
    incremental: IncrementalSync | None = None
    profile: str = ""
    parent: str | None = None


def help_desk_source(
    *,
    base_url: str,
    auth: AuthConfigBase,
    profile: Profile,
    walk: Walk,
) -> DltSource:
    """Return the source for one run; dlt does not take the same one twice.

    It has one resource, of the name of the table, which yields Arrow tables of some thousand rows.

    Args:
        base_url: scheme, host and whatever comes before the endpoint's path.
        auth: what lets requests in.
        profile: what the vendor calls things.
        walk: how the list is read; takes down what came of it.
    """
    reader, table = walk.reader, walk.table
    if not isinstance(reader, CompleteReader):
        raise TypeError("Lists by parent have a source of their own.")
    resource = profile.resource(table.name)
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "headers": dict(profile.client.headers),
            "auth": auth,
            "session": reader.session.requests_session,
        },
        "resource_defaults": {
            "primary_key": profile.resource_defaults.primary_key,
            "write_disposition": profile.resource_defaults.write_disposition,
        },
        "resources": [
            {
                "name": table.name,
                "columns": table.dlt_columns(),
                "endpoint": _endpoint(resource, reader, walk.incremental),
            }
        ],
    }
    source = rest_api_source(config, name=table.source)
    loaded = source.resources[table.name]
    loaded.add_step(_in_columns(walk, reader))
    _with_rejected(loaded, table)
    return source


def _endpoint(
    resource: Resource, reader: CompleteReader, incremental: IncrementalSync | None
) -> Endpoint:
    params = spelled_params(resource.endpoint.params)
    endpoint: Endpoint = {
        "path": resource.endpoint.path,
        "params": params,
        # Where the reader puts the rows, wherever the API had them.
        "data_selector": "data",
        # Any paging that a profile can name, but complete.
        "paginator": reader.paginator,
        "response_actions": [
            {"status_code": answer.status_code, "action": answer.action}
            for answer in resource.endpoint.response_actions
        ],
    }
    if incremental:
        endpoint["incremental"] = incremental.asked(params)
    return endpoint


def source_by_parent(*, profile: Profile, walk: Walk, parents: ParentsSince) -> DltSource:
    """Return the source for one run of a list that is asked for by the rows of another.

    It asks for the lists of those parents that have been loaded since it was loaded last.

    Args:
        profile: what the vendor calls things.
        walk: how the lists are read; takes down what came of it.
        parents: says which there are; asked when the load has begun.
    """
    reader, table = walk.reader, walk.table
    if not isinstance(reader, ParentsReader) or walk.parent is None:
        raise TypeError("A list of its own is read by help_desk_source.")
    marked = parent_column(walk.parent)

    def rows_by_parent() -> Iterator[Any]:
        state = dlt.current.resource_state()
        ids, newest = parents(state.get(LOADED_UP_TO, ""))
        for rows in reader.rows(ids, marked):
            yield from walk.tables.tables(
                rows, offset_of=reader.offset_of, is_last=reader.walk.has_ended
            )
        state[LOADED_UP_TO] = newest

    loaded = dlt.resource(
        rows_by_parent,
        name=table.name,
        primary_key=profile.resource_defaults.primary_key,
        write_disposition=profile.resource_defaults.write_disposition,
        columns=table.dlt_columns(),
    )
    _with_rejected(loaded, table)
    name = table.source
    return DltSource(Schema(name), name, [loaded])


def _with_rejected(loaded: DltResource, table: Table) -> None:
    """Let a resource have a second table, of the rows that cannot be loaded."""
    # What dlt offers for it without the underscore also gives it the columns of the first.
    loaded._set_hints(rejected_hints(table), create_table_variant=True)


def spelled_params(params: dict[str, str | int | bool]) -> dict[str, Any]:
    """Return a profile's parameters as a query spells them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.items()
    }


def _in_columns(
    walk: Walk, reader: CompleteReader
) -> Callable[[list[dict[str, Any]], Any], Iterator[Any]]:
    """Return a step that makes tables of the rows that the reader hands on."""

    def step(rows: list[dict[str, Any]], meta: Any = None) -> Iterator[Any]:
        yield from walk.tables.tables(
            rows, offset_of=reader.offset_of, is_last=reader.walk.has_ended
        )
        changes = walk.incremental and not walk.incremental.is_window
        if walk.incremental and changes and reader.walk.has_ended:
            walk.incremental.begin_next_before_this(walk.table, reader.seconds)

    return step


def source_outline(table: Table) -> DltSource:
    """Return a table's source by its resource's name alone, for definitions to be made from.

    It needs no address, no key and no session. The normalizers are those dlt has by default;
    were they left out, dlt would read its configuration files for them, at import.
    """
    schema = Schema(
        table.source,
        normalizers={
            "names": "snake_case",
            "json": {"module": "dlt.common.normalizers.json.relational"},
        },
    )
    return DltSource(schema, table.source, [DltResource.from_data([], name=table.name)])
