"""What JSON holds: where a value is, by paths such as meta.after_cursor, and texts to store."""

import re
from collections.abc import Sequence
from typing import Any

Path = tuple[str, ...]
# Stands for a field that is not there, where null is one that is.
MISSING = object()
WHOLE_BODY = "$"
STEP = re.compile(r"\['([^']+)'\]|([^.\[\]]+)")


def storable(text: str) -> str:
    """Return a text with U+FFFD for each half of a character that takes two.

    JSON can spell such halves (an emoji cut in two), and no text in UTF-8 can hold them.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def path_of(spelled: str | None) -> Path:
    """Return the steps of a path such as meta.after_cursor; none for the whole body.

    A name that has a dot in it stands in brackets, as in JSONPath: ``['@odata.nextLink']``.
    """
    if not spelled or spelled == WHOLE_BODY:
        return ()
    return tuple(quoted or plain for quoted, plain in STEP.findall(spelled.removeprefix("$")))


def value_at(value: Any, path: Sequence[str]) -> Any:
    """Return what is found on a path from an object down; MISSING when nothing is."""
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return MISSING
        value = value[step]
    return value
