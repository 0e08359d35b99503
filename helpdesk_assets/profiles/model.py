"""What a profile may hold: dlt's REST API source format, as far as it needs no code."""

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

# As dlt writes what is put into a path: the id of each row of another resource.
PARENT = re.compile(r"\{resources\.(\w+)\.id\}")
# Assets that are there in any case, whatever the profile lists.
RESERVED = frozenset({"help_desk_api", "help_desk_report"})
RESERVED_START = ("ticket_", "dlt_")

# What each table has, of whatever it is.
KEY = (replace(COLUMNS[0], description="Its key in the help desk. Rows are merged on it."),)


class FieldSpec(Part):
    """Where a column is found in a row, and what it holds."""

    path: FieldPath
    type: DltType | None = None
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


# What the vendors of the shipped profiles, and this project's sandbox, call it.
DEFAULT_SOLVED_STATUSES = (
    "solved, closed, resolved, done, canceled, cancelled, merged, rejected, duplicate"
)


class MisplacedError(ValueError):
    """A mistake that is seen in one place of a profile and is in another, further down.

    Attributes:
        location: the keys that lead there from where it is seen.
    """

    def __init__(self, sentence: str, *location: str | int) -> None:
        super().__init__(sentence)
        self.location = location


class Resource(Part):
    """A list of the API, and the columns that its table has in any case."""

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
                "another name, as this project has tables or assets called so", "name"
            )
        missing = [column.name for column in self._known if column.name not in self.fields]
        if missing:
            raise ValueError(f"fields to say where {', '.join(missing)} is found")
        for name in self.key:
            if name not in self.fields and name != parent_column(self.parent or ""):
                raise MisplacedError(f"names of its fields, and {name} is none", "primary_key")
        if self.name == TABLE and self.key != ("id",):
            raise MisplacedError("id alone, as tickets have one that is theirs", "primary_key")
        if "{" in PARENT.sub("", self.endpoint.path) or len(PARENT.findall(self.endpoint.path)) > 1:
            raise MisplacedError(
                "a path in which {resources.help_desk_tickets.id}, or the like, stands for an id, "
                "and nothing else is in braces",
                "endpoint",
                "path",
            )
        for name in ("incremental", "date_filter"):
            if self.parent and getattr(self.endpoint, name):
                raise MisplacedError(
                    "to be left out where the path has an id in it", "endpoint", name
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

        Ids of lists by parent may be unique only among those of one parent.
        """
        if self.primary_key:
            named = self.primary_key
            return (named,) if isinstance(named, str) else tuple(named)
        return (parent_column(self.parent), "id") if self.parent else ("id",)

    @property
    def identity(self) -> tuple[Path, ...]:
        """Where in a row its key is, as far as the row has it."""
        return tuple(column.field for column in self.columns() if column.primary_key)

    @property
    def parent(self) -> str | None:
        """The name of the resource that it is asked for by, row by row; None without."""
        found = PARENT.search(self.endpoint.path)
        return found.group(1) if found else None

    def columns(self) -> tuple[Column, ...]:
        """Return the columns that the table has by its fields, those of every desk first."""
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
    """What holds for all resources; both have the one value that this project can keep."""

    primary_key: Literal["id"] = "id"
    write_disposition: Literal["merge"] = "merge"


class Profile(Part):
    """A vendor's API, as its file describes it.

    Attributes:
        name: of the file, without its ending.
        documentation: addresses of the pages that the profile was made from.
        solved_statuses: the statuses that mean that nobody has to do anything about a ticket.
        format: how the API spells times; see Times.
        time_zone: what its times are of that do not say their zone. Default: UTC.
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
            raise ValueError(f"one of the name {TABLE}")
        for place, resource in enumerate(resources):
            if resource.name in names[:place]:
                raise MisplacedError("another name, as there is one of that name", place, "name")
            parent = next((other for other in resources if other.name == resource.parent), None)
            unfit = parent is None or parent.parent or parent.key != ("id",)
            if resource.parent and (unfit or resource.name == TABLE):
                of = ", ".join(
                    other.name for other in resources if not other.parent and other.key == ("id",)
                )
                raise MisplacedError(
                    f"the name of a resource that is asked for by itself: one of {of}",
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
        """Return a resource by its name. Raises KeyError when there is none."""
        return {resource.name: resource for resource in self.resources}[name]

    def times(self, asked: IncrementalParams | DateFilter | None = None) -> Times:
        """Return how the API spells times; where it is asked for those of a time, if it differs."""
        if asked is None:
            return Times(self.format, self.time_zone)
        return Times(asked.format or self.format, asked.time_zone or self.time_zone)

    def table(self, table: Table) -> Table:
        """Return a table with its columns: by its resource's fields, and whose rows it belongs to.

        Raises:
            KeyError: there is no resource of its name.
        """
        resource = self.resource(table.name)
        columns = resource.columns()
        if resource.parent:
            key = self.resource(resource.parent).columns()[0]
            columns += (
                Column(
                    name=parent_column(resource.parent),
                    dlt_type=key.dlt_type,
                    description=f"The id of the row in {resource.parent} that it belongs to.",
                    nullable=False,
                    primary_key=parent_column(resource.parent) in resource.key,
                ),
            )
        return replace(table, columns=columns, times=self.times())


def parent_column(parent: str) -> str:
    """Return the name of the column for the id of a parent, as dlt names it."""
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
        description=spec.description or f"The field {spec.path} of the API.",
        path=path,
    )
