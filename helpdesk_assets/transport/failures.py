"""What is said of an exchange with the API that failed: what happened, what to do, no secret."""

import traceback
from dataclasses import dataclass

import dagster as dg
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError
from requests.exceptions import SSLError, Timeout

from helpdesk_assets.errors import UNCHANGED, TooManyRejectedError, UnusableAnswerError, chain
from helpdesk_assets.transport.redaction import Redaction

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Desk:
    """The help desk that a failure is about.

    Attributes:
        url: what is asked for, without the query, which may hold a secret.
        path: the part of it that comes after the base URL.
        set_secrets: what to do when the secrets are not the right ones.
    """

    url: str
    path: str
    set_secrets: str


def http_failure(error: BaseException, *, desk: Desk, requests: int) -> dg.Failure | None:
    """Say what went wrong between this project and the API; None when it was something else.

    Args:
        error: what was raised, with its causes.
        desk: where that was.
        requests: how many requests the run had sent.
    """
    for cause in chain(error):
        sentence = _sentence(cause, desk)
        if sentence:
            return dg.Failure(
                f"{sentence} {UNCHANGED}",
                metadata={"requests": requests},
                allow_retries=False,
            )
    return None


def _sentence(cause: BaseException, desk: Desk) -> str | None:
    url = desk.url
    if isinstance(cause, HTTPError) and cause.response is not None:
        status = cause.response.status_code
        if status in (401, 403):
            return (
                f"The help desk at {url} refused the API key (HTTP {status}): set "
                f"{desk.set_secrets}, to one that may read it."
            )
        if status == 429:
            return (
                f"The help desk at {url} still answered that there were too many requests "
                "(HTTP 429) when its request had been repeated: run again later, or less often."
            )
        if status >= 500:
            repeated = ", also when its request was repeated" if status in RETRIED_STATUSES else ""
            return (
                f"The help desk at {url} failed (HTTP {status}){repeated}: run again when it is "
                "well."
            )
        return (
            f"The help desk at {url} answered HTTP {status}: check that "
            f"SOURCES__HELP_DESK__BASE_URL is the part of its address before {desk.path}."
        )
    if isinstance(cause, UnusableAnswerError):
        return f"The help desk at {url} {cause}."
    if isinstance(cause, TooManyRejectedError):
        return f"{cause}."
    if isinstance(cause, SSLError):
        return (
            f"The certificate of the help desk at {url} is not trusted: check "
            "SOURCES__HELP_DESK__BASE_URL, or name your authority's certificates in "
            "REQUESTS_CA_BUNDLE."
        )
    if isinstance(cause, Timeout):
        return (
            f"The help desk at {url} did not answer in time, although its request was repeated: "
            "run again when it is well, or set RUNTIME__REQUEST_TIMEOUT to more seconds."
        )
    if isinstance(cause, RequestsConnectionError):
        return (
            f"The help desk at {url} could not be reached, or broke the connection, although its "
            "request was repeated: check SOURCES__HELP_DESK__BASE_URL, and that it is up."
        )
    return None


def unexpected_failure(error: BaseException, redaction: Redaction) -> dg.Failure:
    """Wrap an error that has no sentence of its own, with where it was raised.

    Its text is kept to its first line and without the secret; further lines of dlt's errors may
    hold the rows they are about.
    """
    innermost = list(chain(error))[-1]
    said = redaction.text(str(innermost)).partition("\n")[0]
    places = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for cause in chain(error)
        for frame in traceback.extract_tb(cause.__traceback__)
    ]
    return dg.Failure(
        f"The load failed: {type(innermost).__name__}: {said}",
        metadata={"raised_at": dg.MetadataValue.text("\n".join(places))},
    )
