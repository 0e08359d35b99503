"""When a walk began, by the API's clock and by this machine's."""

import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from requests import Response


class Clocks:
    """Compares two clocks by the first request and its answer.

    Attributes:
        began: when the first request was sent, by the API's own clock (the header Date of its
            answer) or by this machine's, whichever was earlier; None before the first page.
        ahead: by how many seconds, roughly, the API's clock is ahead of this machine's; None where
            it does not say.
    """

    def __init__(self) -> None:
        self._first_sent: tuple[datetime, float] | None = None
        self.began: datetime | None = None
        self.ahead: float | None = None

    def note_sent(self) -> None:
        """Note that a request is about to be sent."""
        self._first_sent = self._first_sent or (datetime.now(timezone.utc), time.monotonic())

    def note_answered(self, response: Response) -> None:
        """Note the answer to the first request.

        An answer is dated when it is made, so that the time since then is taken off.
        """
        if self.began is not None or self._first_sent is None:
            return
        sent, monotonic = self._first_sent
        self.began = sent
        lasted = timedelta(seconds=time.monotonic() - monotonic)
        try:
            answered = parsedate_to_datetime(response.headers.get("Date", ""))
            # A date of the zone -0000 comes without one, and is of UTC.
            by_the_api = answered.replace(tzinfo=answered.tzinfo or timezone.utc) - lasted
        except (TypeError, ValueError, OverflowError):
            return
        self.ahead = (by_the_api - sent).total_seconds()
        self.began = min(sent, by_the_api.astimezone(timezone.utc))
