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

from helpdesk_assets.load.incremental import Asked
from helpdesk_assets.paging.parents import ParentsReader
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles.model import Profile, Resource, parent_column
from helpdesk_assets.tables.arrow import Tables, rejected_hints
from helpdesk_assets.tables.schema import Table

# Returns the ids of the parents whose lists are wanted, and the newest load of their table.
Parents = Callable[[], tuple[list[Any], str]]


@dataclass
class Walk:
    """One run's way through a list of the help desk: how it is made, and what came of it.

    Attributes:
        reader: reads the list, page by page, and shows that it is complete.
        tables: makes tables of what it reads, and counts.
        table: what the rows are loaded into.
        asked: which rows are asked for; None reads the list in full.
        profile: the name of the profile that the desk was read by.
        parent: the resource whose rows the list is asked for by; None where it is one list.
        parents_load: the newest load of the parents that were asked for.
    """

    reader: CompleteReader | ParentsReader
    tables: Tables
    table: Table = field(default_factory=Table)
    asked: Asked | None = None
    profile: str = ""
    parent: str | None = None
    parents_load: str = ""

    @property
    def up_to(self) -> str | None:
        """What the table is loaded up to by it, as a watermark; None where it does not tell."""
        if self.parent:
            return self.parents_load
        began = self.reader.session.began
        if began is None or (self.asked and self.asked.is_window):
            return None
        return began.isoformat()


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
            "primary_key": list(walk.table.key),
            "write_disposition": profile.resource_defaults.write_disposition,
        },
        "resources": [
            {
                "name": table.name,
                "columns": table.dlt_columns(),
                "endpoint": _endpoint(resource, reader, walk.asked),
            }
        ],
    }
    source = rest_api_source(config, name=table.source)
    loaded = source.resources[table.name]
    loaded.add_step(_in_columns(walk, reader))
    _with_rejected(loaded, table)
    return source


def _endpoint(resource: Resource, reader: CompleteReader, asked: Asked | None) -> Endpoint:
    return {
        "path": resource.endpoint.path,
        "params": params_of(resource, asked),
        # Where the reader puts the rows, wherever the API had them.
        "data_selector": "data",
        # Any paging that a profile can name, but complete.
        "paginator": reader.paginator,
        "response_actions": [
            {"status_code": answer.status_code, "action": answer.action}
            for answer in resource.endpoint.response_actions
        ],
    }


def source_by_parent(*, profile: Profile, walk: Walk, parents: Parents) -> DltSource:
    """Return the source for one run of a list that is asked for by the rows of another.

    Args:
        profile: what the vendor calls things.
        walk: how the lists are read; takes down what came of it.
        parents: says whose lists are wanted; asked when the load has begun.
    """
    reader, table = walk.reader, walk.table
    if not isinstance(reader, ParentsReader) or walk.parent is None:
        raise TypeError("A list of its own is read by help_desk_source.")
    marked = parent_column(walk.parent)

    def rows_by_parent() -> Iterator[Any]:
        ids, newest = parents()
        for rows in reader.rows(ids, marked):
            yield from walk.tables.tables(
                rows, offset_of=reader.offset_of, is_last=reader.walk.has_ended
            )
        walk.parents_load = newest

    loaded = dlt.resource(
        rows_by_parent,
        name=table.name,
        primary_key=list(table.key),
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


def params_of(resource: Resource, asked: Asked | None = None) -> dict[str, Any]:
    """Return a list's parameters as a query spells them, with those of what is asked for."""
    spelled = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in resource.endpoint.params.items()
    }
    return spelled | dict(asked.params if asked else {})


def _in_columns(
    walk: Walk, reader: CompleteReader
) -> Callable[[list[dict[str, Any]], Any], Iterator[Any]]:
    """Return a step that makes tables of the rows that the reader hands on."""

    def step(rows: list[dict[str, Any]], meta: Any = None) -> Iterator[Any]:
        yield from walk.tables.tables(
            rows, offset_of=reader.offset_of, is_last=reader.walk.has_ended
        )

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
