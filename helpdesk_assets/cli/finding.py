"""A finding of `check`."""

from dataclasses import dataclass

import dagster as dg

from helpdesk_assets.errors import UNCHANGED
from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.reader import CompleteReader


@dataclass(frozen=True)
class Finding:
    """A finding of `check`.

    Attributes:
        what: what was checked.
        ok: whether it works; None if it works, but deserves attention.
        message: what was found, and what to do about it.
    """

    what: str
    ok: bool | None
    message: str


def message_of(failure: dg.Failure) -> str:
    """Return the message of a failure, without the part about the table, which is not read."""
    return str(failure.description).removesuffix(UNCHANGED).rstrip()


def reader_of(walk: Walk) -> CompleteReader:
    """Return the reader of a single list."""
    if not isinstance(walk.reader, CompleteReader):
        raise TypeError("The list is requested for each row of a parent.")
    return walk.reader
