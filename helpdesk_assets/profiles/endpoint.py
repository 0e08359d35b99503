"""The endpoint section of a profile: path, parameters, paginator and filters of a list."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from helpdesk_assets.profiles.client import Part
from helpdesk_assets.profiles.filters import (
    END,
    START,
    DateFilter,
    IncrementalParams,
    JsonBody,
    Params,
    texts_in,
)
from helpdesk_assets.profiles.paginators import (
    CursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    Paginator,
    SinglePagePaginator,
)
from helpdesk_assets.profiles.types import ListPath, MisplacedError, Selector
from helpdesk_assets.tables.paths import Path, lists_of

BODY_PATHS = ("offset_body_path", "limit_body_path", "page_body_path", "cursor_body_path")


class ResponseAction(Part):
    """A response status that is not an error: the API has no page past the last one.

    For lists by parent, it also means that a row has no such list.
    """

    status_code: Literal[204, 400, 404, 410, 416, 422]
    action: Literal["ignore"]


class Pass(Part):
    """One of several requests whose rows go into the same table.

    Attributes:
        name: what the rows have in the column ``_pass``.
        path: Default: the endpoint's.
        params, json: replace those of the endpoint, by name.
        incremental_only: whether it is requested in incremental syncs only, for changed rows that
            the other passes do not show as such; without it, they have all rows.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    path: ListPath | None = None
    params: Params = Field(default_factory=dict)
    json_body: JsonBody = Field(default_factory=dict, alias="json")
    incremental_only: bool = False


class Endpoint(Part):
    """How to request a list.

    Attributes:
        data_selector: the path of the rows. With ``[*]`` between two lists, the rows are those of
            the inner lists, and pages contain rows of the outer one.
        null_is_empty: whether a null or missing list means that there are no rows.
        passes: requests that are made one after another, each for a part of the rows.
    """

    path: ListPath
    params: Params = Field(default_factory=dict)
    data_selector: Selector
    paginator: Paginator
    incremental: IncrementalParams | None = None
    date_filter: DateFilter | None = None
    response_actions: list[ResponseAction] = Field(default_factory=list)
    method: Literal["GET", "POST"] = "GET"
    json_body: JsonBody = Field(default_factory=dict, alias="json")
    null_is_empty: bool = False
    passes: list[Pass] = Field(default_factory=list)

    @model_validator(mode="after")
    def _belongs_together(self) -> "Endpoint":
        if self.method == "GET":
            self._refuse_body()
        own = list(texts_in([self.params, self.json_body, *self._of_passes]))
        has_start = any(START in text for text in own)
        changes = self.incremental
        if changes and changes.initial_value is None and has_start:
            raise MisplacedError(
                f"initial_value: the value of {START} when everything is read", "incremental"
            )
        if not changes and any(START in text or END in text for text in own):
            raise ValueError(f"incremental, with initial_value, because its params contain {START}")
        if changes and not (has_start or changes.has_start or self.resumes):
            raise MisplacedError(
                f"start_param, or {START} in params or json of the endpoint", "incremental"
            )
        names = [each.name for each in self.passes]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise MisplacedError(
                    "another name, because this one is taken", "passes", place, "name"
                )
        if self.resumes and self.passes:
            raise MisplacedError("to be removed, because the paginator has resume", "passes")
        if self.passes and not self.passes_of_full_syncs:
            raise MisplacedError("one without incremental_only, for full syncs", "passes")
        if len(self.passes) > len(self.passes_of_full_syncs) and not changes:
            raise ValueError("incremental, because one of its passes has incremental_only")
        return self

    def _refuse_body(self) -> None:
        if self.json_body or any(part.json_body for part in self.passes):
            raise ValueError("method: POST beside json")
        for name in BODY_PATHS:
            if getattr(self.paginator, name, None):
                raise MisplacedError(f"method: POST beside {name}", "paginator")

    @property
    def _of_passes(self) -> list[Any]:
        return [each for part in self.passes for each in (part.params, part.json_body)]

    @property
    def passes_of_full_syncs(self) -> list[Pass]:
        """The passes that have all rows."""
        return [part for part in self.passes if not part.incremental_only]

    @property
    def rows_path(self) -> Path:
        """The path of the list that is paged."""
        return lists_of(self.data_selector)[0]

    @property
    def inner_paths(self) -> tuple[Path, ...]:
        """The paths from each row of that list to the rows of the table; empty without any."""
        return lists_of(self.data_selector)[1:]

    @property
    def resumes(self) -> bool:
        """Whether the next sync continues where the last one ended."""
        return isinstance(self.paginator, CursorPaginator) and self.paginator.resume

    @property
    def is_single(self) -> bool:
        """Whether the list is a single response."""
        return isinstance(self.paginator, SinglePagePaginator)

    @property
    def is_sliced(self) -> bool:
        """Whether a list that the API ends early is read on from its last date."""
        paginator: Any = self.paginator
        is_limited = (
            isinstance(paginator, OffsetPaginator) and paginator.maximum_offset is not None
        ) or (isinstance(paginator, PageNumberPaginator) and paginator.maximum_page is not None)
        return is_limited and self.incremental is not None and self.incremental.row_order == "asc"
