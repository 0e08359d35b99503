"""The endpoint section of a profile: path, parameters, paginator and filters of a list."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from helpdesk_assets.profiles.client import Part, Plain
from helpdesk_assets.tables.times import FORMATS

# Names separated by dots; a name that contains a dot is in brackets, as in JSONPath.
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
        raise ValueError("an IANA time zone name, such as Europe/Berlin or UTC") from None
    return value


def _list_path(value: str) -> str:
    # dlt, like any URL join, would take this for another host.
    if ":" in value.partition("?")[0].partition("/")[0] or value.lstrip().startswith(("//", "\\")):
        raise ValueError("a path relative to the base URL, such as /v1/tickets, not a full URL")
    if not value.isprintable() or " " in value or "\\" in value:
        raise ValueError("a path without spaces and backslashes, such as /v1/tickets")
    return value


ListPath = Annotated[str, AfterValidator(_list_path)]
TimeFormat = Annotated[str, AfterValidator(_format)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class OffsetPaginator(Part):
    """Paging by offset and limit."""

    type: Literal["offset"]
    limit: int = Field(default=100, ge=2)
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"


class PageNumberPaginator(Part):
    """Paging by page number; the API must accept a page size, in ``limit_param``."""

    type: Literal["page_number"]
    # Smaller pages cannot always overlap; see CompleteWalk.
    limit: int = Field(default=100, ge=20)
    base_page: Literal[0, 1] = 0
    page_param: str = "page"
    limit_param: str
    maximum_page: int | None = Field(default=None, ge=1)
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"


class CursorPaginator(Part):
    """Paging by a cursor, which each page contains for the next."""

    type: Literal["cursor"]
    cursor_path: BodyPath = "cursors.next"
    cursor_param: str = "cursor"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None


class JsonLinkPaginator(Part):
    """Paging by a link to the next page in the response body."""

    type: Literal["json_link"]
    next_url_path: BodyPath = "next"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None


class HeaderLinkPaginator(Part):
    """Paging by a link to the next page in the Link header (RFC 8288)."""

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
    """Incremental loading, with the names of dlt's ``incremental``.

    ``cursor_path`` is only used by ``check``, to compare; it does not affect requests.
    """

    cursor_path: FieldPath | None = None
    start_param: str
    format: TimeFormat | None = None
    time_zone: TimeZone | None = None


class DateFilter(Part):
    """Loading a date range, with the names of dlt's ``incremental``.

    Without ``end_param``, everything from the start on is requested and loaded.
    """

    cursor_path: FieldPath | None = None
    start_param: str
    end_param: str | None = None
    format: TimeFormat | None = None
    time_zone: TimeZone | None = None


class ResponseAction(Part):
    """A response status that is not an error: the API has no page past the last one."""

    status_code: Literal[404, 410, 422]
    action: Literal["ignore"]


class Endpoint(Part):
    """How to request a list."""

    path: ListPath
    params: dict[str, int | bool | Plain] = Field(default_factory=dict)
    data_selector: BodyPath
    paginator: Annotated[Paginator, Field(discriminator="type")]
    incremental: IncrementalParams | None = None
    date_filter: DateFilter | None = None
    response_actions: list[ResponseAction] = Field(default_factory=list)
