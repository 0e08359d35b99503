"""How a profile requests a part of a list: the changed rows, or those of a date range."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from helpdesk_assets.profiles.client import SECRET, Part, Plain
from helpdesk_assets.profiles.types import FieldPath, TimeFormat, TimeZone

# dlt's placeholders in query parameters and in the JSON body.
START, END = "{incremental.start_value}", "{incremental.end_value}"
PLACEHOLDER = re.compile(r"\{incremental\.(\w*)\}")


def texts_in(value: Any) -> Iterator[str]:
    """Yield all strings in a JSON value, or in parameters."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def _without_secrets(value: Any) -> Any:
    for text in texts_in(value):
        if SECRET.search(text):
            raise ValueError(
                "plain values, because a secret reference would be sent literally: move it to auth"
            )
        for name in PLACEHOLDER.findall(text):
            if name not in ("start_value", "end_value"):
                raise ValueError(f"{START} or {END} as its placeholders")
    return value


Scalar = int | bool | Plain
Params = Annotated[dict[str, Scalar | list[Scalar]], AfterValidator(_without_secrets)]
JsonBody = Annotated[dict[str, Any], AfterValidator(_without_secrets)]


class _Filter(Part):
    """A filter by time: a parameter, or placeholders for times.

    Attributes:
        cursor_path: the path of the time in a row. Only used to compare, and to read on where the
            API ends a list.
        start_param: the query parameter for the start.
        params, json: replace those of the endpoint, by name.
        format, time_zone: of times in the request. Default: the profile's.
    """

    cursor_path: FieldPath | None = None
    start_param: str | None = None
    format: TimeFormat | None = None
    time_zone: TimeZone | None = None
    params: Params = Field(default_factory=dict)
    json_body: JsonBody = Field(default_factory=dict, alias="json")

    @property
    def has_start(self) -> bool:
        """Whether a request contains the start of the time."""
        return bool(self.start_param) or any(
            START in text for text in texts_in([self.params, self.json_body])
        )


class IncrementalParams(_Filter):
    """Incremental loading, with the names of dlt's ``incremental``.

    Attributes:
        initial_value: what the placeholder for the start, in the endpoint's own parameters, is when
            everything is read: the text that the API expects.
        row_order: ``asc`` if the list is sorted by ``cursor_path``, ascending.
        lag: seconds to subtract from the start of the last complete sync, if the setting is less.
    """

    initial_value: str | int | None = None
    row_order: Literal["asc"] | None = None
    lag: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_a_time(self) -> "IncrementalParams":
        if self.row_order and not self.cursor_path:
            raise ValueError("cursor_path beside row_order: the field that the list is sorted by")
        return self


class Undated(Part):
    """How to request the rows without a date: params and json, as in a filter."""

    params: Params = Field(default_factory=dict)
    json_body: JsonBody = Field(default_factory=dict, alias="json")

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Undated":
        if not (self.params or self.json_body):
            raise ValueError("params or json, which request the rows without a date")
        return self


class DateFilter(_Filter):
    """Loading a date range, with the names of dlt's ``incremental``.

    Without ``end_param`` or its placeholder, everything from the start on is requested and loaded.

    Attributes:
        undated: how to request the rows that have no date; None: there are none, or the API has no
            such filter.
    """

    end_param: str | None = None
    undated: Undated | None = None

    @property
    def has_end(self) -> bool:
        """Whether a request contains the end of the time."""
        return bool(self.end_param) or any(
            END in text for text in texts_in([self.params, self.json_body])
        )

    @model_validator(mode="after")
    def _has_a_time(self) -> "DateFilter":
        if not self.has_start:
            raise ValueError(f"start_param, or {START} in its params or json")
        return self
