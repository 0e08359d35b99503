"""The common vocabulary: columns that mean the same for every help desk, if a profile fills them.

Reports rely on them. Each is described here once: the descriptions appear in the Dagster UI and in
``docs/profiles.md``, and the types are the defaults for fields with these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from helpdesk_assets.tables.schema import TABLE, DltType

FieldType = DltType | Literal["json"]
# What the rows of a list are: given by its name, or by `role` in the profile.
Role = Literal[
    "comments", "status_changes", "statuses", "users", "agents", "groups", "organizations"
]
AGENT, CUSTOMER, SYSTEM = "agent", "customer", "system"
# Who writes: the values of author_role.
AUTHORS = (AGENT, CUSTOMER, SYSTEM)

_TIME: tuple[FieldType, ...] = ("timestamp",)
# Of the help desk's own values and ids, which may be numbers.
_VALUE: tuple[FieldType, ...] = ("text", "bigint", "double")
_TEXT: tuple[FieldType, ...] = ("text",)
_FLAG: tuple[FieldType, ...] = ("bool",)


@dataclass(frozen=True)
class Term:
    """A column of the vocabulary.

    Attributes:
        name: the name of the column.
        types: the types that it may have, the default first.
        description: what it means.
        one_of: the values that it may have, if they are the same for every help desk.
        is_plain: whether a description in the profile replaces this one.
    """

    name: str
    types: tuple[FieldType, ...]
    description: str
    one_of: tuple[str, ...] = ()
    is_plain: bool = False


def _terms(*terms: Term) -> Mapping[str, Term]:
    return {term.name: term for term in terms}


_AUTHOR_ROLE = Term(
    "author_role",
    _TEXT,
    "Who writes: agent, customer or system.",
    one_of=AUTHORS,
)

TICKETS = _terms(
    Term("updated_at", _TIME, "When the ticket was last changed."),
    Term("solved_at", _TIME, "When the ticket was last solved."),
    Term("closed_at", _TIME, "When the ticket was last closed."),
    Term("first_replied_at", _TIME, "When an agent first replied to the requester."),
    Term("due_at", _TIME, "When the ticket is due."),
    Term("priority", _VALUE, "The ticket's priority, such as high."),
    Term("type", _VALUE, "The kind of ticket, such as question or incident."),
    Term("channel", _VALUE, "How the ticket was created, such as email or web."),
    Term("satisfaction", _VALUE, "The requester's rating of the support, such as good."),
    Term("requester_id", _VALUE, "The id of the person who asked for support."),
    Term("assignee_id", _VALUE, "The id of the agent who works on the ticket."),
    Term("group_id", _VALUE, "The id of the group of agents that the ticket belongs to."),
    Term("organization_id", _VALUE, "The id of the organization of the requester."),
    Term("tags", ("json", "text"), "The ticket's tags, as a JSON list."),
    Term("is_deleted", _FLAG, "Whether the ticket is in the trash of the help desk."),
)
COMMENTS = _terms(
    Term("ticket_id", _VALUE, "The id of the ticket."),
    Term("author_id", _VALUE, "The id of the author."),
    _AUTHOR_ROLE,
    Term("is_public", _FLAG, "Whether the requester can see it."),
    Term("created_at", _TIME, "When it was written."),
    Term("body", _TEXT, "The text."),
)
STATUS_CHANGES = _terms(
    Term("ticket_id", _VALUE, "The id of the ticket."),
    Term("old_status", _VALUE, "The status before: its name, or its id in statuses."),
    Term("new_status", _VALUE, "The status after: its name, or its id in statuses."),
    Term("changed_at", _TIME, "When the status was changed."),
)
_NAME = Term("name", _TEXT, "The name.", is_plain=True)
PEOPLE = _terms(
    _NAME,
    Term("first_name", _TEXT, "The first name, if the help desk has no full name."),
    Term("last_name", _TEXT, "The last name, if the help desk has no full name."),
    _AUTHOR_ROLE,
)
ROLES: Mapping[Role, Mapping[str, Term]] = {
    "comments": COMMENTS,
    "status_changes": STATUS_CHANGES,
    # Their names stand for their ids in status_changes.
    "statuses": _terms(_NAME),
    "users": PEOPLE,
    "agents": PEOPLE,
    "groups": _terms(_NAME),
    "organizations": _terms(_NAME),
}


def role_of(name: str) -> Role | None:
    """Return the role of a list that says nothing else; None if it has none."""
    return next((role for role in ROLES if role == name), None)


def terms_of(name: str, role: Role | None) -> Mapping[str, Term]:
    """Return the columns of the vocabulary for a list with a name and a role."""
    if name == TABLE:
        return TICKETS
    return ROLES[role] if role else {}
