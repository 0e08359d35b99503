"""Searches what a run leaves, on disk and on screen, for what must not be there."""

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> set[str]:
    """Return a secret as it is, and as JSON, Python and URLs spell it."""
    plain = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return (
        plain
        | {quote(text, safe=safe) for text in plain for safe in ("", "/")}
        | {quote_plus(text) for text in plain}
    )


def hits(needles: Iterable[str], *, folder: Path, printed: str) -> list[str]:
    """Return where a needle was found: the paths of files, and "printed"."""
    texts = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    texts["printed"] = printed.encode()
    return [
        f"{needle!r} in {name}"
        for needle in sorted(needles)
        for name, text in texts.items()
        if needle.encode() in text
    ]
