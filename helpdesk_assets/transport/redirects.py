"""Where a redirect may lead: to where the key is meant for, and nowhere else."""

from urllib.parse import urljoin, urlsplit, urlunsplit

from requests import PreparedRequest, Response
from requests.utils import requote_uri

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown

# In a row.
MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}


def redirected(request: PreparedRequest, response: Response) -> PreparedRequest:
    """Return the request that an answer redirects to, with what let the first one in.

    It may lead to the same host and port, or from http to https of the same host.

    Args:
        request: as it was sent; it asks for something, and changes nothing.
        response: has a header Location.

    Raises:
        UnusableAnswerError: it leads elsewhere.
    """
    location = response.headers["Location"]
    # As requests has it, HTTP sends what is no ASCII as Latin-1, and browsers take it for UTF-8.
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
        raise UnusableAnswerError("redirects to something that is no address") from None
    if not (same or safer):
        raise UnusableAnswerError(
            f"redirects to {shown(to.scheme)}://{shown(to.hostname)}, which the key is not meant "
            "for: set SOURCES__HELP_DESK__BASE_URL to where its API is"
        )
    following = request.copy()
    following.url = requote_uri(urlunsplit((to.scheme, host, to.path or "/", to.query, "")))
    return following
