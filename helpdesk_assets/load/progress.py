"""Logs the progress of a long run, a few times a minute."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from helpdesk_assets.load.source import Walk
from helpdesk_assets.paging.portions import WalkOfWalks

# Seconds between two log lines.
EVERY = 20.0


@contextmanager
def progress(walk: Walk, say: Callable[[str], None]) -> Iterator[None]:
    """Log the progress of a sync inside a ``with`` block; nothing if it is shorter than ``EVERY``.

    It runs in its own thread, so that it also logs when the API does not respond.
    """
    began, ended = time.monotonic(), threading.Event()

    def log_progress() -> None:
        while not ended.wait(EVERY):
            say(where(walk, time.monotonic() - began))

    thread = threading.Thread(target=log_progress, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def where(walk: Walk, seconds: float) -> str:
    """Return the progress of a sync after some seconds, in one line."""
    read, session = walk.reader.walk, walk.reader.session
    name, rows = walk.table.name, walk.reader.rows_read
    message = f"{name}: {rows:,} rows"
    if read.has_ended and not (isinstance(read, WalkOfWalks) and read.asked < read.of):
        return f"{name}: all {rows:,} rows read in {read.pages:,} pages; loading them now."
    rate = rows / seconds if seconds else 0
    done, of = rows, read.total
    if isinstance(read, WalkOfWalks):
        done, of = read.asked, read.of
        message += f", for {done:,} of {of:,} {walk.parent}"
    else:
        pages = -(-of * read.pages // max(1, rows)) if of and rows else None
        message += f" of {of:,}" if of else ""
        message += f", {read.pages:,} pages" + (
            f" of about {max(pages, read.pages):,}" if pages else ""
        )
    message += f", {rate:,.0f} rows per second"
    if of and done:
        message += f", about {_duration(max(0.0, (of - done) * seconds / done))} left"
    waited = session.waited
    if waited >= 1:
        message += f"; {_duration(waited)} spent on rate limits and retries"
    return message + "."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
