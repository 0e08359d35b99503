"""What `check` finds out about one thing."""

from dataclasses import dataclass

import dagster as dg

from helpdesk_assets.errors import UNCHANGED
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.reader import CompleteReader


@dataclass(frozen=True)
class Finding:
    """What was found out about one thing.

    Attributes:
        what: the thing.
        ok: whether it is well; None where it is, and there is something to know about it.
        said: what was found, and what to do about it.
    """

    what: str
    ok: bool | None
    said: str


def said(failure: dg.Failure) -> str:
    """Return what a failure says, without what it says of the table, which is not looked at."""
    return str(failure.description).removesuffix(UNCHANGED).rstrip()


def reader_of(walk: Walk) -> CompleteReader:
    """Return the reader of a walk through one list."""
    if not isinstance(walk.reader, CompleteReader):
        raise TypeError("It is a list for each row of another.")
    return walk.reader
