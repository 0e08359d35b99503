"""Error messages for failed exchanges with the API: cause and remedy, without secrets."""

import re
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
from helpdesk_assets.transport.waits import is_throttled

# Statuses that may be temporary: 429 and 5xx; 408 and 425, by which a server asks for a retry; and
# 520 to 527, Cloudflare's statuses for a server that it cannot reach.
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 528)})
# The most likely causes of 4xx statuses for a list, and their remedies.
_PARAMETERS = (
    "it does not accept a parameter of the request; compare params, date_filter, incremental and "
    "format in its profile with the API's documentation"
)
_ADDRESS = "check that SOURCES__HELP_DESK__BASE_URL is the part of its URL before {path}"
_REMEDIES = {
    400: _PARAMETERS,
    402: "its plan does not include the API, or has not been paid",
    404: _ADDRESS,
    405: _ADDRESS,
    406: "it cannot return JSON; check client.headers in its profile",
    410: "this endpoint has been removed; look up its replacement in the API's documentation",
    414: "the URL is too long; check params in its profile",
    422: _PARAMETERS,
    431: "the request headers are too long; check client.headers in its profile",
    451: "access from your location is restricted for legal reasons; contact its vendor",
}
# Text in quotation marks, from the first mark to the last, as values may contain marks themselves.
_QUOTED = re.compile(r"'.*'|\".*\"")
# The fields in which APIs explain an error, such as those of RFC 9457.
_REASONS = ("detail", "message", "error_description", "errorMessages", "errors", "error", "title")
# Maximum nesting of an error, characters shown, and bytes of a body that is inspected.
_DEPTH = 4
_LONGEST_REASON = 200
_LONGEST_REFUSAL = 100_000


@dataclass(frozen=True)
class Desk:
    """The help desk of a failure.

    Attributes:
        url: the requested URL without the query, which may contain a secret.
        path: the part of the URL after the base URL.
        set_secrets: which settings contain the secrets; empty if there are none.
    """

    url: str
    path: str
    set_secrets: str


def http_failure(
    error: BaseException, *, desk: Desk, requests: int, redaction: Redaction
) -> dg.Failure | None:
    """Return the failure for an error in the exchange with the API; None for other errors.

    Args:
        error: the error with its causes.
        desk: the help desk.
        requests: the number of requests sent by the run.
        redaction: removes secrets, which an API may quote.
    """
    for cause in chain(error):
        message = _message(cause, desk, redaction)
        if message:
            return dg.Failure(
                f"{message} {UNCHANGED}",
                metadata={"requests": requests},
                allow_retries=False,
            )
    return None


def _of_status(response: Response, desk: Desk, redaction: Redaction) -> str:
    """Return the most likely cause of a status and its remedy, and the API's own explanation."""
    status = response.status_code
    is_temporary = status in RETRIED_STATUSES
    if is_throttled(status, response.headers):
        problem, is_temporary = "received too many requests", True
        remedy = "run again later, or less often"
    elif status in (401, 403) and not desk.set_secrets:
        problem, remedy = "requires authentication", "add auth to client in its profile"
    elif status in (401, 403):
        problem, remedy = "rejected the API key", f"set {desk.set_secrets}, to one with read access"
    elif status >= 500 or is_temporary:
        problem, remedy = "failed", "run again when it has recovered"
    else:
        problem = "rejected the request"
        remedy = _REMEDIES.get(
            status, "see the API's documentation for the requirements of this request"
        )
    remedy = remedy.format(path=desk.path)
    again = ", even after retries" if is_temporary else ""
    reason = redaction.text(reason_of(response))
    quoted = f' It responded: "{reason}".' if reason else ""
    return f"The help desk at {desk.url} {problem} (HTTP {status}){again}: {remedy}.{quoted}"


def reason_of(response: Response) -> str:
    """Return the API's explanation from the fields for it; an empty string if there is none.

    Nothing else of a body is shown, because it may contain a ticket.
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


def _message(cause: BaseException, desk: Desk, redaction: Redaction) -> str | None:
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
            "SOURCES__HELP_DESK__BASE_URL, or set REQUESTS_CA_BUNDLE to the file with your "
            "certificate authority's certificates."
        )
    if isinstance(cause, Timeout):
        return (
            f"The help desk at {url} did not respond in time, even after retries: run again when "
            "it has recovered, or increase RUNTIME__REQUEST_TIMEOUT (seconds)."
        )
    if isinstance(cause, ChunkedEncodingError):
        return (
            f"The help desk at {url} sent a truncated response, even after retries: run again when "
            "it has recovered."
        )
    if isinstance(cause, RequestsConnectionError):
        return (
            f"The help desk at {url} could not be reached, or closed the connection, even after "
            "retries: check SOURCES__HELP_DESK__BASE_URL, and that it is up."
        )
    return None


def unexpected_failure(error: BaseException, redaction: Redaction) -> dg.Failure:
    """Wrap an error without a message of its own, with the location where it was raised.

    Only the first line of its text is kept, without secrets: further lines of dlt's errors may
    contain rows. DuckDB and Arrow quote values of rows, which are removed.
    """
    innermost = list(chain(error))[-1]
    first, _, _ = redaction.text(str(innermost)).partition("\n")
    problem = shown(_QUOTED.sub("'...'", first), _LONGEST_REASON)
    places = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for cause in chain(error)
        for frame in traceback.extract_tb(cause.__traceback__)
    ]
    return dg.Failure(
        f"The load failed: {type(innermost).__name__}: {problem}",
        metadata={"raised_at": dg.MetadataValue.text("\n".join(places))},
    )
