"""Findings of `check` about rows: whether fields exist, are readable, and identify rows."""

from collections import Counter
from collections.abc import Iterator, Sequence

import dagster as dg

from helpdesk_assets.cli.finding import Finding, message_of, reader_of
from helpdesk_assets.load.connection import Connection
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.portions import Portion
from helpdesk_assets.paging.reader import CompleteReader
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.resource import Resource, parent_column
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.keys import Identity, keys_of
from helpdesk_assets.tables.nulls import nulled
from helpdesk_assets.tables.paths import MISSING, Path, value_at
from helpdesk_assets.tables.protection import Protection
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import TABLE, Column, Table
from helpdesk_assets.tables.times import Times, has_no_zone

# Maximum number of field names listed.
MOST_NAMES = 50


def of_rows(connection: Connection, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield the findings about the first page of tickets."""
    resource, times = connection.settings.resource, connection.settings.table.times
    rows = nulled(list(rows), connection.settings.table.null_values)
    selector, count = resource.endpoint.data_selector, len(rows)
    if not count:
        yield Finding("rows", True, f"none at {selector}: the help desk is empty")
        return
    yield Finding("rows", True, f"{count} at {selector} on the first page")
    columns = resource.columns()
    found = {
        column.name: sum(value_at(row, column.field) not in (None, MISSING) for row in rows)
        for column in columns
    }
    counted = ", ".join(f"{name} in {found[name]}" for name in found)
    lost = _lost(columns, rows)
    if lost and connection.settings.profile.is_built_in:
        yield Finding("fields", None, f"{counted} of {count} rows; {_unused(lost)}")
    elif lost:
        available = sorted({shown(name) for row in rows for name in row})[:MOST_NAMES]
        yield Finding(
            "fields",
            False,
            f"no row has {', '.join(lost)}: correct fields in the profile; available fields: "
            f"{', '.join(available)}",
        )
    else:
        yield Finding("fields", True, f"{counted} of {count} rows")
    protection = connection.settings.protection
    wrong = _unreadable(columns, protection.rows(list(rows)), times)
    yield Finding("types", not wrong, wrong or f"all {count} rows are readable")
    if resource.rules:
        missing = _unprotected(protection)
        yield Finding(
            "columns", None if missing else True, missing or "all protected fields were found"
        )
    yield from _of_zones(columns, rows, times)


def of_other_lists(api: HelpDeskApi, profile: Profile, tickets: list[Row]) -> Iterator[Finding]:
    """Check the first page of each other list in the profile.

    Lists that are requested for each row of a parent are checked with the first row.
    """
    seen = {TABLE: tickets}
    others = [resource for resource in profile.resources if resource.name != TABLE]
    for resource in sorted(others, key=lambda resource: resource.parent is not None):
        try:
            table = Table(resource.name, desk=api.desk)
            with api.connection(table=table) as connection, connection.walk() as walk:
                rows = _first_rows(connection, walk, seen)
                identity = [
                    column.field
                    for column in connection.settings.table.columns
                    if column.primary_key
                ]
        except dg.Failure as failure:
            yield Finding(resource.name, False, message_of(failure))
            continue
        seen[resource.name] = rows
        protection = connection.settings.protection
        yield _of_list(
            resource, protection.rows(nulled(rows, profile.null_values)), profile, identity
        )
        if rows and (missing := _unprotected(protection)):
            yield Finding(resource.name, None, missing)


def _of_list(resource: Resource, rows: list[Row], profile: Profile, identity: Identity) -> Finding:
    columns, at = resource.columns(), resource.endpoint.data_selector
    lost = _lost(columns, rows)
    if lost and not profile.is_built_in:
        remedy = f"no row has {', '.join(lost)}: correct fields in the profile"
        return Finding(resource.name, False, remedy)
    if wrong := _unreadable(columns, rows, profile.times()):
        return Finding(resource.name, False, wrong)
    again = [key for key, often in Counter(keys_of(rows, identity)).items() if often > 1]
    if again:
        return Finding(
            resource.name,
            False,
            f"{len(again)} of {len(rows)} rows have the same {', '.join(resource.key)} as another "
            "row and would be merged with it: set primary_key in the profile to fields that "
            "identify a row",
        )
    whose = f", for the first row of {resource.parent}" if resource.parent else ""
    found = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    if lost:
        return Finding(resource.name, None, f"{found} at {at}{whose}; {_unused(lost)}")
    return Finding(resource.name, True, f"{found} at {at}{whose}")


def _first_rows(connection: Connection, walk: Walk, seen: dict[str, list[Row]]) -> list[Row]:
    reader, parent = walk.reader, walk.parent
    if isinstance(reader, CompleteReader) or parent is None:
        rows = next(reader_of(walk).look(connection.first_request(), pages=1)).rows
        return walk.stored(rows)
    key = connection.settings.profile.resource(parent).columns()[0]
    ids = [value_at(row, key.field) for row in seen.get(parent, [])[:1]]
    reader.portion = Portion(ids)
    return walk.stored(next(reader.rows(parent_column(parent))))


def _lost(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Return the columns that no row has, with their paths.

    A field that is null in all rows exists. Below a null, or in an empty list, the rest of a path
    cannot be checked.
    """
    return [
        f"{column.name} (at {'.'.join(column.field)})"
        for column in columns
        if rows and all(_has_no(row, column.field) for row in rows)
    ]


def _has_no(row: Row, path: Path) -> bool:
    """Return whether a path is missing in a row, and not just below a null or an empty list."""
    on_it = (value_at(row, path[:length]) for length in range(1, len(path) + 1))
    first_empty = next((value for value in on_it if value in (None, MISSING, [])), None)
    return first_empty is MISSING


def _unused(lost: Sequence[str]) -> str:
    """Return the message about fields of a built-in profile that no row has."""
    return f"no row on the first page has {', '.join(lost)}, which this help desk may not use"


def _unreadable(columns: Sequence[Column], rows: Sequence[Row], times: Times) -> str:
    """Return which rows are unreadable and what to do; an empty string if there are none."""
    reasons = Counter(reason for row in rows if (reason := read(row, columns, times)[1]))
    if not reasons:
        return ""
    counted = (f"{reason} in {often} of {len(rows)} rows" for reason, often in reasons.items())
    return f"{'; '.join(counted)}: set the field's type, or the format of times, in the profile"


def _unprotected(protection: Protection) -> str:
    """Return which protected fields were not found; an empty string if all were."""
    if not protection.not_found:
        return ""
    return (
        f"no row on the first page has {', '.join(map(shown, protection.not_found))}: check that "
        "each name under columns is the path of a field, or the name of a column"
    )


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
            f"the times in {', '.join(zoneless)} have no time zone and are read as UTC: set "
            "time_zone in the profile to their time zone",
        )
