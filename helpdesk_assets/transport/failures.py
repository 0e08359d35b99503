"""What is said of an exchange with the API that failed: what happened, what to do, no secret."""

import traceback
from dataclasses import dataclass

import dagster as dg
from requests import ConnectionError as RequestsConnectionError
from requests import HTTPError, RequestException, Response
from requests.exceptions import ChunkedEncodingError, SSLError, Timeout

from helpdesk_assets.errors import UNCHANGED, TooManyRejectedError, UnusableAnswerError, chain
from helpdesk_assets.shown import shown
from helpdesk_assets.transport.bodies import parsed
from helpdesk_assets.transport.redaction import Redaction

# What may be well a moment later: the five of the specification; 408 and 425, by which a server
# asks for the request once more; and 520 to 527, Cloudflare's for a server that it cannot reach.
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 528)})
# What statuses of 4xx most likely mean for a list that is asked for.
_PARAMETERS = (
    "it takes a parameter of the request otherwise; see params, date_filter, incremental and "
    "format in its profile, and what the API's documentation says of them"
)
_ADDRESS = "check that SOURCES__HELP_DESK__BASE_URL is the part of its address before {path}"
_REMEDIES = {
    400: _PARAMETERS,
    402: "its plan does not include the API, or is not paid for",
    404: _ADDRESS,
    405: _ADDRESS,
    406: "it does not send JSON; see client.headers in its profile",
    410: "this part of its API is there no more; see in its documentation what has replaced it",
    414: "the address is too long for it; see params in its profile",
    422: _PARAMETERS,
    431: "its headers are too long for it; see client.headers in its profile",
    451: "it may not send this list to where you are",
}
# The fields in which APIs say why they refuse, such as RFC 9457 has them.
_REASONS = ("detail", "message", "error_description", "errorMessages", "errors", "error", "title")
# Fields within fields, letters that are shown, and bytes of a body that is looked at.
_DEPTH = 4
_LONGEST_REASON = 200
_LONGEST_REFUSAL = 100_000


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


def http_failure(
    error: BaseException, *, desk: Desk, requests: int, redaction: Redaction
) -> dg.Failure | None:
    """Say what went wrong between this project and the API; None when it was something else.

    Args:
        error: what was raised, with its causes.
        desk: where that was.
        requests: how many requests the run had sent.
        redaction: of the secrets, which an API may quote.
    """
    for cause in chain(error):
        sentence = _sentence(cause, desk, redaction)
        if sentence:
            return dg.Failure(
                f"{sentence} {UNCHANGED}",
                metadata={"requests": requests},
                allow_retries=False,
            )
    return None


def _of_status(response: Response, desk: Desk, redaction: Redaction) -> str:
    """Say what a status most likely means, and quote what the API itself says of it."""
    status = response.status_code
    if status in (401, 403):
        said, remedy = "refused the API key", f"set {desk.set_secrets}, to one that may read it"
    elif status == 429:
        said = "still answered that there were too many requests"
        remedy = "run again later, or less often"
    elif status >= 500 or status in RETRIED_STATUSES:
        said, remedy = "failed", "run again when it is well"
    else:
        said = "refused the request"
        remedy = _REMEDIES.get(
            status, "see in its documentation what it wants of a request for this list"
        )
    remedy = remedy.format(path=desk.path)
    again = ", also when its request was repeated" if status in RETRIED_STATUSES else ""
    reason = redaction.text(_reason(response))
    quoted = f' It says: "{reason}".' if reason else ""
    return f"The help desk at {desk.url} {said} (HTTP {status}){again}: {remedy}.{quoted}"


def _reason(response: Response) -> str:
    """Return what the API says of a refusal, in a field that is for that; empty when it does not.

    Nothing else of a body is shown, for it may hold a ticket.
    """
    if len(response.content) > _LONGEST_REFUSAL:
        return ""
    try:
        body = parsed(response)
    except (ValueError, RequestException, UnusableAnswerError):
        return ""
    for _ in range(_DEPTH):
        if isinstance(body, list) and body:
            body = body[0]
        if not isinstance(body, dict):
            break
        inner = next((body[name] for name in _REASONS if body.get(name)), None)
        if isinstance(inner, str):
            return shown(inner, _LONGEST_REASON)
        body = inner
    return shown(body, _LONGEST_REASON) if isinstance(body, str) else ""


def _sentence(cause: BaseException, desk: Desk, redaction: Redaction) -> str | None:
    url = desk.url
    if isinstance(cause, HTTPError) and cause.response is not None:
        return _of_status(cause.response, desk, redaction)
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
    if isinstance(cause, ChunkedEncodingError):
        return (
            f"The help desk at {url} sent an answer that broke off, also when its request was "
            "repeated: run again when it is well."
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
    said = shown(redaction.text(str(innermost)).partition("\n")[0], _LONGEST_REASON)
    places = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for cause in chain(error)
        for frame in traceback.extract_tb(cause.__traceback__)
    ]
    return dg.Failure(
        f"The load failed: {type(innermost).__name__}: {said}",
        metadata={"raised_at": dg.MetadataValue.text("\n".join(places))},
    )
