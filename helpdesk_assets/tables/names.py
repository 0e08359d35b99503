"""What columns are called: each field of the API has a name of its own, and keeps it.

dlt has names in snake_case, of which there are fewer than names of fields: ``Priority`` is
``priority``, and each word in Cyrillic is ``x``. So it is recorded which field has which name.
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

# Which names are whose, in what dlt keeps of a resource.
RECORD = "columns"
# Between the names of an object and of its fields, as dlt has it.
SEPARATOR = NamingConvention.PATH_SEPARATOR
# What dlt calls a field without a name.
NAMELESS = "_empty"
# Columns that dlt may add, now or later.
OF_DLT = "_dlt_"
# DuckDB knows no limit; this is dlt's for it.
LONGEST = 2**16
# How much of a name's SHA-256 tells it from another, in hexadecimal digits.
DIGITS = range(6, 65)


class ColumnNames:
    """Gives each field of the API the name of a column, which nothing else gets from then on.

    The record has the owner of each name, spelled in JSON: ``["custom", "Приоритет"]`` is a field
    by its path, followed by ``{"as": "text"}`` for its values that do not fit the column's type,
    and by ``{}`` for what the names of an object's fields begin with, which ends in underscores.

    Args:
        naming: dlt's, which leaves the names as they are.
        types: the types of the columns that the table has, by name; those that are in no record
            are from before there was one, and belong to the first field that was called so then.
        known: names of columns that are made elsewhere, which no field gets.
        record: the owners of names, by name; what is given is added.
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
        """Whether a field's name changes on the way; of one that does not, it is the column's."""
        return self._step(path[-1]) != path[-1]

    def has(self, path: Path) -> bool:
        """Whether a field has a column, or some for the fields of its objects."""
        if path in self._columns or path in self._prefixes:
            return True
        owners = (json.dumps(path), json.dumps((*path, {})))
        return any(owner in self._owned for owner in owners) or any(self._of_before(path))

    def column(self, path: Path) -> str:
        """Return the column of a field; of one that holds objects, that of its other values."""
        if path not in self._columns:
            name = self._unreserved(self.prefix(path[:-1]) + self._step(path[-1]))
            self._columns[path] = self._given(
                path, chain(self._of_before(path), self._spellings(name, path[-1]))
            )
        return self._columns[path]

    def stray(self, path: Path, data_type: TDataType) -> str:
        """Return the column of a field's values that do not fit its type, by their own type."""
        key = (path, data_type)
        if key not in self._strays:
            name = f"{self.column(path)}{SEPARATOR}v_{data_type}"
            self._strays[key] = self._given(
                (*path, {"as": data_type}),
                (
                    spelled
                    for spelled in self._spellings(name, path[-1])
                    if self._types.get(spelled, data_type) == data_type
                ),
            )
        return self._strays[key]

    def prefix(self, path: Path) -> str:
        """Return what the columns of an object's fields begin with."""
        if path not in self._prefixes:
            name = self.prefix(path[:-1]) + self._step(path[-1])
            self._prefixes[path] = self._given(
                (*path, {}), self._spellings(name, path[-1], SEPARATOR)
            )
        return self._prefixes[path]

    def _given(self, owner: tuple[Any, ...], names: Iterator[str]) -> str:
        """Return the name that an owner has; else give it the first that is nobody's."""
        # In ASCII, for half an emoji can be written in no other way.
        spelled = json.dumps(owner)
        if spelled not in self._owned:
            name = next(
                name for name in names if name not in self._record and name not in self._known
            )
            self._owned[spelled] = name
            self._record[name] = spelled
        return self._owned[spelled]

    def _spellings(self, name: str, field: str, end: str = "") -> Iterator[str]:
        """Yield a name, and then the name with more and more that tells its field from others."""
        yield self._cut(name, end)
        digest = sha256(field.encode("utf-8", "surrogatepass")).hexdigest()
        for digits in DIGITS:
            # dlt lets no part of a name begin with a digit.
            yield self._cut(name, f"{SEPARATOR}x{digest[:digits]}{end}")

    def _cut(self, name: str, end: str) -> str:
        if len(name) + len(end) > self._longest:
            name = name[: self._longest - len(end)].rstrip("_")
        return name + end

    def _of_before(self, path: Path) -> Iterator[str]:
        """Yield what a field's column was called before there was a record, if there is such."""
        name = self._unreserved(SEPARATOR.join(map(self._normalized, path)))
        if (name := self._naming.normalize_path(name)) in self._types:
            yield name

    def _unreserved(self, name: str) -> str:
        if name in self._known or name.startswith(OF_DLT):
            return f"{name}{SEPARATOR}raw"
        return name

    def _step(self, field: str) -> str:
        """Return what a field is called within its object."""
        if field not in self._steps:
            # An emoji becomes its name between colons.
            plain = field if field.isascii() else anyascii(field).replace(":", " ")
            self._steps[field] = self._normalized(plain if plain.strip() else field)
        return self._steps[field]

    def _normalized(self, field: str) -> str:
        return self._naming.normalize_identifier(field) if field.strip() else NAMELESS
