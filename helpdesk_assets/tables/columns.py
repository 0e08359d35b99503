"""Rows as the API sends them, made into columns: Arrow tables, which go to DuckDB as they are.

A table is made of thousands of rows at once, column by column, so that a row costs next to
nothing. Columns that ``helpdesk_assets.tables.schema`` knows have its types; of the others, each
has the type that its first value had, for ever: what does not fit goes to a column beside it, named
after its own type, as dlt does it. An object becomes a column for each of its fields (``requester``
with an ``id`` becomes ``requester__id``); a list becomes a text of JSON.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.data_types import TDataType

from helpdesk_assets.tables.paths import MISSING, storable, value_at
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import COLUMNS, DELETED_AT, Column
from helpdesk_assets.tables.times import INSTANTS, UTC_TIMES, Times

Name = Callable[[str], str]
# A value that stands where the type of a whole column is concerned, and says nothing of it.
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
    float: "double",
    int: "bigint",
    list: "text",
    str: "text",
}
# What can be put into a column of each type.
ACCEPTED: Mapping[TDataType, set[TDataType]] = {
    "bigint": {"bigint"},
    "bool": {"bool"},
    "double": {"double", "bigint"},
    "text": set(DATA_TYPES.values()),
    "timestamp": {"text"},
}
# What JSON may send for a column of ours without a second look.
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
    """Return the columns that are known, and which rows cannot be loaded.

    Args:
        rows: as the API sent them.
        columns: those that are known.
        times: how the API spells times.

    Returns:
        Arrays by column name, without the rows that cannot be loaded; and of those the reasons,
        by their place among ``rows``.
    """
    try:
        return {
            column.name: _plain(_values(rows, column.field), column, times) for column in columns
        }, {}
    except (ValueError, OverflowError):
        # Not all of them are what they usually are, so each is looked at.
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
    """Return what each row has on a path; None where it has nothing there."""
    first, *deeper = path
    if not deeper:
        return [row.get(first) for row in rows]
    return [None if (v := value_at(row, path)) is MISSING else v for row in rows]


def _plain(values: list[Any], column: Column, times: Times) -> pa.Array:
    kinds, data_type = set(map(type, values)), column.dlt_type
    if not column.nullable and NOTHING in kinds:
        raise ValueError
    if kinds - {NOTHING} - PLAIN[data_type]:
        raise ValueError
    if data_type == "timestamp":
        return times.column(values)
    return pa.array(values, ARROW_TYPES[data_type])


class OtherColumns:
    """Makes columns of the fields that the schema does not know, and remembers their types.

    Args:
        types: dlt's types of the columns that the table has already, by name.
        normalize: makes a column's name of a field's.
        known: columns that are made elsewhere; what they are made of makes no other.
        exclude: fields that are not to be loaded, by their paths from a row down.
    """

    def __init__(
        self,
        types: Mapping[str, TDataType],
        normalize: Name,
        known: Sequence[Column] = COLUMNS,
        exclude: Sequence[str] = (),
    ) -> None:
        self.types = dict(types)
        self._known = {DELETED_AT, *(column.name for column in known)}
        self._elsewhere = {".".join(column.field) for column in known} | set(exclude)
        self._normalize = normalize
        self._names: dict[tuple[str, str], str] = {}

    def of(self, rows: list[Row]) -> dict[str, pa.Array]:
        """Return arrays by column name; fields that are null everywhere make none."""
        columns: dict[str, pa.Array] = {}
        for field in dict.fromkeys(chain.from_iterable(rows)):
            if field not in self._elsewhere:
                name = self._name("", field)
                for made, array in self._columns(name, [row.get(field) for row in rows], field):
                    # Two fields of one name, once normalized: neither hides what the other holds.
                    columns[made] = pc.coalesce(columns[made], array) if made in columns else array
        return columns

    def _name(self, parent: str, field: str) -> str:
        key = (parent, field)
        if key not in self._names:
            normalized = self._normalize(field)
            name = f"{parent}__{normalized}" if parent else normalized
            # One that the API calls as a column is called which is made of another.
            self._names[key] = f"{name}__raw" if name in self._known else name
        return self._names[key]

    def _columns(self, name: str, values: list[Any], path: str) -> Iterator[tuple[str, pa.Array]]:
        kinds = set(map(type, values)) - {NOTHING}
        if dict in kinds:
            yield from self._fields(name.removesuffix("__raw"), values, path)
            values = [None if type(value) is dict else value for value in values]
            kinds -= {dict}
        if not kinds:
            return
        wanted = self.types.get(name)
        if wanted is None:
            wanted = self.types[name] = _first_type(values, kinds)
        fits, others = self._sort(values, kinds, wanted)
        if fits is not None:
            yield name, fits
        for data_type, strays in others.items():
            stray_name = f"{name}__v_{data_type}"
            self.types[stray_name] = data_type
            yield stray_name, _array(strays, data_type)

    def _fields(self, name: str, values: list[Any], path: str) -> Iterator[tuple[str, pa.Array]]:
        objects = [value if type(value) is dict else {} for value in values]
        for field in dict.fromkeys(chain.from_iterable(objects)):
            inner = f"{path}.{field}"
            if inner not in self._elsewhere:
                column = self._name(name, field)
                yield from self._columns(column, [value.get(field) for value in objects], inner)

    def _sort(
        self, values: list[Any], kinds: set[type], wanted: TDataType
    ) -> tuple[pa.Array | None, dict[TDataType, list[Any]]]:
        """Return the values that a column of that type can hold, and the others by their types."""
        try:
            if {DATA_TYPES[kind] for kind in kinds} <= ACCEPTED[wanted]:
                return _array(values, wanted), {}
        except (ValueError, OverflowError):
            pass
        fits: list[Any] = [None] * len(values)
        others: dict[TDataType, list[Any]] = {}
        for place, value in enumerate(values):
            if value is None:
                continue
            data_type = DATA_TYPES[type(value)]
            if _fits(value, data_type, wanted):
                fits[place] = value
                continue
            if data_type == wanted or not _fits(value, data_type, data_type):
                data_type = "text"
            others.setdefault(data_type, [None] * len(values))[place] = value
        return (_array(fits, wanted) if any(v is not None for v in fits) else None), others


def _first_type(values: list[Any], kinds: set[type]) -> TDataType:
    first = next(value for value in values if value is not None)
    if kinds == {str} and _fits(first, "text", "timestamp"):
        try:
            _array(values, "timestamp")
        except ValueError:
            return "text"
        return "timestamp"
    if kinds <= {int, float} and float in kinds:
        return "double"
    data_type = DATA_TYPES[type(first)]
    return data_type if _fits(first, data_type, data_type) else "text"


def _fits(value: Any, data_type: TDataType, wanted: TDataType) -> bool:
    if data_type not in ACCEPTED[wanted]:
        return False
    try:
        _array([value], wanted)
    except (ValueError, OverflowError):
        return False
    return True


def _array(values: list[Any], data_type: TDataType) -> pa.Array:
    """Make an array of values that the type accepts.

    Raises:
        ValueError, OverflowError: one of them cannot be read as it.
    """
    if data_type == "text":
        if set(map(type, values)) - {str, NOTHING}:
            values = [v if v is None or type(v) is str else _json(v) for v in values]
        try:
            return pa.array(values, pa.string())
        except UnicodeEncodeError:
            return pa.array([v and storable(v) for v in values], pa.string())
    if data_type == "timestamp":
        return pc.cast(pa.array(values, pa.string()), ARROW_TYPES["timestamp"])
    return pa.array(values, ARROW_TYPES[data_type])


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # A number of more than 64 bits.
        return json.dumps(value)
