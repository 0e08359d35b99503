"""``ticket_url`` of a profile: where people open a ticket in the help desk."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator

# A column of the tickets in an address.
COLUMN = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


def _address(value: str) -> str:
    plain = COLUMN.sub("1", value)
    # The column may have the whole address, as in {html_url}.
    is_column = COLUMN.fullmatch(value) is not None
    is_path = value.startswith("/") and not value.startswith("//")
    try:
        url = urlsplit(plain)
        # The host is the same for all tickets.
        fixed = COLUMN.search(urlsplit(value).netloc) is None
        is_full = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc
    except ValueError:
        is_full, fixed = False, False
    if "dlt.secrets" in value:
        raise ValueError("an address without secrets, because reports contain it")
    if (
        not (is_column or is_path or (is_full and fixed))
        or re.search(r"[{}\\<>\"\s]", plain)
        or not plain.isprintable()
    ):
        raise ValueError(
            "a path after the base URL, such as /agent/tickets/{id}, a full URL, such as "
            "https://desk.example.com/tickets/{id}, or a column with the URL, such as {html_url}"
        )
    if not COLUMN.search(value):
        raise ValueError("a column of the ticket in braces, such as {id}")
    return value


TicketUrl = Annotated[str, AfterValidator(_address)]


def columns_in(address: str) -> list[str]:
    """Return the names of the columns in an address."""
    return COLUMN.findall(address)


def url_of(address: str, ticket: Mapping[str, Any]) -> str | None:
    """Return the URL of a ticket; None if a column is null, or is not the URL that it should be.

    Args:
        address: a full URL with columns in braces, or one column that has the URL.
        ticket: the values of these columns by name.
    """
    values = {name: ticket[name] for name in columns_in(address)}
    if any(value is None for value in values.values()):
        return None
    if COLUMN.fullmatch(address):
        url = str(*values.values())
        # What the API sends may be anything: a link that runs a script, for example.
        return url if re.match(r"https?://[^/?#\s]", url) and url.isprintable() else None
    return COLUMN.sub(lambda found: quote(str(values[found[1]]), safe=""), address)
