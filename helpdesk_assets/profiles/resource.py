"""The model of a list in a profile: its endpoint, its key, and the columns of its table."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from dlt.common.normalizers.naming.snake_case import NamingConvention
from pydantic import Field, StringConstraints, model_validator

from helpdesk_assets.profiles.client import Part
from helpdesk_assets.profiles.endpoint import Endpoint
from helpdesk_assets.profiles.field_names import FieldNames
from helpdesk_assets.profiles.fields import FieldSpec, column_of, refuse_other_meaning
from helpdesk_assets.profiles.protection import (
    ColumnKey,
    ColumnSpec,
    field_path,
    protected_columns,
    rule_for,
    rules_of,
)
from helpdesk_assets.profiles.types import FieldPath, MisplacedError
from helpdesk_assets.tables.inner import INDEX
from helpdesk_assets.tables.paths import Path, path_of
from helpdesk_assets.tables.protection import Rule
from helpdesk_assets.tables.schema import COLUMNS, REJECTED, TABLE, Column
from helpdesk_assets.tables.values import Value
from helpdesk_assets.tables.vocabulary import Role, Term, role_of, terms_of

# dlt's placeholder in a path for the id of each row of another resource.
PARENT = re.compile(r"\{resources\.(\w+)\.id\}")
# The name of a request among several whose rows go into one table.
LISTED_BY = "_pass"
# Names of assets that always exist.
RESERVED = frozenset({"help_desk_api", "help_desk_report", "sla_breaches", "team_daily"})
RESERVED_START = ("ticket_", "desk_", "dlt_")

_NAMING = NamingConvention()
# The key column of tables other than tickets.
KEY = (replace(COLUMNS[0], description="The id in the help desk. Rows are merged on it."),)


class Resource(Part):
    """A list of the API, and the required columns of its table.

    Attributes:
        given_role: what its rows are, if its name is not that of a role; see ``role``.
        include_from_parent: fields of the outer row, where the rows are those of inner lists. They
            are its key there, and become columns such as ``_issues_id``.
        only_rows: values by field, of its fields or by path; other rows are read and not stored.
        deleted_rows: values by field of its fields; rows with them are deleted in the help desk.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
    given_role: Role | None = Field(default=None, alias="role")
    endpoint: Endpoint
    fields: dict[str, FieldSpec]
    primary_key: str | list[str] | None = None
    exclude: list[FieldPath] = Field(default_factory=list)
    include_from_parent: Annotated[list[FieldPath], Field(min_length=1)] | None = None
    only_rows: dict[FieldPath, Annotated[list[Value], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    deleted_rows: dict[str, Annotated[list[Value], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    protected: dict[ColumnKey, ColumnSpec] = Field(default_factory=dict, alias="columns")
    field_names: FieldNames | None = None

    @model_validator(mode="after")
    def _check_requirements(self) -> "Resource":
        if (
            self.name in RESERVED
            or self.name.startswith(RESERVED_START)
            or self.name.endswith(REJECTED)
        ):
            raise MisplacedError(
                "another name, because this project uses it for its own tables or assets", "name"
            )
        if self.name == TABLE and self.given_role:
            raise MisplacedError("to be removed, because these are the tickets", "role")
        missing = [column.name for column in self._known if column.name not in self.fields]
        if missing:
            raise ValueError(f"the path of {', '.join(missing)} under fields")
        known = {column.name: column for column in self._known}
        for name, spec in self.fields.items():
            refuse_other_meaning(name, spec, known.get(name), self._terms.get(name))
        for name in self.key:
            if name not in self.fields and name not in self.marks:
                raise MisplacedError(
                    f"names of its fields, and {name} is not one of them", "primary_key"
                )
            if name in self.fields and self.fields[name].type == "json":
                raise MisplacedError(
                    "another type, because rows are merged on it", "fields", name, "type"
                )
            if name in self.fields and self.fields[name].values:
                raise MisplacedError(
                    "to be removed, because rows are merged on it", "fields", name, "values"
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
        for name in ("incremental", "date_filter", "passes"):
            if self.parent and getattr(self.endpoint, name):
                raise MisplacedError(
                    "to be removed, because the path contains the id of a parent", "endpoint", name
                )
        inner = self.endpoint.inner_paths
        if self.include_from_parent and not inner:
            raise MisplacedError(
                "[*] in data_selector, between the list of outer rows and the inner list",
                "include_from_parent",
            )
        marks = {*self.marks, *([LISTED_BY] if self.endpoint.passes else [])}
        for name in self.deleted_rows:
            if name not in self.fields and name not in marks:
                raise MisplacedError(
                    f"names of its fields, and {name} is not one of them", "deleted_rows"
                )
        if self.name == TABLE and inner:
            raise MisplacedError(
                "the path of the tickets, without [*] before them", "endpoint", "data_selector"
            )
        for name, reason in self._needed.items():
            path = field_path(self.fields[name].path) if name in self.fields else (name,)
            if rule := rule_for(self.rules, path):
                raise MisplacedError(f"to be removed, because {reason}", "columns", rule.name)
        return self

    @property
    def _needed(self) -> dict[str, str]:
        """The columns that cannot be protected, with the reasons."""
        keys = (*self.key, *self.marks)
        needed = {name: f"{name} identifies rows, so it has to stay as it is" for name in keys}
        needed |= {name: f"deleted_rows compares {name}" for name in self.deleted_rows}
        if self.name == TABLE:
            needed["created_at"] = "created_at has to stay a time, which checks and reports need"
        return needed

    @property
    def rules(self) -> list[Rule]:
        """The rules that protect fields."""
        return rules_of(self.protected, {name: spec.path for name, spec in self.fields.items()})

    @property
    def role(self) -> Role | None:
        """What its rows are in the common vocabulary; None if they have no part in it."""
        return self.given_role or role_of(self.name)

    @property
    def _terms(self) -> Mapping[str, Term]:
        return terms_of(self.name, self.role)

    @property
    def _known(self) -> tuple[Column, ...]:
        if self.name == TABLE:
            return COLUMNS
        return KEY if "id" in self.key else ()

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns that rows are merged on.

        In lists by parent and in inner lists, ids may be unique only within one parent.
        """
        if self.primary_key:
            named = self.primary_key
            return (named,) if isinstance(named, str) else tuple(named)
        return (*([parent_column(self.parent)] if self.parent else ()), *self.outer, "id")

    @property
    def identity(self) -> tuple[Path, ...]:
        """The paths of the key in a row of the list that is paged; empty if it has none."""
        if self.outer:
            return tuple(map(path_of, self.outer.values()))
        return tuple(column.field for column in self.columns() if column.primary_key)

    @property
    def outer(self) -> Mapping[str, str]:
        """The columns with the key of the outer row, and their paths in it; for inner lists."""
        if not self.endpoint.inner_paths:
            return {}
        outer = (self.endpoint.rows_path or ("row",))[-1]
        names = {
            path: "_".join((outer, *path_of(path))) for path in self.include_from_parent or ["id"]
        }
        return {f"_{_NAMING.normalize_identifier(name)}": path for path, name in names.items()}

    @property
    def marks(self) -> tuple[str, ...]:
        """The columns whose values are not in the row as the API sends it."""
        is_inner = self.outer or self.parent
        return (
            *((parent_column(self.parent),) if self.parent else ()),
            *self.outer,
            *((INDEX,) if is_inner and INDEX in (self.primary_key or ()) else ()),
        )

    @property
    def parent(self) -> str | None:
        """The name of the parent resource, for each row of which the list is requested; or None."""
        found = PARENT.search(self.endpoint.path)
        return found.group(1) if found else None

    @property
    def allowed(self) -> Mapping[Path, list[Value]]:
        """The values of the rows that are stored, by their path in a row."""
        return {
            path_of(self.fields[name].path if name in self.fields else name): values
            for name, values in self.only_rows.items()
        }

    def columns(self) -> tuple[Column, ...]:
        """Return the columns of the table according to its fields, the standard ones first."""
        known = {column.name: column for column in self._known}
        names = [*known, *(name for name in self.fields if name not in known)]
        columns = (
            column_of(name, self.fields[name], known.get(name), self._terms.get(name))
            for name in names
        )
        return tuple(
            replace(column, primary_key=True, nullable=False)
            if column.name in self.key
            else replace(column, primary_key=False)
            for column in protected_columns(columns, self.rules, kept=known)
        )


def parent_column(parent: str) -> str:
    """Return the name of the column with the parent's id, as in dlt."""
    return f"_{parent}_id"
