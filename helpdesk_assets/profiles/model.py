"""The model of a profile: the part of dlt's REST API source format that needs no code."""

import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from helpdesk_assets.profiles.client import Client, Part
from helpdesk_assets.profiles.endpoint import (
    DateFilter,
    Endpoint,
    FieldPath,
    IncrementalParams,
    TimeFormat,
    TimeZone,
)
from helpdesk_assets.tables.paths import Path, path_of
from helpdesk_assets.tables.schema import COLUMNS, REJECTED, TABLE, Column, DltType, Table
from helpdesk_assets.tables.times import ISO, Times

# dlt's placeholder in a path for the id of each row of another resource.
PARENT = re.compile(r"\{resources\.(\w+)\.id\}")
# Names of assets that always exist.
RESERVED = frozenset({"help_desk_api", "help_desk_report"})
RESERVED_START = ("ticket_", "dlt_")

# The key column of tables other than tickets.
KEY = (replace(COLUMNS[0], description="The id in the help desk. Rows are merged on it."),)


class FieldSpec(Part):
    """The path of a column in a row, and its type."""

    path: FieldPath
    type: DltType | None = None
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


# Statuses of the vendors with built-in profiles, and of the sandbox.
DEFAULT_SOLVED_STATUSES = (
    "solved, closed, resolved, done, canceled, cancelled, merged, rejected, duplicate"
)


class MisplacedError(ValueError):
    """A mistake that is detected in one place of a profile, but located further down.

    Attributes:
        location: the keys from where it is detected to where it is.
    """

    def __init__(self, sentence: str, *location: str | int) -> None:
        super().__init__(sentence)
        self.location = location


class Resource(Part):
    """A list of the API, and the required columns of its table."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
    endpoint: Endpoint
    fields: dict[str, FieldSpec]
    primary_key: str | list[str] | None = None
    exclude: list[FieldPath] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Resource":
        if (
            self.name in RESERVED
            or self.name.startswith(RESERVED_START)
            or self.name.endswith(REJECTED)
        ):
            raise MisplacedError(
                "another name, because this project uses it for its own tables or assets", "name"
            )
        missing = [column.name for column in self._known if column.name not in self.fields]
        if missing:
            raise ValueError(f"the path of {', '.join(missing)} under fields")
        for name in self.key:
            if name not in self.fields and name != parent_column(self.parent or ""):
                raise MisplacedError(
                    f"names of its fields, and {name} is not one of them", "primary_key"
                )
        if self.name == TABLE and self.key != ("id",):
            raise MisplacedError("to be id alone, because ticket ids are unique", "primary_key")
        if "{" in PARENT.sub("", self.endpoint.path) or len(PARENT.findall(self.endpoint.path)) > 1:
            raise MisplacedError(
                "a path with one placeholder such as {resources.help_desk_tickets.id}, and no "
                "other braces",
                "endpoint",
                "path",
            )
        for name in ("incremental", "date_filter"):
            if self.parent and getattr(self.endpoint, name):
                raise MisplacedError(
                    "to be removed, because the path contains the id of a parent", "endpoint", name
                )
        return self

    @property
    def _known(self) -> tuple[Column, ...]:
        if self.name == TABLE:
            return COLUMNS
        return KEY if "id" in self.key else ()

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns that rows are merged on.

        In lists by parent, ids may be unique only within one parent.
        """
        if self.primary_key:
            named = self.primary_key
            return (named,) if isinstance(named, str) else tuple(named)
        return (parent_column(self.parent), "id") if self.parent else ("id",)

    @property
    def identity(self) -> tuple[Path, ...]:
        """The paths of the key in a row."""
        return tuple(column.field for column in self.columns() if column.primary_key)

    @property
    def parent(self) -> str | None:
        """The name of the parent resource, for each row of which the list is requested; or None."""
        found = PARENT.search(self.endpoint.path)
        return found.group(1) if found else None

    def columns(self) -> tuple[Column, ...]:
        """Return the columns of the table according to its fields, the standard ones first."""
        known = {column.name: column for column in self._known}
        names = [*known, *(name for name in self.fields if name not in known)]
        columns = (_column(name, self.fields[name], known.get(name)) for name in names)
        return tuple(
            replace(column, primary_key=True, nullable=False)
            if column.name in self.key
            else replace(column, primary_key=False)
            for column in columns
        )


class Defaults(Part):
    """Defaults of all resources; this project supports only these values."""

    primary_key: Literal["id"] = "id"
    write_disposition: Literal["merge"] = "merge"


class Profile(Part):
    """A vendor's API, as described in its file.

    Attributes:
        name: the name of the file without its extension.
        documentation: URLs of the API documentation that the profile is based on.
        solved_statuses: the statuses of tickets that need no more work.
        format: the format of times; see Times.
        time_zone: the time zone of times without one. Default: UTC.
    """

    name: str = Field(default="", exclude=True)
    documentation: list[str] = Field(default_factory=list)
    solved_statuses: list[str] = Field(default=DEFAULT_SOLVED_STATUSES.split(", "))
    format: TimeFormat = ISO
    time_zone: TimeZone | None = None
    client: Client
    resource_defaults: Defaults = Defaults()
    resources: Annotated[list[Resource], Field(min_length=1)]

    @field_validator("resources")
    @classmethod
    def _belong_together(cls, resources: list[Resource]) -> list[Resource]:
        names = [resource.name for resource in resources]
        if TABLE not in names:
            raise ValueError(f"a resource named {TABLE}")
        for place, resource in enumerate(resources):
            if resource.name in names[:place]:
                raise MisplacedError("another name, because this one is taken", place, "name")
            parent = next((other for other in resources if other.name == resource.parent), None)
            unfit = parent is None or parent.parent or parent.key != ("id",)
            if resource.parent and (unfit or resource.name == TABLE):
                of = ", ".join(
                    other.name for other in resources if not other.parent and other.key == ("id",)
                )
                raise MisplacedError(
                    f"the name of a resource that has no parent itself: one of {of}",
                    place,
                    "endpoint",
                    "path",
                )
        return resources

    @property
    def tickets(self) -> Resource:
        """The resource of tickets."""
        return self.resource(TABLE)

    def resource(self, name: str) -> Resource:
        """Return a resource by name. Raises KeyError if there is none."""
        return {resource.name: resource for resource in self.resources}[name]

    def times(self, asked: IncrementalParams | DateFilter | None = None) -> Times:
        """Return the format of times; for a filter, with the overrides of the filter."""
        if asked is None:
            return Times(self.format, self.time_zone)
        return Times(asked.format or self.format, asked.time_zone or self.time_zone)

    def table(self, table: Table) -> Table:
        """Return a table with its columns: those of its resource's fields, and the parent's id.

        Raises:
            KeyError: there is no resource with its name.
        """
        resource = self.resource(table.name)
        columns = resource.columns()
        if resource.parent:
            key = self.resource(resource.parent).columns()[0]
            columns += (
                Column(
                    name=parent_column(resource.parent),
                    dlt_type=key.dlt_type,
                    description=f"The id of the parent row in {resource.parent}.",
                    nullable=False,
                    primary_key=parent_column(resource.parent) in resource.key,
                ),
            )
        return replace(table, columns=columns, times=self.times())


def parent_column(parent: str) -> str:
    """Return the name of the column with the parent's id, as in dlt."""
    return f"_{parent}_id"


def _column(name: str, spec: FieldSpec, known: Column | None) -> Column:
    path = path_of(spec.path)
    if known:
        return replace(
            known,
            path=path,
            dlt_type=spec.type or known.dlt_type,
            description=spec.description or known.description,
        )
    usual: DltType = "timestamp" if name.endswith("_at") else "text"
    return Column(
        name=name,
        dlt_type=spec.type or usual,
        description=spec.description or f"The API field {spec.path}.",
        path=path,
    )
