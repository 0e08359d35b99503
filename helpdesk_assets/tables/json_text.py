"""Values as JSON text, for columns that hold lists and objects."""

import json
from typing import Any

import orjson


def json_text(value: Any) -> str:
    """Return a value as JSON; a text stays as it is."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # An integer of more than 64 bits.
        return json.dumps(value)
