"""Protects personal data: values are hashed, masked or dropped before anything is written.

Rows are protected as soon as they are converted to tables, so nothing after that, such as variant
columns, JSON text and rejected rows, has the original values. The rows that the API sent are not
changed, because paging compares them.

If it is unclear whether a rule means a field, the field is protected.
"""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from dlt.common.normalizers.naming.snake_case import NamingConvention

from helpdesk_assets.tables.names import SEPARATOR, plain_name
from helpdesk_assets.tables.paths import Path
from helpdesk_assets.tables.rows import Row

Protect = Literal["hash", "mask", "drop"]
# From the weakest to the strictest.
STRICTNESS: tuple[Protect, ...] = ("hash", "mask", "drop")
MASK = "***"
NAMING = NamingConvention()
# Represents a value that is removed.
DROPPED = object()


@dataclass(frozen=True)
class Rule:
    """How a field is protected.

    Attributes:
        name: the field's name in the profile, for messages.
        path: the path of the field, without the places of lists.
        how: how its values are protected.
    """

    name: str
    path: Path
    how: Protect

    @property
    def columns(self) -> frozenset[str]:
        """The names that the field's column may have in the table."""
        parts = tuple(part for step in self.path for part in step.split(SEPARATOR))
        return frozenset({column_name(self.path), column_name(parts)})


@dataclass
class _Place:
    """A place in a row with a rule, or on the way to one.

    Attributes:
        path: the path of the place.
        here: the rule for values at this place.
        on_the_way: the rule for values at this place that are neither an object nor a list.
        seen: the names of fields of objects at this place that have been looked up.
        below: the places of those fields, if a rule applies to them or below them.
    """

    path: Path
    here: Rule | None = None
    on_the_way: Rule | None = None
    seen: set[str] = field(default_factory=set)
    below: dict[str, "_Place"] = field(default_factory=dict)


class Protection:
    """Hashes, masks or drops the fields of rows.

    Args:
        rules: the protected fields.
        hash_key: the key of hashes; required if there is a rule with ``hash``.

    Attributes:
        found: the names of the rules that applied to a value.
    """

    def __init__(self, rules: Sequence[Rule] = (), hash_key: str = "") -> None:
        self._rules = rules
        # Copied for each value, which is faster than a new one.
        self._mac = hmac.new(hash_key.encode("utf-8", "surrogatepass"), digestmod="sha256")
        self._root = _Place(())
        self._columns = {rule: rule.columns for rule in rules}
        self.found: set[str] = set()

    @property
    def not_found(self) -> list[str]:
        """The names of the rules that applied to no value."""
        return sorted({rule.name for rule in self._rules} - self.found)

    @property
    def fingerprint(self) -> str:
        """A text that changes with the rules and with the key; empty without rules."""
        if not self._rules:
            return ""
        spelled = sorted([".".join(rule.path), rule.how] for rule in self._rules)
        if any(rule.how == "hash" for rule in self._rules):
            spelled.append([self.hashed("")])
        return sha256(json.dumps(spelled).encode()).hexdigest()[:16]

    def rows(self, rows: list[Row]) -> list[Row]:
        """Return protected copies of rows; the rows themselves if there are no rules."""
        if not self._rules:
            return rows
        return [self._object(self._root, row) for row in rows]

    def applies_to(self, path: Path) -> Rule | None:
        """Return the rule for values at a path that are neither an object nor a list."""
        place = self._place(path)
        return None if place is None else place.here or place.on_the_way

    def is_above(self, path: Path) -> bool:
        """Return whether a rule applies to a path, or to objects in it."""
        return self._place(path) is not None

    def may_name(self, column: str) -> bool:
        """Return whether a rule may mean a column, or the columns of an object, by its name."""
        return any(
            column == name or column.startswith(f"{name}{SEPARATOR}")
            for names in self._columns.values()
            for name in names
        )

    def _place(self, path: Path) -> _Place | None:
        place: _Place | None = self._root
        for step in path:
            if place is None or place.here:
                break
            below = self._below(place, step)
            # The numbers of items in lists are not part of rules.
            place = place if below is None and step.isdecimal() else below
        return place

    def _below(self, place: _Place, name: str) -> _Place | None:
        if name not in place.seen:
            place.seen.add(name)
            if below := self._new_place((*place.path, name)):
                place.below[name] = below
        return place.below.get(name)

    def _new_place(self, path: Path) -> _Place | None:
        column, length = column_name(path), len(path)
        here = [r for r in self._rules if r.path == path or column in self._columns[r]]
        if here:
            return _Place(path, here=_strictest(here))
        through = [r for r in self._rules if r.path[:length] == path]
        # A name such as requester__email may be that of a column or of a field.
        perhaps = any(
            name.startswith(f"{column}{SEPARATOR}")
            for names in self._columns.values()
            for name in names
        )
        if through:
            return _Place(path, on_the_way=_strictest(through))
        return _Place(path) if perhaps else None

    def _object(self, place: _Place, row: Row) -> Row:
        if not row.keys() <= place.seen:
            for name in row:
                self._below(place, name)
        kept = dict(row)
        for name, below in place.below.items():
            if name in kept:
                value = self._value(below, kept[name])
                if value is DROPPED:
                    del kept[name]
                else:
                    kept[name] = value
        return kept

    def _value(self, place: _Place, value: Any) -> Any:
        if place.here:
            return self._protected(place.here, value)
        if isinstance(value, dict):
            return self._object(place, value)
        if isinstance(value, list):
            items = [self._value(place, item) for item in value]
            return [item for item in items if item is not DROPPED]
        if place.on_the_way and value is not None:
            return self._protected(place.on_the_way, value)
        return value

    def _protected(self, rule: Rule, value: Any) -> Any:
        self.found.add(rule.name)
        if rule.how == "drop":
            return DROPPED
        if value is None:
            return None
        if isinstance(value, list):
            return [self._protected(rule, item) for item in value]
        return MASK if rule.how == "mask" else self.hashed(value)

    def hashed(self, value: Any) -> str:
        """Return the hash of a value with the key, as 64 hexadecimal digits."""
        text = value if isinstance(value, str) else canonical(value)
        mac = self._mac.copy()
        mac.update(text.encode("utf-8", "surrogatepass"))
        return mac.hexdigest()


def canonical(value: Any) -> str:
    """Return a value as JSON, in the one form that is hashed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def column_name(path: Path) -> str:
    """Return the name of a field's column, unless another field has it."""
    return SEPARATOR.join(plain_name(NAMING, step) for step in path)


def _strictest(rules: Sequence[Rule]) -> Rule:
    return max(rules, key=lambda rule: STRICTNESS.index(rule.how))


UNPROTECTED = Protection()
