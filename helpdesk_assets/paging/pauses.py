"""When the reading of a list in slices pauses, so that what was read so far is loaded."""

import time

from helpdesk_assets.paging.checkpoint import Checkpoint, Fingerprint
from helpdesk_assets.paging.parts import PartsWalk
from helpdesk_assets.paging.slices import Slice
from helpdesk_assets.paging.walk import AWalk

# The number of slices that are loaded one by one. A load takes dlt half a second, so this costs a
# quarter of a minute at most, and an interruption repeats only the requests for one slice.
ONE_BY_ONE = 32
# After them, reading takes at least this many times as long as loading: a list in hundreds of short
# slices is slowed by a tenth at most, and to read for a few seconds again is no loss.
TIMES = 10


class Pauses:
    """Decides when to pause: when a slice has begun, from which a later run can read on.

    Args:
        fingerprint: returns the fingerprint of a key.
        last: the checkpoint from which the walk reads on; None: it reads from the beginning.

    Attributes:
        last: the checkpoint of the last pause.
    """

    def __init__(self, fingerprint: Fingerprint, last: Checkpoint | None = None) -> None:
        self._fingerprint = fingerprint
        self.last = last
        self._pauses = 0
        self._paused_at = self._resumed_at = time.monotonic()

    def resume(self) -> None:
        """Go on after a pause, in which what was read before has been loaded."""
        self._resumed_at = time.monotonic()

    def is_due(self, walk: AWalk) -> bool:
        """Return whether to pause after the last page that a walk has processed."""
        name, current = None, walk
        while isinstance(current, PartsWalk):
            if not current.joins:
                return False
            part = current.parts[-1]
            name, current = part.name or name, part.walk
        if not isinstance(current, Slice) or current.start is None:
            return False
        if self.last and (self.last.name, self.last.start) == (name, current.start):
            return False
        loading = self._resumed_at - self._paused_at
        reading = time.monotonic() - self._resumed_at
        if self._pauses >= ONE_BY_ONE and reading < TIMES * loading:
            return False
        self._pauses += 1
        self._paused_at = time.monotonic()
        self.last = Checkpoint(
            current.start,
            sorted(map(self._fingerprint, current.expected)),
            name,
            walk.pages,
            walk.overlap_retries,
            walk.unverified,
        )
        return True
