"""Follows redirects only to the host that the API key is meant for."""

from urllib.parse import urljoin, urlsplit, urlunsplit

from requests import PreparedRequest, Response
from requests.utils import requote_uri

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown

# Maximum number of consecutive redirects.
MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}


def redirected(request: PreparedRequest, response: Response) -> PreparedRequest:
    """Return the request for a redirect, with the authentication of the original request.

    Redirects to the same host and port are allowed, and from http to https of the same host.

    Args:
        request: the original GET request.
        response: the response with a Location header.

    Raises:
        UnusableAnswerError: the redirect leads elsewhere.
    """
    location = response.headers["Location"]
    # requests decodes the header as Latin-1; browsers decode it as UTF-8.
    try:
        location = location.encode("latin-1").decode()
        asked, to = urlsplit(str(request.url)), urlsplit(urljoin(str(request.url), location))
        same = (to.scheme, to.hostname, to.port or _PORTS.get(to.scheme)) == (
            asked.scheme,
            asked.hostname,
            asked.port or _PORTS.get(asked.scheme),
        )
        safer = (asked.scheme, to.scheme) == ("http", "https") and to.hostname == asked.hostname
        host = to.netloc.rpartition("@")[2]
    except ValueError:
        raise UnusableAnswerError("redirects to an invalid URL") from None
    if not (same or safer):
        raise UnusableAnswerError(
            f"redirects to {shown(to.scheme)}://{shown(to.hostname)}, which must not receive the "
            "API key: set SOURCES__HELP_DESK__BASE_URL to the base URL of its API"
        )
    following = request.copy()
    following.url = requote_uri(urlunsplit((to.scheme, host, to.path or "/", to.query, "")))
    return following
