"""The keys that identify rows, as the API sent them."""

import json
from collections.abc import Hashable, Sequence
from typing import cast

from helpdesk_assets.tables.paths import Path, value_at
from helpdesk_assets.tables.rows import Row

# The paths of the parts of a key in a row.
Identity = Sequence[Path]
ID: Identity = (("id",),)
PLAIN = {int, str}


def key_of(row: Row, identity: Identity = ID) -> Hashable:
    """Return the key of a row, or the whole row as JSON if it has no valid key.

    Args:
        row: as the API sent it.
        identity: the paths of the parts of its key; without any, the whole row is the key.
    """
    found = tuple(value_at(row, path) for path in identity)
    if found and set(map(type, found)) <= PLAIN:
        return found if found[1:] else cast(Hashable, found[0])
    return json.dumps(row, sort_keys=True)


def keys_of(rows: Sequence[Row], identity: Identity = ID) -> list[Hashable]:
    """Return the keys of rows."""
    if len(identity) == 1 and len(identity[0]) == 1:
        ((name,),) = identity
        keys: list[Hashable] = [row.get(name) for row in rows]
        if set(map(type, keys)) <= PLAIN:
            return keys
    return [key_of(row, identity) for row in rows]
