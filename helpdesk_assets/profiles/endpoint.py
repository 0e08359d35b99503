"""The part of a profile that says where a list is, and how it is asked for page by page."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from helpdesk_assets.profiles.client import Part, Plain
from helpdesk_assets.tables.times import FORMATS

# Names with dots between them; one that has a dot in it stands in brackets, as in JSONPath.
_QUOTED = r"\['[^']+'\]"
_STEPS = rf"([\w@-]+|{_QUOTED})(\.[\w@-]+|\.?{_QUOTED})*"
FieldPath = Annotated[str, StringConstraints(pattern=rf"^{_STEPS}$")]
BodyPath = Annotated[str, StringConstraints(pattern=rf"^(\$|(\$\.?)?{_STEPS})$")]


def _format(value: str) -> str:
    if value not in FORMATS and (
        "%" not in value or datetime(2026, 1, 31).strftime(value) == value
    ):
        raise ValueError(f"one of {', '.join(FORMATS)}, or a pattern such as %Y-%m-%d %H:%M:%S")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError("the name of a time zone, such as Europe/Berlin or UTC") from None
    return value


def _list_path(value: str) -> str:
    # What dlt, and whoever joins addresses, takes for another host.
    if ":" in value.partition("?")[0].partition("/")[0] or value.lstrip().startswith(("//", "\\")):
        raise ValueError("what comes after the base URL, such as /v1/tickets, and no other address")
    if not value.isprintable() or " " in value or "\\" in value:
        raise ValueError("an address without blanks and backslashes, such as /v1/tickets")
    return value


ListPath = Annotated[str, AfterValidator(_list_path)]
TimeFormat = Annotated[str, AfterValidator(_format)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class OffsetPaginator(Part):
    """Pages by how many rows to leave out."""

    type: Literal["offset"]
    limit: int = Field(default=100, ge=2)
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"


class PageNumberPaginator(Part):
    """Pages by number; their size has to be the caller's to choose, by ``limit_param``."""

    type: Literal["page_number"]
    # Pages of fewer rows cannot all be joined; see CompleteWalk.
    limit: int = Field(default=100, ge=20)
    base_page: Literal[0, 1] = 0
    page_param: str = "page"
    limit_param: str
    maximum_page: int | None = Field(default=None, ge=1)
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"


class CursorPaginator(Part):
    """Pages by a cursor that each page has for the next."""

    type: Literal["cursor"]
    cursor_path: BodyPath = "cursors.next"
    cursor_param: str = "cursor"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None


class JsonLinkPaginator(Part):
    """Pages by an address that each page has for the next, in its body."""

    type: Literal["json_link"]
    next_url_path: BodyPath = "next"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None


class HeaderLinkPaginator(Part):
    """Pages by an address that each page has for the next, in the header Link (RFC 8288)."""

    type: Literal["header_link"]
    links_next_key: str = "next"
    total_path: BodyPath | None = None


Paginator = (
    OffsetPaginator
    | PageNumberPaginator
    | CursorPaginator
    | JsonLinkPaginator
    | HeaderLinkPaginator
)


class IncrementalParams(Part):
    """How to ask for what has changed, in the words of dlt's ``incremental``.

    ``cursor_path`` is what ``check`` compares; what is asked for does not depend on it.
    """

    cursor_path: FieldPath | None = None
    start_param: str
    format: TimeFormat | None = None
    time_zone: TimeZone | None = None


class DateFilter(Part):
    """How to ask for the tickets of a time, in the words of dlt's ``incremental``.

    Without ``end_param`` the API is asked for all that comes after, and all of it is loaded.
    """

    cursor_path: FieldPath | None = None
    start_param: str
    end_param: str | None = None
    format: TimeFormat | None = None
    time_zone: TimeZone | None = None


class ResponseAction(Part):
    """An answer that is no failure: that nothing is there, past the last page."""

    status_code: Literal[404, 410, 422]
    action: Literal["ignore"]


class Endpoint(Part):
    """Where and how a list is asked for."""

    path: ListPath
    params: dict[str, int | bool | Plain] = Field(default_factory=dict)
    data_selector: BodyPath
    paginator: Annotated[Paginator, Field(discriminator="type")]
    incremental: IncrementalParams | None = None
    date_filter: DateFilter | None = None
    response_actions: list[ResponseAction] = Field(default_factory=list)
