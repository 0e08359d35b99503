"""The values of the API that a profile replaces, such as ``true`` by ``customer``."""

from collections.abc import Mapping, Sequence
from typing import Any

from helpdesk_assets.tables.paths import MISSING

# A value in a profile.
Value = str | int | bool | None
# Stands for every value but null.
ANY = "*"
# Pairs of an API's value, as text or null, and what is stored instead.
Values = tuple[tuple[str | None, Value], ...]


def spelled(value: Any) -> str | None:
    """Return a value as a text to compare, such as true; None if it is null or missing."""
    if value is None or value is MISSING:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def values_of(mapping: Mapping[Value, Value]) -> Values:
    """Return the pairs of a mapping in a profile."""
    return tuple((spelled(sent), stored) for sent, stored in mapping.items())


def replaced(values: Sequence[Any], pairs: Values) -> list[Any]:
    """Return values with their replacements.

    Without a replacement for ``*``, other values stay as they are. A missing value counts as null.
    """
    stored = dict(pairs)
    found = []
    for value in values:
        name = spelled(value)
        if name in stored:
            found.append(stored[name])
        elif name is None:
            found.append(None)
        else:
            found.append(stored.get(ANY, value))
    return found


def replacement(value: Any, pairs: Values) -> Any:
    """Return the replacement of one value; see ``replaced``."""
    return replaced([value], pairs)[0]
