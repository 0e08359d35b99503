"""The paginators of a profile, with dlt's names where dlt has them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from helpdesk_assets.profiles.client import Part
from helpdesk_assets.profiles.types import BodyPath, FieldPath, HeaderName


class _Counted(Part):
    """What the paginators that count rows or pages have in common.

    Attributes:
        total_path, total_header: where the response has the total number of rows.
        has_more_path: where it has the flag that more rows follow.
        is_last_path: where it has the flag that no more rows follow.
    """

    total_path: BodyPath | None = "total"
    total_header: HeaderName | None = None
    has_more_path: BodyPath | None = "has_more"
    is_last_path: BodyPath | None = None


class OffsetPaginator(_Counted):
    """Paging by offset and limit, in the query or in the JSON body.

    Attributes:
        offset: the offset of the first row.
        maximum_offset: the number of rows that the API returns of a list; None: all.
    """

    type: Literal["offset"]
    limit: int = Field(default=100, ge=2)
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"
    offset_body_path: FieldPath | None = None
    limit_body_path: FieldPath | None = None
    offset: Literal[0, 1] = 0
    maximum_offset: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _is_in_one_place(self) -> "OffsetPaginator":
        _refuse_both(self, "offset_param", "offset_body_path")
        _refuse_both(self, "limit_param", "limit_body_path")
        if (self.offset_body_path is None) != (self.limit_body_path is None):
            raise ValueError("both offset_body_path and limit_body_path, or neither")
        return self


class PageNumberPaginator(_Counted):
    """Paging by page number.

    Pages can only overlap, which verifies that no row lies between them, if the API accepts a page
    size, and if that is not very small; see CompleteWalk.

    Attributes:
        limit: the page size. Without ``limit_param`` or ``limit_body_path``, the API's own.
        maximum_page: the number of the last page that the API returns of a list; None: all.
    """

    type: Literal["page_number"]
    limit: int = Field(default=100, ge=1)
    base_page: Literal[0, 1] = 0
    page_param: str = "page"
    limit_param: str | None = None
    maximum_page: int | None = Field(default=None, ge=1)
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"
    page_body_path: FieldPath | None = None
    limit_body_path: FieldPath | None = None

    @model_validator(mode="after")
    def _is_in_one_place(self) -> "PageNumberPaginator":
        _refuse_both(self, "page_param", "page_body_path")
        _refuse_both(self, "limit_param", "limit_body_path")
        if self.limit_body_path and not self.page_body_path:
            raise ValueError("page_body_path beside limit_body_path")
        if self.page_body_path and self.limit_param:
            raise ValueError("limit_body_path instead of limit_param beside page_body_path")
        return self


class CursorPaginator(Part):
    """Paging by a cursor, which each page contains for the next.

    Attributes:
        resume: whether the list is an export to which changes are added at its end: the last
            cursor is kept, and the next sync continues there.
    """

    type: Literal["cursor"]
    cursor_path: BodyPath = "cursors.next"
    cursor_param: str = "cursor"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None
    cursor_body_path: FieldPath | None = None
    is_last_path: BodyPath | None = None
    total_header: HeaderName | None = None
    resume: bool = False

    @model_validator(mode="after")
    def _is_in_one_place(self) -> "CursorPaginator":
        _refuse_both(self, "cursor_param", "cursor_body_path")
        return self


class JsonLinkPaginator(Part):
    """Paging by a link to the next page in the response body."""

    type: Literal["json_link"]
    next_url_path: BodyPath = "next"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None
    is_last_path: BodyPath | None = None
    total_header: HeaderName | None = None


class HeaderLinkPaginator(Part):
    """Paging by a link to the next page in the Link header (RFC 8288)."""

    type: Literal["header_link"]
    links_next_key: str = "next"
    total_path: BodyPath | None = None
    total_header: HeaderName | None = None


class SinglePagePaginator(Part):
    """A list that is a single response, or a single object that is a row."""

    type: Literal["single_page"]
    total_path: BodyPath | None = None
    total_header: HeaderName | None = None
    has_more_path: BodyPath | None = None
    is_last_path: BodyPath | None = None


AnyPaginator = (
    OffsetPaginator
    | PageNumberPaginator
    | CursorPaginator
    | JsonLinkPaginator
    | HeaderLinkPaginator
    | SinglePagePaginator
)
Paginator = Annotated[AnyPaginator, Field(discriminator="type")]


def _refuse_both(paginator: Any, param: str, body_path: str) -> None:
    if {param, body_path} <= paginator.model_fields_set:
        raise ValueError(f"either {param} or {body_path}, not both")
