"""Errors with user-facing messages, shown in the Dagster UI when a run fails.

All packages raise these errors; this module imports none of them. Messages for failed requests to
the API are in ``helpdesk_assets.transport.failures``.
"""

from collections.abc import Iterator

import dagster as dg

UNCHANGED = "The table is as it was before."


class UnusableAnswerError(Exception):
    """The API's response cannot be loaded without losing tickets.

    The text completes "The help desk at URL ...": it says what the API did and at which offset,
    and contains nothing of the response body.
    """


class CannotContinueError(UnusableAnswerError):
    """An interrupted load cannot be continued, so all rows have to be read again."""


class NoTokenError(UnusableAnswerError):
    """No token could be obtained with the secrets in the settings."""


class TooManyRejectedError(Exception):
    """More rows were rejected than allowed; the text is the error message."""


def setting_failure(message: str) -> dg.Failure:
    """Return a failure that is not retried, because someone has to follow its message first."""
    return dg.Failure(message, allow_retries=False)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
