"""Columns of instants in Arrow, for many times in the format of an API at once."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from helpdesk_assets.tables.times import BEYOND, EARLIEST, LATEST, Times

INSTANTS = pa.timestamp("us", tz="UTC")
FIRST, LAST = pa.scalar(EARLIEST, INSTANTS), pa.scalar(LATEST, INSTANTS)
# The end of a time that has a time zone.
ZONED = r"(?i)(z|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
DATE_ALONE = r"^\d{4}-\d{2}-\d{2}$"


def instants(values: Sequence[Any], times: Times) -> pa.Array:
    """Return a column of instants for text and numbers sent by the API.

    Raises:
        ValueError, OverflowError: a value is not supported here; ``Times.instant`` supports more.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return _within(_of_texts(pa.array(values, pa.string()), times))
    if kinds <= {int}:
        unit = "ms" if times.format == "epoch_milliseconds" else "s"
        counted = pc.cast(pa.array(values, pa.int64()), pa.timestamp(unit, tz="UTC"))
        return _within(pc.cast(counted, INSTANTS))
    raise ValueError


def _of_texts(texts: pa.Array, times: Times) -> pa.Array:
    if "%" in times.format:
        read = (None if text is None else times.instant(text) for text in texts.to_pylist())
        return pa.array(read, INSTANTS)
    try:
        return pc.cast(texts, INSTANTS)
    except pa.ArrowInvalid:
        if times.time_zone is None:
            raise
    has_zone = pc.match_substring_regex(texts, ZONED)
    has_zone = pc.and_(has_zone, pc.invert(pc.match_substring_regex(texts, DATE_ALONE)))
    none = pa.scalar(None, pa.string())
    local = pc.cast(pc.if_else(has_zone, none, texts), pa.timestamp("us"))
    placed = pc.assume_timezone(
        local, times.time_zone, ambiguous="earliest", nonexistent="earliest"
    )
    zoned = pc.cast(pc.if_else(has_zone, texts, none), INSTANTS)
    return pc.coalesce(zoned, pc.cast(placed, INSTANTS))


def _within(column: pa.Array) -> pa.Array:
    """Return the column unchanged. Raises OverflowError if a time is out of Python's range."""
    bounds = pc.min_max(column)
    first, last = bounds["min"], bounds["max"]
    if first.is_valid and (pc.less(first, FIRST).as_py() or pc.greater(last, LAST).as_py()):
        raise OverflowError(BEYOND)
    return column
