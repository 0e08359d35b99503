"""What `check` says of rows: whether fields are there, can be read, and tell rows apart."""

from collections import Counter
from collections.abc import Iterator, Sequence

import dagster as dg

from helpdesk_assets.cli.finding import Finding, reader_of, said
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles.model import Profile, Resource, parent_column
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.keys import keys_of
from helpdesk_assets.tables.paths import MISSING, value_at
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import TABLE, Column, Table
from helpdesk_assets.tables.times import Times, has_no_zone

# Fields that are named, of all that rows have.
MOST_NAMES = 50


def of_rows(connection: Connection, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield what is found in the rows of the tickets' first page."""
    resource, times = connection.settings.resource, connection.settings.table.times
    selector, count = resource.endpoint.data_selector, len(rows)
    if not count:
        yield Finding("rows", True, f"none at {selector}: the desk is empty")
        return
    yield Finding("rows", True, f"{count} at {selector}, on the first page")
    columns = resource.columns()
    found = {
        column.name: sum(value_at(row, column.field) not in (None, MISSING) for row in rows)
        for column in columns
    }
    counted = ", ".join(f"{name} in {found[name]}" for name in found)
    lost = _lost(columns, rows)
    yield Finding(
        "fields",
        not lost,
        f"{counted} of {count} rows"
        if not lost
        else f"no row has {', '.join(lost)}: mend fields in the profile; the rows have "
        f"{', '.join(sorted({shown(name) for row in rows for name in row})[:MOST_NAMES])}",
    )
    wrong = _unreadable(columns, rows, times)
    yield Finding("types", not wrong, wrong or f"all {count} rows can be read")
    yield from _of_zones(columns, rows, times)


def of_other_lists(api: HelpDeskApi, profile: Profile, tickets: list[Row]) -> Iterator[Finding]:
    """Look at the first page of whatever else the profile lists; of one that has a list for each
    row of another, at the list of the first row.
    """
    seen = {TABLE: tickets}
    others = [resource for resource in profile.resources if resource.name != TABLE]
    for resource in sorted(others, key=lambda resource: resource.parent is not None):
        try:
            table = Table(resource.name, desk=api.desk)
            with api.connection(table=table) as connection, connection.walk() as walk:
                rows = _first_rows(connection, walk, seen)
        except dg.Failure as failure:
            yield Finding(resource.name, False, said(failure))
            continue
        seen[resource.name] = rows
        yield _of_list(resource, rows, profile.times())


def _of_list(resource: Resource, rows: list[Row], times: Times) -> Finding:
    columns, at = resource.columns(), resource.endpoint.data_selector
    if lost := _lost(columns, rows):
        remedy = f"no row has {', '.join(lost)}: mend fields in the profile"
        return Finding(resource.name, False, remedy)
    if wrong := _unreadable(columns, rows, times):
        return Finding(resource.name, False, wrong)
    again = [key for key, times in Counter(keys_of(rows, resource.identity)).items() if times > 1]
    if again:
        return Finding(
            resource.name,
            False,
            f"{len(again)} of {len(rows)} rows have the {', '.join(resource.key)} of another, and "
            "would be merged with it: name what tells them apart as primary_key in the profile",
        )
    whose = f", for the first of {resource.parent}" if resource.parent else ""
    return Finding(resource.name, True, f"{len(rows)} rows at {at}{whose}")


def _first_rows(connection: Connection, walk: Walk, seen: dict[str, list[Row]]) -> list[Row]:
    reader, parent = walk.reader, walk.parent
    if isinstance(reader, CompleteReader) or parent is None:
        return next(reader_of(walk).look(connection.first_request(), pages=1)).rows
    key = connection.settings.profile.resource(parent).columns()[0]
    ids = [value_at(row, key.field) for row in seen.get(parent, [])[:1]]
    return next(reader.rows(ids, parent_column(parent)))


def _lost(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Return the columns that no row has, with where they should be."""
    return [
        f"{column.name} (at {'.'.join(column.field)})"
        for column in columns
        if rows and all(value_at(row, column.field) in (None, MISSING) for row in rows)
    ]


def _unreadable(columns: Sequence[Column], rows: Sequence[Row], times: Times) -> str:
    """Say which rows cannot be read, and what to do; nothing where all can."""
    reasons = Counter(reason for row in rows if (reason := read(row, columns, times)[1]))
    if not reasons:
        return ""
    counted = (f"{reason} in {often} of {len(rows)} rows" for reason, often in reasons.items())
    return f"{'; '.join(counted)}: give the field its type in the profile, or times their format"


def _of_zones(columns: Sequence[Column], rows: Sequence[Row], times: Times) -> Iterator[Finding]:
    if times.time_zone is not None:
        return
    zoneless = [
        column.name
        for column in columns
        if column.dlt_type == "timestamp"
        and any(has_no_zone(value_at(row, column.field)) for row in rows)
    ]
    if zoneless:
        yield Finding(
            "zones",
            None,
            f"{', '.join(zoneless)} do not say their time zone, and are read as UTC: set time_zone "
            "in the profile to the one they are of",
        )
