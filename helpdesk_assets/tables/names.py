"""Column names: each field of the API has a unique column name, and keeps it.

dlt normalizes names to snake_case, so different fields may get the same name: ``Priority`` becomes
``priority``, and any Cyrillic word becomes ``x``. Therefore the name of each field is recorded.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from itertools import chain
from typing import Any

from anyascii import anyascii
from dlt.common.data_types import TDataType
from dlt.common.normalizers.naming import NamingConvention

from helpdesk_assets.tables.paths import Path

# The key of the recorded names in dlt's resource state.
RECORD = "columns"
# dlt's separator between the names of an object and of its fields.
SEPARATOR = NamingConvention.PATH_SEPARATOR
# dlt's name of a field with an empty name.
NAMELESS = "_empty"
# Prefix of columns that dlt may add.
OF_DLT = "_dlt_"
# DuckDB has no limit; this is dlt's limit for it.
LONGEST = 2**16
# Number of hexadecimal digits of a name's SHA-256 that distinguish it from others.
DIGITS = range(6, 65)


class ColumnNames:
    """Assigns a unique and permanent column name to each field of the API.

    The record contains the owner of each name as JSON: ``["custom", "Приоритет"]`` is the path of a
    field, followed by ``{"as": "text"}`` for its variant column of that type, or by ``{}`` for the
    prefix of an object's fields, which ends with underscores.

    Args:
        naming: dlt's naming convention, which does not change the assigned names.
        types: the types of the table's columns by name; columns without a record were created by
            an earlier version, and belong to the first field with that name.
        known: names of columns that are created elsewhere, which no field gets.
        record: the owners of names, by name; new names are added.
    """

    def __init__(
        self,
        naming: NamingConvention,
        types: Mapping[str, TDataType],
        known: Collection[str],
        record: dict[str, str],
    ) -> None:
        self._naming = naming
        self._types = types
        self._known = known
        self._record = record
        self._owned = {owner: name for name, owner in record.items() if name not in known}
        self._longest = naming.max_length or LONGEST
        self._steps: dict[str, str] = {}
        self._columns: dict[Path, str] = {}
        self._strays: dict[tuple[Path, TDataType], str] = {}
        self._prefixes: dict[Path, str] = {(): ""}

    def is_variant(self, path: Path) -> bool:
        """Return whether a field's name differs from its column name."""
        return self._step(path[-1]) != path[-1]

    def has(self, path: Path) -> bool:
        """Return whether a field, or a field of its objects, has a column."""
        if path in self._columns or path in self._prefixes:
            return True
        owners = (json.dumps(path), json.dumps((*path, {})))
        return any(owner in self._owned for owner in owners) or any(self._earlier_name(path))

    def recorded(self) -> dict[str, Path]:
        """Return the path of each recorded column, including variant columns."""
        owners = {name: json.loads(owner) for name, owner in self._record.items()}
        return {
            name: tuple(step for step in owner if isinstance(step, str))
            for name, owner in owners.items()
            if owner[-1] != {}
        }

    def column(self, path: Path) -> str:
        """Return the column of a field; for objects, the column of other values in that field."""
        if path not in self._columns:
            name = self._unreserved(self.prefix(path[:-1]) + self._step(path[-1]))
            self._columns[path] = self._assigned(
                path, chain(self._earlier_name(path), self._spellings(name, path[-1]))
            )
        return self._columns[path]

    def stray(self, path: Path, data_type: TDataType) -> str:
        """Return the variant column of a field for values of another type."""
        key = (path, data_type)
        if key not in self._strays:
            name = f"{self.column(path)}{SEPARATOR}v_{data_type}"
            self._strays[key] = self._assigned(
                (*path, {"as": data_type}),
                (
                    spelled
                    for spelled in self._spellings(name, path[-1])
                    if self._types.get(spelled, data_type) == data_type
                ),
            )
        return self._strays[key]

    def prefix(self, path: Path) -> str:
        """Return the prefix of the columns of an object's fields."""
        if path not in self._prefixes:
            name = self.prefix(path[:-1]) + self._step(path[-1])
            self._prefixes[path] = self._assigned(
                (*path, {}), self._spellings(name, path[-1], SEPARATOR)
            )
        return self._prefixes[path]

    def _assigned(self, owner: tuple[Any, ...], names: Iterator[str]) -> str:
        """Return the name of an owner; if it has none, assign the first free name."""
        # In ASCII, because a lone surrogate cannot be encoded otherwise.
        spelled = json.dumps(owner)
        if spelled not in self._owned:
            name = next(
                name for name in names if name not in self._record and name not in self._known
            )
            self._owned[spelled] = name
            self._record[name] = spelled
        return self._owned[spelled]

    def _spellings(self, name: str, field: str, end: str = "") -> Iterator[str]:
        """Yield a name, and then the name with increasingly long hashes of its field."""
        yield self._cut(name, end)
        digest = sha256(field.encode("utf-8", "surrogatepass")).hexdigest()
        for digits in DIGITS:
            # In dlt, no part of a name may start with a digit.
            yield self._cut(name, f"{SEPARATOR}x{digest[:digits]}{end}")

    def _cut(self, name: str, end: str) -> str:
        if len(name) + len(end) > self._longest:
            name = name[: self._longest - len(end)].rstrip("_")
        return name + end

    def _earlier_name(self, path: Path) -> Iterator[str]:
        """Yield the column name of a field in earlier versions, without a record, if it exists."""
        steps = (_normalized(self._naming, field) for field in path)
        name = self._unreserved(SEPARATOR.join(steps))
        if (name := self._naming.normalize_path(name)) in self._types:
            yield name

    def _unreserved(self, name: str) -> str:
        if name in self._known or name.startswith(OF_DLT):
            return f"{name}{SEPARATOR}raw"
        return name

    def _step(self, field: str) -> str:
        """Return the normalized name of a field within its object."""
        if field not in self._steps:
            self._steps[field] = plain_name(self._naming, field)
        return self._steps[field]


def plain_name(naming: NamingConvention, field: str) -> str:
    """Return the normalized name of a field, transliterated to ASCII."""
    # An emoji becomes its name between colons.
    plain = field if field.isascii() else anyascii(field).replace(":", " ")
    return _normalized(naming, plain if plain.strip() else field)


def _normalized(naming: NamingConvention, field: str) -> str:
    return naming.normalize_identifier(field) if field.strip() else NAMELESS
