"""What a failed run says: errors with a text of their own, for whoever reads them in the UI.

All rooms raise them, and this one imports none of the others. What is said of an exchange with an
API that failed is in ``helpdesk_assets.transport.failures``.
"""

from collections.abc import Iterator

import dagster as dg

UNCHANGED = "The table is as it was before."


class UnusableAnswerError(Exception):
    """What the API sent cannot be loaded without losing tickets.

    The text goes on after "The help desk at URL": it says what it did and at which offset, and
    holds nothing of the answer's body.
    """


class NoTokenError(UnusableAnswerError):
    """There was no token to be had for the client's id and secret."""


class TooManyRejectedError(Exception):
    """More rows cannot be loaded than the run may reject; the text is the error message."""


def setting_failure(sentence: str) -> dg.Failure:
    """Return the failure of a run that cannot succeed until someone does what it says."""
    return dg.Failure(sentence, allow_retries=False)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
