"""Searches files and output of a run for secrets."""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import duckdb


@contextmanager
def logged_to(file: Path) -> Iterator[None]:
    """Write the messages of all loggers, at every level, to a file, inside a ``with`` block."""
    handler = logging.FileHandler(file)
    loggers = [logging.getLogger(name) for name in (None, "dlt", "urllib3", "requests")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.removeHandler(handler)
    handler.close()


def everything_stored(file: Path) -> str:
    """Return all rows of all tables of a DuckDB file as text. The file itself is compressed."""
    with duckdb.connect(str(file)) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
        ).fetchall()
        return "".join(
            str(connection.execute(f"select * from {table}").fetchall()) for (table,) in tables
        )


def spellings(secret: str) -> set[str]:
    """Return a secret as such, and as escaped in JSON, Python and URLs."""
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
