"""The dlt source: one help desk behind a REST API, as described in its profile.

The field mapping for a vendor is in ``helpdesk_assets.profiles``, one exchange with the API in
``helpdesk_assets.transport``, reading a complete list in ``helpdesk_assets.paging``, and the
conversion of its rows in ``helpdesk_assets.tables``.

Each list of the API has its own source and pipeline: it is loaded completely or not at all,
independently of other lists.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.extract import DltResource, DltSource
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import Endpoint, RESTAPIConfig

from helpdesk_assets.load.incremental import Asked, filled
from helpdesk_assets.paging.chained import ChainWalk
from helpdesk_assets.paging.parents import ParentsReader
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.paging.requests import Variation
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.resource import Resource, parent_column
from helpdesk_assets.tables.arrow import Tables, rejected_hints
from helpdesk_assets.tables.inner import InnerRows
from helpdesk_assets.tables.only import OnlyRows
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.tables.schema import Table

# After so many rejected rows, a portion that is not the last one fails if their share is too high.
ENOUGH_REJECTED = 100


@dataclass
class Walk:
    """One complete read of a list in a run, and its results.

    Attributes:
        reader: reads the list page by page, and verifies that it is complete.
        tables: converts rows to Arrow tables, and counts them.
        table: the table that the rows are loaded into.
        asked: which rows are requested; None: all.
        profile: the name of the profile.
        parent: the parent resource if the list is requested for each of its rows, otherwise None.
        parents_load: the load of the parents up to which their lists were read.
        inner: takes the rows out of the lists that are read, if they are those of inner lists.
        only: skips rows that are not stored.
        skipped_before: the number of rows that an interrupted load has skipped.
        rejected_unknown: the number of rows that an interrupted load has rejected, if it is not
            known which rows these are.
    """

    reader: CompleteReader | ParentsReader
    tables: Tables
    table: Table = field(default_factory=Table)
    asked: Asked | None = None
    profile: str = ""
    parent: str | None = None
    parents_load: str = ""
    inner: InnerRows | None = None
    only: OnlyRows | None = None
    skipped_before: int = 0
    rejected_unknown: int = 0

    def tables_of(self, rows: list[Row], *, is_last: bool) -> Iterator[Any]:
        """Yield the data for dlt to write, for rows from the reader; see Tables."""
        rows, offset_of = self._stored(rows, self.reader.offset_of)
        yield from self.tables.tables(rows, offset_of=offset_of, is_last=is_last)

    def stored(self, rows: list[Row]) -> list[Row]:
        """Return the rows that are stored, for rows from the reader."""
        return self._stored(rows, lambda row: 0)[0]

    def _stored(
        self, rows: list[Row], offset_of: Callable[[int], int]
    ) -> tuple[list[Row], Callable[[int], int]]:
        if self.inner:
            rows, offset_of = self.inner.of(rows, offset_of)
        if self.only:
            rows, offset_of = self.only.of(rows, offset_of)
        return rows, offset_of

    @property
    def rows_walked(self) -> int:
        """The number of distinct rows read, without those that are not stored."""
        return (self.inner.rows if self.inner else self.reader.walk.rows_walked) - self.skipped

    @property
    def skipped(self) -> int:
        """The number of distinct rows read that are not stored."""
        return self.skipped_before + (len(self.only.skipped) if self.only else 0)

    @property
    def up_to(self) -> str | None:
        """The new watermark of the table; None if there is none, as for a date range."""
        if self.parent:
            return self.parents_load
        began = self.reader.session.began
        if began is None or (self.asked and self.asked.is_window):
            return None
        return began.isoformat()

    @property
    def cursor(self) -> str | None:
        """The last cursor of an export that the next sync continues; otherwise None."""
        read = self.reader.walk
        return read.last_cursor if isinstance(read, ChainWalk) and read.grows_at_end else None


def help_desk_source(
    *,
    base_url: str,
    auth: AuthConfigBase,
    headers: Mapping[str, str],
    profile: Profile,
    walk: Walk,
    variation: Variation | None = None,
) -> DltSource:
    """Return the source for one load; dlt does not accept the same source twice.

    It has one resource, named like the table, which yields Arrow tables of several thousand rows.

    Args:
        base_url: scheme, host, and anything before the endpoint's path.
        auth: authenticates requests.
        headers: the headers of every request, with their secrets.
        profile: the profile of the vendor.
        walk: how the list is read; records the results.
        variation: the parameters of its requests. Default: those of the profile.
    """
    reader, table = walk.reader, walk.table
    if not isinstance(reader, CompleteReader):
        raise TypeError("Use source_by_parent for lists by parent.")
    resource = profile.resource(table.name)
    walk.tables.begin_load(is_settled=False)
    variation = variation or filled(resource.endpoint)
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "headers": dict(headers),
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
                "endpoint": _endpoint(resource, reader, variation),
            }
        ],
    }
    source = rest_api_source(config, name=table.source)
    loaded = source.resources[table.name]
    loaded.add_step(_to_tables(walk))
    _with_rejected(loaded, table)
    return source


def _endpoint(resource: Resource, reader: CompleteReader, variation: Variation) -> Endpoint:
    body: Endpoint = {}
    if resource.endpoint.method == "POST":
        body = {"json": _escaped(dict(variation.json))}
    return {
        "path": resource.endpoint.path,
        "method": resource.endpoint.method,
        "params": _escaped(dict(variation.params)),
        **body,
        # The path where the reader puts the rows, whatever the profile's selector is.
        "data_selector": "data",
        # Implements all paginators of profiles, with proof of completeness.
        "paginator": reader.paginator,
        "response_actions": [
            {"status_code": answer.status_code, "action": answer.action}
            for answer in resource.endpoint.response_actions
        ],
    }


def _escaped(value: Any) -> Any:
    """Double the braces in all strings, which dlt would take for its placeholders."""
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, Mapping):
        return {_escaped(name): _escaped(inner) for name, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list) else value


def source_by_parent(*, profile: Profile, walk: Walk) -> DltSource:
    """Return the source for one portion of a list that is requested for each row of a parent.

    Args:
        profile: the profile of the vendor.
        walk: how the lists of the reader's portion are read; records the results.
    """
    reader, table = walk.reader, walk.table
    if not isinstance(reader, ParentsReader) or walk.parent is None:
        raise TypeError("Use help_desk_source for lists without a parent.")
    marked = parent_column(walk.parent)

    def rows_by_parent() -> Iterator[Any]:
        walk.tables.begin_load(is_settled=True)
        if walk.inner:
            walk.inner.begin_load()
        for rows in reader.rows(marked):
            is_enough = reader.portion.is_last or walk.tables.rejected >= ENOUGH_REJECTED
            yield from walk.tables_of(rows, is_last=reader.walk.has_ended and is_enough)

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
    """Add a second table for rejected rows to a resource."""
    # dlt's public method would also add the columns of the first table.
    loaded._set_hints(rejected_hints(table), create_table_variant=True)


def _to_tables(walk: Walk) -> Callable[[list[Row], Any], Iterator[Any]]:
    """Return a step that converts the reader's rows to Arrow tables."""

    def step(rows: list[Row], meta: Any = None) -> Iterator[Any]:
        reader = walk.reader
        is_enough = isinstance(reader, CompleteReader) and reader.is_paused
        is_enough = is_enough and walk.tables.rejected >= ENOUGH_REJECTED
        yield from walk.tables_of(rows, is_last=reader.walk.has_ended or is_enough)

    return step


def source_outline(table: Table) -> DltSource:
    """Return a table's source with only the name of its resource, for building definitions.

    It needs no base URL, key or session. The normalizers are dlt's defaults; without them, dlt
    would read its configuration files at import.
    """
    schema = Schema(
        table.source,
        normalizers={
            "names": "snake_case",
            "json": {"module": "dlt.common.normalizers.json.relational"},
        },
    )
    return DltSource(schema, table.source, [DltResource.from_data([], name=table.name)])
