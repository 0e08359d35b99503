"""Converts a response of the API to a page: its rows, and what it says about further pages."""

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
_KINDS = {type(None): "null", bool: "a boolean", dict: "an object", str: "a string"}
# Where responses name a next page, by common names.
_PAGING = ("meta", "links", "_links", "paging", "pagination", "_pagination")
_NEXT = ("next", "next_page", "next_url", "nextPageToken", "next_cursor", "has_more", "hasMore")
# Maximum number of rows in a response, far more than any help desk sends.
MOST_ROWS = 50_000


@dataclass(frozen=True)
class Page:
    """The rows of one response.

    Attributes:
        rows: as the API sent them.
        total: the total number of rows reported by the API; None if it reports none.
        has_more: whether the API reports that more rows follow; None if it does not say.
        following: the cursor or URL of the next page; None if there is none.
        names_next: whether the response has the field for it, even if it is null.
    """

    rows: list[Row]
    total: int | None = None
    has_more: bool | None = None
    following: str | None = None
    names_next: bool = True


@dataclass(frozen=True)
class PageFormat:
    """The structure of a response.

    Attributes:
        rows: path of the list of rows; empty if the body is that list.
        total: path of the total number of rows; None if there is none.
        has_more: path of the flag that more rows follow; None if there is none.
        following: path of the cursor or URL of the next page; None for counted pages.
        link: the relation of the next page's URL in the Link header (RFC 8288).
        is_last: path of the flag that no more rows follow; None if there is none.
        total_header: the header with the total number of rows, or with a range and the total
            (Content-Range, RFC 9110); None if there is none.
        null_is_empty: whether a null or missing list means that there are no rows. If the format
            has a total, the response has to have it.
        is_single: whether the list is a single response; an object is then a row.
    """

    rows: Path = ("data",)
    total: Path | None = ("total",)
    has_more: Path | None = ("has_more",)
    following: Path | None = None
    link: str | None = None
    is_last: Path | None = None
    total_header: str | None = None
    null_is_empty: bool = False
    is_single: bool = False

    def page(self, response: Response, place: str) -> Page:
        """Return the page in a response.

        An empty list is a page, and so is HTTP 204 (No Content, RFC 9110), which some APIs send
        past their last page. A response without a list is an error: it may come from a changed
        API, a proxy or a login page.

        Args:
            response: the response with its body read.
            place: what was requested, such as offset 100.

        Raises:
            UnusableAnswerError: the response is not a page. The message gives the status and the
                content type, never the body.
            requests.RequestException: the response is truncated.
        """
        if response.status_code == NO_CONTENT and not response.content:
            return Page([])
        try:
            body = parsed(response)
        except ValueError:
            raise UnusableAnswerError(
                f"sent something that is not JSON{_where(response, place)}"
            ) from None
        total = self._total(body, response)
        rows = self._rows_in(body, total)
        name = ".".join(self.rows)
        if rows is MISSING:
            raise UnusableAnswerError(
                f"sent JSON without a field {name}{_where(response, place)}, and that "
                "data_selector in its profile is the path of the rows"
            )
        if not isinstance(rows, list):
            kind = _KINDS.get(type(rows), "a number")
            within = f" in the field {name}" if name else " as its body"
            raise UnusableAnswerError(
                f"sent {kind} instead of a list{within}{_where(response, place)}"
            )
        if len(rows) > MOST_ROWS:
            raise UnusableAnswerError(
                f"sent {len(rows):,} rows in one response (maximum: {MOST_ROWS:,})"
                f"{_where(response, place)}, and that its profile has the right parameter for the "
                "limit"
            )
        if set(map(type, rows)) - {dict}:
            raise UnusableAnswerError(
                f"sent rows that are not JSON objects{_where(response, place)}"
            )
        if self.is_single:
            _refuse_more(response, body, place)
        return Page(rows, total, self._more(body), *self._following(body, response))

    def _rows_in(self, body: Any, total: int | None) -> Any:
        """Return what the body has for the rows, which may be anything."""
        rows = value_at(body, self.rows)
        # A body without the total that there should be is no page, but perhaps an error.
        has_total = total is not None or not (self.total or self.total_header)
        if self.null_is_empty and has_total and (rows is None or rows is MISSING):
            return []
        if self.is_single and isinstance(rows, dict):
            return [rows]
        return rows

    def _total(self, body: Any, response: Response) -> int | None:
        if self.total_header:
            return _count(response.headers.get(self.total_header, "").rpartition("/")[2].strip())
        return _count(value_at(body, self.total)) if self.total else None

    def _more(self, body: Any) -> bool | None:
        if self.is_last:
            is_last = _truth(value_at(body, self.is_last))
            return None if is_last is None else not is_last
        return _truth(value_at(body, self.has_more)) if self.has_more else None

    def _following(self, body: Any, response: Response) -> tuple[str | None, bool]:
        """Return the cursor or URL of the next page, and whether the response has its field."""
        if self.link:
            # Many APIs send the header only if there is a next page.
            return linked(response.headers.get("Link", ""), self.link), True
        if not self.following:
            return None, True
        following = value_at(body, self.following)
        if following is MISSING:
            return None, False
        return None if following in (None, "") else str(following), True


def _refuse_more(response: Response, body: Any, place: str) -> None:
    """Refuse a response that should be the whole list, but names another page."""
    named = bool(linked(response.headers.get("Link", ""), "next"))
    for each in (body, *(value_at(body, (name,)) for name in _PAGING)):
        named |= any(value_at(each, (name,)) not in (MISSING, None, False, "") for name in _NEXT)
    if named:
        raise UnusableAnswerError(
            f"names a next page, but its profile has the paginator single_page"
            f"{_where(response, place)}, and choose another paginator"
        )


def _count(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _where(response: Response, place: str) -> str:
    content_type = shown(response.headers.get("Content-Type", "none").partition(";")[0], 40)
    return (
        f" for {place} (HTTP {response.status_code}, content type {content_type}): check that "
        "SOURCES__HELP_DESK__BASE_URL is the base URL of its API"
    )
