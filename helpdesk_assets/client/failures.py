"""What a failed run says: one sentence that tells what happened and what to do, and no secret."""

import traceback
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import dagster as dg
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError
from requests.exceptions import SSLError, Timeout

REDACTED = "[redacted]"
UNCHANGED = "The tickets table is as it was before."


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def redact(text: str, secret: str) -> str:
    """Return ``text`` without ``secret``, plain or as a URL spells it."""
    for spelling in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        text = text.replace(spelling, REDACTED)
    return text


def setting_failure(sentence: str) -> dg.Failure:
    """Return the failure of a run that cannot succeed until someone does what it says."""
    return dg.Failure(sentence, allow_retries=False)


def http_failure(error: BaseException, *, url: str, requests: int) -> dg.Failure | None:
    """Say what went wrong between this project and the API; None when it was something else.

    Args:
        error: what was raised, with its causes.
        url: what was asked for, without the query, which holds the key.
        requests: how many requests the run had sent.
    """
    for cause in chain(error):
        sentence = _sentence(cause, url)
        if sentence:
            return dg.Failure(
                f"{sentence} {UNCHANGED}",
                metadata={"requests": requests},
                allow_retries=False,
            )
    return None


def _sentence(cause: BaseException, url: str) -> str | None:
    if isinstance(cause, HTTPError) and cause.response is not None:
        status = cause.response.status_code
        if status in (401, 403):
            return (
                f"The help desk at {url} refused the API key (HTTP {status}): set API_KEY, or "
                "api_key in .dlt/secrets.toml, to a key that may read tickets."
            )
        if status == 429:
            return (
                f"The help desk at {url} still answered that there were too many requests "
                "(HTTP 429) when its request had been repeated: run again later, or less often."
            )
        if status >= 500:
            return (
                f"The help desk at {url} failed (HTTP {status}), and its request is not worth "
                "repeating at once: run again when it is well."
            )
        return (
            f"The help desk at {url} answered HTTP {status}: check that "
            "SOURCES__HELP_DESK__BASE_URL is the part of its address before /v1/tickets."
        )
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


def unexpected_failure(error: BaseException, *, secret: str) -> dg.Failure:
    """Wrap an error that has no sentence of its own, with its traceback, without the secret."""
    innermost = list(chain(error))[-1]
    return dg.Failure(
        redact(f"The load failed: {type(innermost).__name__}: {innermost}", secret),
        metadata={
            "traceback": dg.MetadataValue.text(
                redact("".join(traceback.format_exception(error)), secret)
            )
        },
    )
