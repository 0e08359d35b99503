"""Rows as the API sends them, made into columns: Arrow tables, which go to DuckDB as they are.

A table is made of thousands of rows at once, column by column, so that a row costs next to
nothing. Columns that ``helpdesk_assets.tables.schema`` knows have its types; of the others, each
has the type that its first value had, for ever: what does not fit goes to a column beside it, named
after its own type, as dlt does it. An object becomes a column for each of its fields (``requester``
with an ``id`` becomes ``requester__id``); a list becomes a text of JSON. What columns are called is
in ``helpdesk_assets.tables.names``.

Whoever fills in a form may decide what fields there are. So objects within objects are made columns
of down to a depth, and a load makes so many new columns and no more: what is deeper is a text of
JSON, and what is beyond stands in one column together.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
from dlt.common.data_types import TDataType
from dlt.common.normalizers.naming import NamingConvention

from helpdesk_assets.tables.names import ColumnNames
from helpdesk_assets.tables.paths import MISSING, Path, path_of, storable, value_at
from helpdesk_assets.tables.rows import Row, read
from helpdesk_assets.tables.schema import COLUMNS, FURTHER, OURS, Column
from helpdesk_assets.tables.times import INSTANTS, UTC_TIMES, Times

# Objects within objects that are made columns of.
DEEPEST = 10
# Fields that one load makes new columns of: more than most help desks have. DuckDB needs memory for
# each while it writes, and versions before 2.0 more of it.
MOST_NEW = 500
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
    dict: "text",
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
    """Makes columns of the fields that the schema does not know, and remembers names and types.

    Args:
        types: dlt's types of the columns that the table has already, by name.
        naming: what dlt makes columns' names by.
        known: columns that are made elsewhere; what they are made of makes no other.
        exclude: fields that are not to be loaded, by their paths from a row down.
        record: which field has which column; see ColumnNames, which adds to it.
        times: how the API spells times. Here texts are times where they are ISO 8601.
        most_new: fields that may get a column that have none.

    Attributes:
        types: as above, with those of the columns made since.
        beyond: fields that came when there were so many.
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
        self._elsewhere = {column.field for column in known} | set(map(path_of, exclude))
        self._names = ColumnNames(
            naming,
            self.types,
            {*OURS, *(column.name for column in known)},
            {} if record is None else record,
        )

    def of(self, rows: list[Row]) -> dict[str, pa.Array]:
        """Return arrays by column name; fields that are null everywhere make none."""
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
            if inner in self._elsewhere:
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
        # A name that several fields come to belongs to the one that is called so.
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
        """Keep the values of fields that get no column, by their paths."""
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
        """Return the values that a column of that type can hold, and the others by their types."""
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
        return times.column(values)
    return pa.array(values, ARROW_TYPES[data_type])


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # A number of more than 64 bits.
        return json.dumps(value)
