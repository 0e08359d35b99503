"""Values in JSON: paths such as meta.after_cursor, and text that can be stored."""

import re
from collections.abc import Sequence
from typing import Any

Path = tuple[str, ...]
# Represents a missing field, as opposed to null.
MISSING = object()
WHOLE_BODY = "$"
STEP = re.compile(r"\['([^']+)'\]|\[(\d+)\]|([^.\[\]]+)")
EVERY_ITEM = "[*]"


def storable(text: str) -> str:
    """Return a text with lone surrogates replaced by U+FFFD.

    JSON can contain lone surrogates (an emoji cut in half), which cannot be encoded in UTF-8.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def path_of(spelled: str | None) -> Path:
    """Return the steps of a path such as meta.after_cursor; empty for the whole body.

    A name that contains a dot is in brackets, as in JSONPath: ``['@odata.nextLink']``. The number
    of an item in a list is in brackets, too: ``contacts[0].email``.
    """
    if not spelled or spelled == WHOLE_BODY:
        return ()
    return tuple("".join(step) for step in STEP.findall(spelled.removeprefix("$")))


def lists_of(selector: str) -> tuple[Path, ...]:
    """Return the paths of the lists in a selector such as issues[*].changelog.histories.

    The first is the path in the body, the others those in each row of the list before.
    """
    outer, *inner = selector.removesuffix(EVERY_ITEM).split(EVERY_ITEM)
    return (path_of(outer), *map(path_of, inner))


def value_at(value: Any, path: Sequence[str]) -> Any:
    """Return the value at a path in an object; MISSING if there is none.

    In a list, a step is the number of an item.
    """
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value
