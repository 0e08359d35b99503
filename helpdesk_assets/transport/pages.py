"""What an answer of the API is to us: a page of rows, and what the API says of what follows."""

from dataclasses import dataclass
from typing import Any

from requests import Response

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.shown import shown
from helpdesk_assets.tables.paths import MISSING, Path, value_at
from helpdesk_assets.tables.rows import Row
from helpdesk_assets.transport.bodies import parsed
from helpdesk_assets.transport.links import linked

NO_CONTENT = 204
# Rows of an answer, far above what any help desk sends in one.
MOST_ROWS = 50_000


@dataclass(frozen=True)
class Page:
    """The rows of one answer.

    Attributes:
        rows: as the API sent them.
        total: how many rows it says there are in all; None when it does not say.
        has_more: whether it says that more rows follow; None when it does not say.
        following: the cursor or the address of the next page; None when there is none.
        names_next: whether the place of that is there at all, be it null.
    """

    rows: list[Row]
    total: int | None = None
    has_more: bool | None = None
    following: str | None = None
    names_next: bool = True


@dataclass(frozen=True)
class PageFormat:
    """Where in an answer things are.

    Attributes:
        rows: path of the list of rows; empty where the body is that list.
        total: path of how many rows there are in all; None where the API does not say.
        has_more: path of what is true while more follow; None where the API does not say.
        following: path of the cursor or address of the next page; None where pages are counted.
        link: the relation under which the Link header (RFC 8288) has that address.
    """

    rows: Path = ("data",)
    total: Path | None = ("total",)
    has_more: Path | None = ("has_more",)
    following: Path | None = None
    link: str | None = None

    def page(self, response: Response, place: str) -> Page:
        """Return the page that an answer is.

        An empty list is a page, and so is an answer of 204 (No Content, RFC 9110), as some APIs
        send it past their last page. No list is none, for it is how a changed API, a proxy or a
        login page looks.

        Args:
            response: the answer, its body read.
            place: what was asked for, such as offset 100.

        Raises:
            UnusableAnswerError: says what came, the status and the content type, never the body.
            requests.RequestException: it broke off.
        """
        if response.status_code == NO_CONTENT and not response.content:
            return Page([])
        try:
            body = parsed(response)
        except ValueError:
            raise UnusableAnswerError(
                f"sent something that is not JSON{_where(response, place)}"
            ) from None
        rows = value_at(body, self.rows)
        name = ".".join(self.rows)
        if rows is MISSING:
            raise UnusableAnswerError(
                f"sent JSON without a field {name}{_where(response, place)}, and data_selector in "
                "its profile the place of the rows"
            )
        if not isinstance(rows, list):
            kind = "null" if rows is None else type(rows).__name__
            within = f" in the field {name}" if name else " for a body"
            raise UnusableAnswerError(f"sent {kind} and no list{within}{_where(response, place)}")
        if len(rows) > MOST_ROWS:
            raise UnusableAnswerError(
                f"sent {len(rows):,} rows in one answer, and {MOST_ROWS:,} are the most that are "
                f"taken: it ignores how many are asked for{_where(response, place)}, and limit "
                "and its parameter in the profile"
            )
        if set(map(type, rows)) - {dict}:
            raise UnusableAnswerError(
                f"sent rows that are not JSON objects{_where(response, place)}"
            )
        return Page(
            rows,
            _count(value_at(body, self.total)) if self.total else None,
            _truth(value_at(body, self.has_more)) if self.has_more else None,
            *self._following(body, response),
        )

    def _following(self, body: Any, response: Response) -> tuple[str | None, bool]:
        """Return what leads to the next page, and whether its place is there."""
        if self.link:
            # Many an API sends the header only where there is something to name.
            return linked(response.headers.get("Link", ""), self.link), True
        if not self.following:
            return None, True
        following = value_at(body, self.following)
        if following is MISSING:
            return None, False
        return None if following in (None, "") else str(following), True


def _count(said: Any) -> int | None:
    try:
        return int(said)
    except (TypeError, ValueError, OverflowError):
        return None


def _truth(said: Any) -> bool | None:
    return said if isinstance(said, bool) else None


def _where(response: Response, place: str) -> str:
    content_type = shown(response.headers.get("Content-Type", "none").partition(";")[0], 40)
    return (
        f" for {place} (HTTP {response.status_code}, content type {content_type}): check that "
        "SOURCES__HELP_DESK__BASE_URL is its API's"
    )
