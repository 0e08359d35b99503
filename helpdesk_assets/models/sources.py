"""The loaded tables as the models read them: temporary views with the same columns for every desk.

A column of the common vocabulary that a desk does not have is null in its view, and a list that it
does not have is a view without rows. Therefore the queries of models need no variants. Deleted rows
are omitted here, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpdesk_assets.annotations import DuckDBPyConnection
from helpdesk_assets.errors import setting_failure
from helpdesk_assets.models.model import TIMESTAMP
from helpdesk_assets.tables.schema import TABLE, Table
from helpdesk_assets.tables.stored import stored_columns

TEXT, FLAG = "VARCHAR", "BOOLEAN"
# An id as text, so that ids of different types can be compared.
ID_TEXT = "ID_TEXT"
TICKETS: Mapping[str, str] = {
    "status": TEXT,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "solved_at": TIMESTAMP,
    "closed_at": TIMESTAMP,
    "first_replied_at": TIMESTAMP,
    "due_at": TIMESTAMP,
    "subject": TEXT,
    "priority": TEXT,
    "type": TEXT,
    "channel": TEXT,
    "satisfaction": TEXT,
    "requester_id": ID_TEXT,
    "assignee_id": ID_TEXT,
    "group_id": ID_TEXT,
    "organization_id": ID_TEXT,
    "tags": TEXT,
}
DEFAULT_ID_TYPE = "BIGINT"
NAMES = ("first_name", "last_name")
# The column of the vocabulary, and the one that help desks have instead of it.
ROLE_COLUMNS = ("author_role", "role")
# The views. What a model reads of the loaded tables is in them.
VIEWS = (
    "desk_tickets",
    "desk_statuses",
    "desk_people",
    "desk_groups",
    "desk_comments",
    "desk_status_changes",
)
# The model of the changes that syncs have seen, whose earlier rows other models read.
SEEN_CHANGES = "ticket_status_changes"
# Values of role of people who are not agents.
CUSTOMERS = ("end-user", "end_user", "enduser", "customer", "requester", "contact", "client")


@dataclass(frozen=True)
class Sources:
    """The loaded tables of a desk, as they are in the warehouse.

    Attributes:
        columns: the DuckDB types of the columns, by table and column.
        roles: the names of the tables by role; the tickets' role is the name of their table.
    """

    columns: Mapping[str, Mapping[str, str]]
    roles: Mapping[str, Sequence[str]]

    def tables(self, role: str) -> Sequence[str]:
        """Return the tables with a role that have been loaded."""
        named = (TABLE,) if role == TABLE else self.roles.get(role, ())
        return [name for name in named if name in self.columns]

    @property
    def id_type(self) -> str:
        """The type of a ticket's id."""
        return self.columns.get(TABLE, {}).get("id", DEFAULT_ID_TYPE)


def create_views(
    connection: DuckDBPyConnection,
    dataset: str,
    roles: Mapping[str, Sequence[str]],
    settings: Mapping[str, Any],
) -> Sources:
    """Create the views, which exist as long as the connection; return what the dataset contains.

    Args:
        connection: with the schema set to the dataset; it may be for reading.
        dataset: the schema of the desk.
        roles: the names of the profile's tables by role.
        settings: those of the reports by name.

    Raises:
        dg.Failure: the tickets have not been loaded.
    """
    sources = _stored(connection, dataset, roles)
    stored = sources.columns.get(TABLE)
    if not stored:
        raise setting_failure(f"The table {TABLE} does not exist yet: materialize {TABLE} first.")
    queries = (
        f"select id, {_columns(TICKETS, stored)}, {_is_solved(settings)} as is_solved"
        f" from {TABLE} where {_is_there(stored)}",
        _statuses(settings),
        _people(sources),
        _union(sources, "groups", {"id": ID_TEXT, "name": TEXT}),
        _comments(sources),
        _changes(sources),
    )
    for name, query in zip(VIEWS, queries, strict=True):
        connection.execute(f"create or replace temp view {name} as {query}")
    return sources


def knows_agents(sources: Sources) -> bool:
    """Return whether comments by agents can be told from others."""
    comments = sources.tables("comments")
    return bool(comments) and (
        all("author_role" in sources.columns[name] for name in comments)
        or bool(sources.tables("agents"))
        or any(
            {"author_role", "role"} & {*sources.columns[name]} for name in sources.tables("users")
        )
    )


def _stored(
    connection: DuckDBPyConnection, dataset: str, roles: Mapping[str, Sequence[str]]
) -> Sources:
    """Return which of the tables that models read a dataset contains."""
    names = {TABLE, SEEN_CHANGES, *(name for named in roles.values() for name in named)}
    columns = {
        name: {column: kind for column, kind, _ in found}
        for name in sorted(names)
        if (found := stored_columns(connection, Table(name, dataset=dataset)))
    }
    return Sources(columns, roles)


def _statuses(settings: Mapping[str, Any]) -> str:
    """Return the query of statuses, in lower case, and whether tickets that have them are solved.

    Where another column says whether a ticket is solved, a status is if all its tickets are now.
    """
    if settings["solved_field"] == "status":
        statuses = ", ".join(_text(status) for status in settings["solved_statuses"])
        return f"select unnest([{statuses}]::varchar[]) as status, true as is_solved"
    return (
        "select lower(trim(status)) as status, bool_and(is_solved) as is_solved from desk_tickets"
        " where status is not null group by all"
    )


def _people(sources: Sources) -> str:
    """Return the query of users and agents: id, name, and author_role."""
    parts = []
    for role in ("agents", "users"):
        for table in sources.tables(role):
            stored = sources.columns[table]
            given = {name: _column(name, TEXT, stored) for name in ("name", *NAMES, *ROLE_COLUMNS)}
            whole = f"nullif(trim(concat_ws(' ', {given['first_name']}, {given['last_name']})), '')"
            customer = ", ".join(_text(name) for name in CUSTOMERS)
            is_agent = (
                "'agent'"
                if role == "agents"
                else f"coalesce({given['author_role']}, case when {given['role']} is null then null"
                f" when lower({given['role']}) in ({customer}) then 'customer' else 'agent' end)"
            )
            parts.append(
                f"select {_column('id', ID_TEXT, stored)} as id,"
                f" coalesce({given['name']}, {whole}) as name, {is_agent} as author_role"
                f" from {_name(table)}"
            )
    if not parts:
        return _nothing({"id": TEXT, "name": TEXT, "author_role": TEXT})
    return (
        "select id, max(name) as name, min(author_role) as author_role from"
        f" ({' union all '.join(parts)}) where id is not null group by id"
    )


def _comments(sources: Sources) -> str:
    """Return the query of comments.

    If all agents are listed, other authors are customers. A comment that is not marked as internal
    is public.
    """
    wanted = {
        "ticket_id": sources.id_type,
        "author_id": ID_TEXT,
        "author_role": TEXT,
        "is_public": FLAG,
        "created_at": TIMESTAMP,
    }
    comments = _union(sources, "comments", wanted)
    other = "'customer'" if sources.tables("agents") else "null"
    has_role = any("author_role" in sources.columns[name] for name in sources.tables("comments"))
    people = "" if has_role else " left join desk_people as people on people.id = author_id"
    role = (
        "author_role"
        if has_role
        else f"case when author_id is null then null else coalesce(people.author_role, {other}) end"
    )
    return (
        f"select ticket_id, author_id, {role} as author_role,"
        " coalesce(is_public, true) as is_public, created_at"
        f" from ({comments}) as comments{people}"
        " where ticket_id is not null and created_at is not null"
    ).replace("author_role as author_role", "comments.author_role as author_role")


def _changes(sources: Sources) -> str:
    """Return the query of the status changes, with their order where times are equal."""
    wanted = {
        "ticket_id": sources.id_type,
        "old_status": TEXT,
        "new_status": TEXT,
        "changed_at": TIMESTAMP,
        "id": ID_TEXT,
        "_row_number": "BIGINT",
    }
    return (
        "select ticket_id, old_status, new_status, changed_at,"
        " (try_cast(id as hugeint), id, _row_number) as place"
        f" from ({_union(sources, 'status_changes', wanted)})"
        " where ticket_id is not null and changed_at is not null"
    )


def _union(sources: Sources, role: str, wanted: Mapping[str, str]) -> str:
    """Return the query of the rows of all tables with a role, without deleted ones."""
    parts = [
        f"select {_columns(wanted, sources.columns[table])} from {_name(table)}"
        f" where {_is_there(sources.columns[table])}"
        for table in sources.tables(role)
    ]
    return " union all ".join(parts) or _nothing(wanted)


def _nothing(wanted: Mapping[str, str]) -> str:
    return f"select {_columns(wanted, {})} limit 0"


def _is_solved(settings: Mapping[str, Any]) -> str:
    """Return the expression of whether a ticket is solved; without a value, it is not."""
    statuses = ", ".join(_text(status) for status in settings["solved_statuses"])
    value = f"lower(trim(cast({_name(settings['solved_field'])} as varchar)))"
    return f"coalesce(list_contains([{statuses}], {value}), false)"


def _is_there(stored: Mapping[str, str]) -> str:
    """Return the condition that a row is not deleted, nor in the help desk's trash."""
    trash = " and is_deleted is distinct from true" if stored.get("is_deleted") == FLAG else ""
    deleted = "deleted_at is null" if "deleted_at" in stored else "true"
    return f"{deleted}{trash}"


def _columns(wanted: Mapping[str, str], stored: Mapping[str, str]) -> str:
    """Return the columns of a view: as they are stored, converted, or null."""
    return ", ".join(f"{_column(name, kind, stored)} as {name}" for name, kind in wanted.items())


def _column(name: str, kind: str, stored: Mapping[str, str]) -> str:
    if kind == ID_TEXT:
        # A number that JSON wrote as 12.0 is the id 12.
        whole = "try_cast(%s as bigint)" if stored.get(name) == "DOUBLE" else "%s"
        kind = TEXT
        if name in stored:
            return f"cast({whole % _name(name)} as {TEXT})"
    if name not in stored:
        return f"cast(null as {kind})"
    return _name(name) if stored[name] == kind else f"try_cast({_name(name)} as {kind})"


def _name(column: object) -> str:
    return '"' + str(column).replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
