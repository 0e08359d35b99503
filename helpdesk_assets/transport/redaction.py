"""Removes secrets from everything that people may read."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

from helpdesk_assets.errors import chain

REDACTED = "[redacted]"


class Redaction:
    """Removes secrets from texts, errors and log records.

    Args:
        secrets: the secrets as configured; their spellings in JSON, Python and URLs are removed,
            too.
    """

    def __init__(self, *secrets: str) -> None:
        self._spellings: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Add a secret."""
        spellings = {secret, repr(secret)[1:-1], secret.encode("unicode_escape").decode()}
        for text in tuple(spellings):
            spellings |= {quote(text), quote(text, safe=""), quote_plus(text)}
        # Longest first, so that no part of a longer one remains.
        self._spellings = sorted({*self._spellings, *spellings} - {""}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for spelling in self._spellings:
            text = text.replace(spelling, REDACTED)
        return text

    def clean(self, error: BaseException) -> None:
        """Remove the secrets from an error and its causes."""
        for cause in chain(error):
            cause.args = tuple(
                argument if isinstance(argument, int) else self.text(str(argument))
                for argument in cause.args
            )

    @contextmanager
    def of_logs(self) -> Iterator[None]:
        """Remove the secrets from all log records inside a ``with`` block, at any level.

        urllib3 logs each URL at DEBUG level, and its query may contain the key.
        """
        make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

        def make_redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            try:
                message = record.getMessage()
            except (TypeError, ValueError):
                message = f"{record.msg} {record.args}"
            if self.text(message) != message:
                record.msg, record.args = self.text(message), ()
            if record.exc_info:
                record.exc_text = self.text(logging.Formatter().formatException(record.exc_info))
                record.exc_info = None
            return record

        logging.setLogRecordFactory(make_redacted)
        try:
            yield
        finally:
            logging.setLogRecordFactory(make)
