"""What a profile may hold: dlt's REST API source format, as far as it needs no code."""

import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from helpdesk_assets.schema import COLUMNS, REJECTED, TABLE, Column, DltType, Table

SECRET = re.compile(r'dlt\.secrets\["([A-Za-z_][\w.]*)"\]')

# As dlt writes what is put into a path: the id of each row of another resource.
PARENT = re.compile(r"\{resources\.(\w+)\.id\}")
# Assets that are there in any case, whatever the profile lists.
RESERVED = frozenset({"help_desk_api", "help_desk_report"})
RESERVED_START = ("ticket_", "dlt_")

FieldPath = Annotated[str, StringConstraints(pattern=r"^[\w@-]+(\.[\w@-]+)*$")]
BodyPath = Annotated[str, StringConstraints(pattern=r"^(\$|(\$\.)?[\w@-]+(\.[\w@-]+)*)$")]


def _named(value: str) -> str:
    if not SECRET.search(value):
        raise ValueError('dlt.secrets["..."], for secrets stay out of a profile')
    return value


def _as_it_is(value: str) -> str:
    if SECRET.search(value):
        raise ValueError("no secret, as it would be sent as it is spelled: name it under auth")
    return value


# What each table has, of whatever it is.
KEY = (replace(COLUMNS[0], description="Its key in the help desk. Rows are merged on it."),)

Secret = Annotated[str, AfterValidator(_named)]
Plain = Annotated[str, AfterValidator(_as_it_is)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiKeyAuth(_Part):
    """A key, in the query or in a header."""

    type: Literal["api_key"]
    name: str = "Authorization"
    api_key: Secret
    location: Literal["query", "header"] = "header"


class BearerAuth(_Part):
    """A token in the header Authorization, after the word Bearer."""

    type: Literal["bearer"]
    token: Secret


class BasicAuth(_Part):
    """A name and a password, by HTTP's basic authentication."""

    type: Literal["http_basic"]
    username: str
    password: str

    @model_validator(mode="after")
    def _one_is_named(self) -> "BasicAuth":
        if not SECRET.search(self.username + self.password):
            raise ValueError('dlt.secrets["..."] in username or password')
        return self


class ClientCredentialsAuth(_Part):
    """A token that is asked for with a client's id and secret, by OAuth 2 client credentials."""

    type: Literal["oauth2_client_credentials"]
    access_token_url: str
    client_id: str
    client_secret: Secret
    access_token_request_data: dict[str, Plain] = {}


class OffsetPaginator(_Part):
    """Pages by how many rows to leave out."""

    type: Literal["offset"]
    limit: int = Field(default=100, ge=2)
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: BodyPath | None = "total"
    has_more_path: BodyPath | None = "has_more"


class PageNumberPaginator(_Part):
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


class CursorPaginator(_Part):
    """Pages by a cursor that each page has for the next."""

    type: Literal["cursor"]
    cursor_path: BodyPath = "cursors.next"
    cursor_param: str = "cursor"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None


class JsonLinkPaginator(_Part):
    """Pages by an address that each page has for the next, in its body."""

    type: Literal["json_link"]
    next_url_path: BodyPath = "next"
    has_more_path: BodyPath | None = None
    total_path: BodyPath | None = None


class HeaderLinkPaginator(_Part):
    """Pages by an address that each page has for the next, in the header Link (RFC 8288)."""

    type: Literal["header_link"]
    links_next_key: str = "next"
    total_path: BodyPath | None = None


Auth = ApiKeyAuth | BearerAuth | BasicAuth | ClientCredentialsAuth
Paginator = (
    OffsetPaginator
    | PageNumberPaginator
    | CursorPaginator
    | JsonLinkPaginator
    | HeaderLinkPaginator
)


class IncrementalParams(_Part):
    """How to ask for what has changed: dlt's own ``incremental``."""

    cursor_path: FieldPath
    start_param: str


class DateFilter(_Part):
    """How to ask for the tickets of a time: dlt's ``incremental`` with a beginning and an end.

    Without ``end_param`` the API is asked for all that comes after, and dlt leaves out the rest.
    """

    cursor_path: FieldPath
    start_param: str
    end_param: str | None = None


class ResponseAction(_Part):
    """An answer that is no failure: that nothing is there, past the last page."""

    status_code: Literal[404, 410, 422]
    action: Literal["ignore"]


class Endpoint(_Part):
    """Where and how a list is asked for."""

    path: str
    params: dict[str, int | bool | Plain] = {}
    data_selector: BodyPath
    paginator: Annotated[Paginator, Field(discriminator="type")]
    incremental: IncrementalParams | None = None
    date_filter: DateFilter | None = None
    response_actions: list[ResponseAction] = []


class FieldSpec(_Part):
    """Where a column is found in a row, and what it holds."""

    path: FieldPath
    type: DltType | None = None

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


class Resource(_Part):
    """A list of the API, and the columns that its table has in any case."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
    endpoint: Endpoint
    fields: dict[str, FieldSpec]
    exclude: list[FieldPath] = []

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
        return COLUMNS if self.name == TABLE else KEY

    @property
    def parent(self) -> str | None:
        """The name of the resource that it is asked for by, row by row; None without."""
        found = PARENT.search(self.endpoint.path)
        return found.group(1) if found else None

    def columns(self) -> tuple[Column, ...]:
        """Return the columns that the table has by its fields, those of every desk first."""
        known = {column.name: column for column in self._known}
        names = [*known, *(name for name in self.fields if name not in known)]
        return tuple(_column(name, self.fields[name], known.get(name)) for name in names)

    def column_at(self, path: str) -> str:
        """Return the name of the column that a field of the API becomes."""
        named = {".".join(column.field): column.name for column in self.columns()}
        return named.get(path, path)


class Defaults(_Part):
    """What holds for all resources; both have the one value that this project can keep."""

    primary_key: Literal["id"] = "id"
    write_disposition: Literal["merge"] = "merge"


class Client(_Part):
    """How the API is reached."""

    base_url: str | None = None
    headers: dict[str, Plain] = {}
    auth: Annotated[Auth, Field(discriminator="type")]


class Profile(_Part):
    """A vendor's API, as its file describes it.

    Attributes:
        name: of the file, without its ending.
        documentation: addresses of the pages that the profile was made from.
        solved_statuses: the statuses that mean that nobody has to do anything about a ticket.
    """

    name: str = Field(default="", exclude=True)
    documentation: list[str] = []
    solved_statuses: list[str] = DEFAULT_SOLVED_STATUSES.split(", ")
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
            if resource.parent and (parent is None or parent.parent or resource.name == TABLE):
                of = ", ".join(other.name for other in resources if not other.parent)
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

    def table(self, name: str) -> Table:
        """Return the table of a resource: by its fields, and by whose rows it belongs to."""
        resource = self.resource(name)
        columns = resource.columns()
        if resource.parent:
            key = self.resource(resource.parent).columns()[0]
            columns += (
                Column(
                    name=parent_column(resource.parent),
                    dlt_type=key.dlt_type,
                    description=f"The id of the row in {resource.parent} that it belongs to.",
                    nullable=False,
                ),
            )
        return Table(name, columns)


def parent_column(parent: str) -> str:
    """Return the name of the column for the id of a parent, as dlt names it."""
    return f"_{parent}_id"


def _column(name: str, spec: FieldSpec, known: Column | None) -> Column:
    path = tuple(spec.path.split("."))
    if known:
        return replace(known, path=path, dlt_type=spec.type or known.dlt_type)
    usual: DltType = "timestamp" if name.endswith("_at") else "text"
    return Column(
        name=name,
        dlt_type=spec.type or usual,
        description=f"The field {spec.path} of the API.",
        path=path,
    )


def secrets_of(auth: Auth) -> list[str]:
    """Return the names of the secrets that an ``auth`` takes, each once."""
    texts = (value for value in vars(auth).values() if isinstance(value, str))
    return list(dict.fromkeys(name for text in texts for name in SECRET.findall(text)))
