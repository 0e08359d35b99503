"""The model of a profile: the part of dlt's REST API source format that needs no code."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from helpdesk_assets.profiles.client import Client, Part
from helpdesk_assets.profiles.field_names import FieldNames
from helpdesk_assets.profiles.filters import DateFilter, IncrementalParams
from helpdesk_assets.profiles.resource import Resource, parent_column
from helpdesk_assets.profiles.ticket_url import TicketUrl, columns_in
from helpdesk_assets.profiles.types import MisplacedError, TimeFormat, TimeZone
from helpdesk_assets.tables.inner import INDEX
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.schema import COLUMNS, NAMED, TABLE, Column, DltType, Table
from helpdesk_assets.tables.times import ISO, Times
from helpdesk_assets.tables.vocabulary import Role

# Statuses of the vendors with built-in profiles, and of the sandbox.
DEFAULT_SOLVED_STATUSES = (
    "solved, closed, resolved, done, canceled, cancelled, merged, rejected, duplicate"
)


class Defaults(Part):
    """Defaults of all resources; this project supports only these values."""

    primary_key: Literal["id"] = "id"
    write_disposition: Literal["merge"] = "merge"


class Profile(Part):
    """A vendor's API, as described in its file.

    Attributes:
        name: the name of the file without its extension.
        is_built_in: whether it comes with this project, so that its fields are known to be right.
        documentation: URLs of the API documentation that the profile is based on.
        solved_statuses: the statuses of tickets that need no more work.
        solved_field: the column of tickets with these values.
        format: the format of times; see Times.
        time_zone: the time zone of times without one. Default: UTC.
        null_values: texts that the API sends for what is not set; they are loaded as null.
        ticket_url: where people open a ticket: a path after the base URL, or a URL, with columns
            in braces; or one column that has the URL.
    """

    name: str = Field(default="", exclude=True)
    is_built_in: bool = Field(default=False, exclude=True)
    documentation: list[str] = Field(default_factory=list)
    solved_statuses: list[str] = Field(default=DEFAULT_SOLVED_STATUSES.split(", "))
    solved_field: str = "status"
    format: TimeFormat = ISO
    time_zone: TimeZone | None = None
    null_values: list[str] = Field(default_factory=list)
    ticket_url: TicketUrl | None = None
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
            if resource.field_names:
                _refuse_unknown_names(resource.field_names, resource, resources, place)
        return resources

    @model_validator(mode="after")
    def _has_the_fields(self) -> "Profile":
        fields = self.tickets.fields
        columns = [column.name for column in self.tickets.columns()]
        for name in columns_in(self.ticket_url or ""):
            if name not in columns:
                raise MisplacedError(
                    f"names of columns of {TABLE} in braces: {', '.join(columns)}", "ticket_url"
                )
        if self.solved_field not in fields:
            raise MisplacedError(
                f"the name of one of the fields of {TABLE}: {', '.join(fields)}", "solved_field"
            )
        return self

    @property
    def tickets(self) -> Resource:
        """The resource of tickets."""
        return self.resource(TABLE)

    def resource(self, name: str) -> Resource:
        """Return a resource by name. Raises KeyError if there is none."""
        return {resource.name: resource for resource in self.resources}[name]

    def with_role(self, role: Role) -> list[Resource]:
        """Return the resources whose rows are, for example, comments."""
        return [resource for resource in self.resources if resource.role == role]

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
        standard = {column.name for column in COLUMNS} if resource.name == TABLE else set()
        columns = tuple(
            replace(column, may_be_empty=self.is_built_in and column.name not in standard)
            for column in resource.columns()
        )
        for name in resource.marks:
            if name in resource.fields:
                continue
            dlt_type, description = self._mark(resource, name)
            columns += (
                Column(
                    name=name,
                    dlt_type=dlt_type,
                    description=description,
                    nullable=False,
                    primary_key=name in resource.key,
                ),
            )
        return replace(
            table,
            columns=columns,
            times=self.times(),
            null_values=tuple(self.null_values),
            role=resource.role,
        )

    def _mark(self, resource: Resource, name: str) -> tuple[DltType, str]:
        """Return the type and the description of a column that is not in the row."""
        if name == INDEX:
            return "bigint", "The position of the row in its list, starting at 0."
        if resource.parent and name == parent_column(resource.parent):
            key = self.resource(resource.parent).columns()[0]
            return key.dlt_type, f"The id of the parent row in {resource.parent}."
        path = resource.outer[name]
        # If the outer rows are those of another table, the column has the type that it has there.
        outer = [
            column.dlt_type
            for other in self.resources
            if other.endpoint.path == resource.endpoint.path and not other.outer
            for column in other.columns()
            if column.field == path_of(path)
        ]
        return (outer or ["text"])[0], f"The field {path} of the outer row."


def _refuse_unknown_names(
    named: FieldNames, resource: Resource, resources: list[Resource], place: int
) -> None:
    """Raise MisplacedError if the names of custom fields cannot be where the profile says."""
    others = {other.name: other for other in resources if other.name != resource.name}
    if named.resource not in others:
        raise MisplacedError(
            f"the name of another resource, which lists the fields: one of {', '.join(others)}"
            if others
            else "a further resource, which lists the fields",
            place,
            "field_names",
            "resource",
        )
    if f"{resource.name}{NAMED}" in others:
        raise MisplacedError(
            f"to be removed, because {resource.name}{NAMED} is the name of another resource",
            place,
            "field_names",
        )
    columns = [column.name for column in others[named.resource].columns()]
    for name in ("id", "name"):
        if getattr(named, name) not in columns:
            raise MisplacedError(
                f"a column of {named.resource}: one of {', '.join(columns)}",
                place,
                "field_names",
                name,
            )
