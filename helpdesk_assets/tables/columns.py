"""Converts the API's rows to Arrow columns, which are loaded into DuckDB unchanged.

Thousands of rows are converted at once, column by column, so that a single row costs little. The
columns in ``helpdesk_assets.tables.schema`` have the types defined there. Any other column keeps
the type of its first value; values that do not fit go to a variant column named after their type,
as in dlt. An object becomes one column per field (``requester`` with an ``id`` becomes
``requester__id``); a list becomes JSON text. Column names are chosen in
``helpdesk_assets.tables.names``.

The people who fill in forms may determine the fields. Therefore nesting is expanded to a limited
depth, and a load adds a limited number of columns: deeper objects become JSON text, and further
fields are stored together in one column.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
from dlt.common.data_types import TDataType
from dlt.common.normalizers.naming import NamingConvention

from helpdesk_assets.tables.instants import INSTANTS, instants
from helpdesk_assets.tables.json_text import json_text
from helpdesk_assets.tables.names import ColumnNames
from helpdesk_assets.tables.paths import MISSING, Path, path_of, storable, value_at
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import COLUMNS, DEEPEST, FURTHER, MOST_NEW, OURS, Column
from helpdesk_assets.tables.times import UTC_TIMES, Times
from helpdesk_assets.tables.values import replaced

# The type of null, which says nothing about the type of a column.
NOTHING = type(None)

ARROW_TYPES: Mapping[TDataType, pa.DataType] = {
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "double": pa.float64(),
    "text": pa.string(),
    "timestamp": INSTANTS,
}
DATA_TYPES: Mapping[type, TDataType] = {
    bool: "bool",
    dict: "text",
    float: "double",
    int: "bigint",
    list: "text",
    str: "text",
}
# The types that fit into a column of each type.
ACCEPTED: Mapping[TDataType, set[TDataType]] = {
    "bigint": {"bigint"},
    "bool": {"bool"},
    "double": {"double", "bigint"},
    "text": set(DATA_TYPES.values()),
    "timestamp": {"text"},
}
# The JSON types of a known column that need no further inspection.
PLAIN: Mapping[str, set[type]] = {
    "bigint": {int},
    "bool": {bool},
    "double": {float, int},
    "text": {str},
    "timestamp": {str, int},
}


def typed_columns(
    rows: list[Row], columns: Sequence[Column] = COLUMNS, times: Times = UTC_TIMES
) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """Return the known columns, and the rows that cannot be loaded.

    Args:
        rows: as the API sent them.
        columns: the known columns.
        times: the format of times.

    Returns:
        Arrays by column name, without the rows that cannot be loaded; and the reasons for those,
        by their index in ``rows``.
    """
    try:
        return {
            column.name: _plain(_values(rows, column.field), column, times) for column in columns
        }, {}
    except (ValueError, OverflowError):
        # Some values have an unusual type, so each row is inspected.
        typed, reasons = zip(*(read(row, columns, times) for row in rows), strict=True)
        good = [fields for fields, reason in zip(typed, reasons, strict=True) if reason is None]
        arrays = {
            column.name: pa.array(
                [fields[column.name] for fields in good], ARROW_TYPES[column.dlt_type]
            )
            for column in columns
        }
        return arrays, {place: reason for place, reason in enumerate(reasons) if reason}


def _values(rows: list[Row], path: tuple[str, ...]) -> list[Any]:
    """Return the value of each row at a path; None if it has none."""
    first, *deeper = path
    if not deeper:
        return [row.get(first) for row in rows]
    return [None if (v := value_at(row, path)) is MISSING else v for row in rows]


def _plain(values: list[Any], column: Column, times: Times) -> pa.Array:
    if column.values:
        values = replaced(values, column.values)
    kinds, data_type = set(map(type, values)), column.dlt_type
    if not column.nullable and NOTHING in kinds:
        raise ValueError
    if column.is_json:
        return _array(values, "text", times)
    if kinds - {NOTHING} - PLAIN[data_type]:
        raise ValueError
    if data_type == "timestamp":
        return instants(values, times)
    return pa.array(values, ARROW_TYPES[data_type])


class OtherColumns:
    """Converts fields that are not in the schema to columns, and keeps their names and types.

    Args:
        types: dlt's types of the table's existing columns, by name.
        naming: dlt's naming convention.
        known: columns that are converted elsewhere; their fields are skipped here.
        exclude: paths of fields that are not loaded.
        record: which field has which column; ColumnNames adds to it.
        times: the format of times. Here, text is a time only if it is in ISO 8601.
        most_new: the maximum number of new columns.

    Attributes:
        types: as above, including the new columns.
        beyond: fields without a column, because there were too many new ones.
    """

    def __init__(
        self,
        types: Mapping[str, TDataType],
        naming: NamingConvention,
        known: Sequence[Column] = COLUMNS,
        exclude: Sequence[str] = (),
        record: dict[str, str] | None = None,
        times: Times = UTC_TIMES,
        most_new: int = MOST_NEW,
    ) -> None:
        self.types = dict(types)
        self.beyond: set[Path] = set()
        self._left = most_new
        self._times = Times(time_zone=times.time_zone)
        self._excluded = set(map(path_of, exclude))
        self._elsewhere = {column.field for column in known}
        self._names = ColumnNames(
            naming,
            self.types,
            {*OURS, *(column.name for column in known)},
            {} if record is None else record,
        )

    def recorded(self) -> dict[str, Path]:
        """Return the path of each recorded column, including variant columns."""
        return self._names.recorded()

    def of(self, rows: list[Row]) -> dict[str, pa.Array]:
        """Return arrays by column name, without fields that are null in all rows."""
        self._further: dict[int, Row] = {}
        arrays = dict(self._fields((), rows))
        if self._further:
            further = [self._further.get(place) for place in range(len(rows))]
            arrays[FURTHER] = _array(further, "text", self._times)
        return arrays

    def _fields(self, path: Path, objects: list[Row]) -> Iterator[tuple[str, pa.Array]]:
        found: dict[Path, tuple[list[Any], set[type]]] = {}
        beyond: set[str] = set()
        for field in dict.fromkeys(chain.from_iterable(objects)):
            inner = (*path, field)
            # A column that the table has is filled further, also if its field has another one now:
            # people's queries use it.
            is_elsewhere = inner in self._elsewhere and not self._names.has(inner)
            if inner in self._excluded or is_elsewhere:
                continue
            if not (self._left or self._names.has(inner)):
                beyond.add(field)
                continue
            values = [each.get(field) for each in objects]
            if kinds := set(map(type, values)) - {NOTHING}:
                self._left -= self._left > 0 and not self._names.has(inner)
                found[inner] = values, kinds
        if beyond:
            self._set_aside(path, objects, beyond)
        # If several fields have the same normalized name, the field with exactly that name gets it.
        for inner in sorted(found, key=self._names.is_variant):
            kinds = found[inner][1]
            opens = dict in kinds and len(inner) < DEEPEST
            if opens:
                self._names.prefix(inner)
            if not opens or kinds != {dict}:
                self._names.column(inner)
        for inner, (values, kinds) in found.items():
            yield from self._columns(inner, values, kinds)

    def _set_aside(self, path: Path, objects: list[Row], fields: set[str]) -> None:
        """Keep the values of fields without a column, by path."""
        for place, each in enumerate(objects):
            for field in each.keys() & fields:
                if each[field] is not None:
                    self.beyond.add((*path, field))
                    spelled = ".".join((*path, field))
                    self._further.setdefault(place, {})[spelled] = each[field]

    def _columns(
        self, path: Path, values: list[Any], kinds: set[type]
    ) -> Iterator[tuple[str, pa.Array]]:
        if dict in kinds and len(path) < DEEPEST:
            yield from self._fields(path, [v if type(v) is dict else {} for v in values])
            values = [None if type(value) is dict else value for value in values]
            kinds = kinds - {dict}
        if not kinds:
            return
        name = self._names.column(path)
        wanted = self.types.get(name)
        if wanted is None:
            wanted = self.types[name] = _first_type(values, kinds, self._times)
        fits, others = self._sort(values, kinds, wanted)
        if fits is not None:
            yield name, fits
        for data_type, strays in others.items():
            stray = self._names.stray(path, data_type)
            self.types[stray] = data_type
            yield stray, _array(strays, data_type, self._times)

    def _sort(
        self, values: list[Any], kinds: set[type], wanted: TDataType
    ) -> tuple[pa.Array | None, dict[TDataType, list[Any]]]:
        """Return the values that fit a column of that type, and the others by their types."""
        times = self._times
        try:
            if {DATA_TYPES[kind] for kind in kinds} <= ACCEPTED[wanted]:
                return _array(values, wanted, times), {}
        except (ValueError, OverflowError):
            pass
        fits: list[Any] = [None] * len(values)
        others: dict[TDataType, list[Any]] = {}
        for place, value in enumerate(values):
            if value is None:
                continue
            data_type = DATA_TYPES[type(value)]
            if _fits(value, data_type, wanted, times):
                fits[place] = value
                continue
            if data_type == wanted or not _fits(value, data_type, data_type, times):
                data_type = "text"
            others.setdefault(data_type, [None] * len(values))[place] = value
        none_fits = all(v is None for v in fits)
        return (None if none_fits else _array(fits, wanted, times)), others


def _first_type(values: list[Any], kinds: set[type], times: Times) -> TDataType:
    first = next(value for value in values if value is not None)
    if kinds == {str} and _fits(first, "text", "timestamp", times):
        try:
            _array(values, "timestamp", times)
        except ValueError:
            return "text"
        return "timestamp"
    if kinds <= {int, float} and float in kinds:
        return "double"
    data_type = DATA_TYPES[type(first)]
    return data_type if _fits(first, data_type, data_type, times) else "text"


def _fits(value: Any, data_type: TDataType, wanted: TDataType, times: Times) -> bool:
    if data_type not in ACCEPTED[wanted]:
        return False
    try:
        _array([value], wanted, times)
    except (ValueError, OverflowError):
        return False
    return True


def _array(values: list[Any], data_type: TDataType, times: Times) -> pa.Array:
    """Convert values to an array of a type.

    Raises:
        ValueError, OverflowError: a value does not fit the type.
    """
    if data_type == "text":
        if set(map(type, values)) - {str, NOTHING}:
            values = [v if v is None else json_text(v) for v in values]
        try:
            return pa.array(values, pa.string())
        except UnicodeEncodeError:
            return pa.array([v and storable(v) for v in values], pa.string())
    if data_type == "timestamp":
        return instants(values, times)
    return pa.array(values, ARROW_TYPES[data_type])
