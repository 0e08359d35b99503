"""When a sync began, by the API's clock and by this machine's."""

import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from requests import Response


class Clocks:
    """Compares two clocks with the first request and its response.

    Attributes:
        began: when the first request was sent, by the API's clock (the Date header of the
            response) or by this machine's, whichever is earlier; None before the first page.
        ahead: by how many seconds the API's clock is ahead of this machine's, approximately; None
            if the API sends no Date header.
    """

    def __init__(self) -> None:
        self._first_sent: tuple[datetime, float] | None = None
        self.began: datetime | None = None
        self.ahead: float | None = None

    def note_sent(self) -> None:
        """Note that a request is about to be sent."""
        self._first_sent = self._first_sent or (datetime.now(timezone.utc), time.monotonic())

    def note_answered(self, response: Response) -> None:
        """Note the response to the first request.

        A response is dated when it is created, so the time since the request is subtracted.
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
