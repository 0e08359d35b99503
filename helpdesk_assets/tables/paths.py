"""Values in JSON: paths such as meta.after_cursor, and text that can be stored."""

import re
from collections.abc import Sequence
from typing import Any

Path = tuple[str, ...]
# Represents a missing field, as opposed to null.
MISSING = object()
WHOLE_BODY = "$"
STEP = re.compile(r"\['([^']+)'\]|([^.\[\]]+)")


def storable(text: str) -> str:
    """Return a text with lone surrogates replaced by U+FFFD.

    JSON can contain lone surrogates (an emoji cut in half), which cannot be encoded in UTF-8.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def path_of(spelled: str | None) -> Path:
    """Return the steps of a path such as meta.after_cursor; empty for the whole body.

    A name that contains a dot is in brackets, as in JSONPath: ``['@odata.nextLink']``.
    """
    if not spelled or spelled == WHOLE_BODY:
        return ()
    return tuple(quoted or plain for quoted, plain in STEP.findall(spelled.removeprefix("$")))


def value_at(value: Any, path: Sequence[str]) -> Any:
    """Return the value at a path in an object; MISSING if there is none."""
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return MISSING
        value = value[step]
    return value
