"""ServiceNow, according to the documentation of its Table API.

Special behavior:

- Every value is a text, and a field that is not set is an empty text, including times and
  references. Times are in UTC and have no time zone. A reference is an object with ``link`` and
  ``value``, unless the links are excluded.
- ``X-Total-Count`` is the number of rows that match the query. Access controls remove rows after
  counting: pages are then shorter, without an indication.
- Rows with equal sort keys are in any order, which differs from page to page.
- A condition on a field that a table does not have is ignored, and all rows are returned.
- ``sysparm_limit`` is 10,000 by default. Past the end, the response is an empty page.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import State, Ticket

NAME, PASSWORD = "helpdesk.loader", "snow-planted-7Qx9"
STATES: Mapping[State, str] = {
    "new": "1",
    "open": "2",
    "pending": "3",
    "solved": "6",
    "closed": "7",
}
LABELS = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed"}
PRIORITIES = {"urgent": "1", "high": "2", "normal": "3", "low": "4"}
CONDITION = re.compile(r"([\w.]+?)(>=|<=|!=|=|<|>|IN)(.*)")


@dataclass
class ServiceNow(StandIn):
    """The server of a ServiceNow instance.

    Attributes:
        hidden: numbers of the tickets that access controls hide from the user.
    """

    profile: ClassVar[str] = "servicenow"
    secrets: ClassVar[Mapping[str, str]] = {
        "SERVICENOW_USERNAME": NAME,
        "SERVICENOW_PASSWORD": PASSWORD,
    }

    hidden: set[int] = field(default_factory=set)

    def is_allowed(self, request: Request) -> bool:
        wanted = b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {wanted}"

    def refused(self) -> Response:
        detail = "Required to provide Auth information"
        return JSONResponse(
            {
                "error": {"message": "User Not Authenticated", "detail": detail},
                "status": "failure",
            },
            status_code=401,
        )

    def routes(self) -> Sequence[Route]:
        return [Route("/api/now/table/{name}", self._table)]

    def _rows(self, name: str) -> list[dict[str, Any]] | None:
        """Return all rows of a table, as they are stored."""
        world = self.world
        if name == "incident":
            return [_incident(ticket) for ticket in world.listed()]
        if name == "sys_journal_field":
            return [
                {
                    "sys_id": _id("journal", comment.number),
                    "name": "incident",
                    "element": "comments" if comment.is_public else "work_notes",
                    "element_id": _id("incident", ticket.number),
                    "value": comment.body,
                    "sys_created_on": _time(comment.created_at),
                    "sys_created_by": f"user.{comment.author}",
                    "sys_tags": "",
                }
                for ticket in world.listed()
                for comment in ticket.comments
            ]
        if name == "task_sla":
            return [
                {
                    "sys_id": _id("sla", ticket.number),
                    "task": _reference("incident", ticket.number),
                    "task.sys_class_name": "incident",
                    "sla": _reference("contract_sla", 1),
                    "stage": "completed" if ticket.solved_at else "in_progress",
                    "has_breached": "true" if ticket.number % 3 == 0 else "false",
                    "start_time": _time(ticket.created_at),
                    "end_time": _time(ticket.solved_at),
                    "planned_end_time": _time(ticket.created_at),
                    "sys_created_on": _time(ticket.created_at),
                    "sys_updated_on": _time(ticket.updated_at),
                }
                for ticket in world.listed()
            ]
        if name == "sys_user":
            return [
                {
                    "sys_id": _id("sys_user", person.number),
                    "user_name": f"user.{person.number}",
                    "name": person.name,
                    "email": person.email,
                    "active": "true",
                    "company": "",
                    "user_password": "nobody's-business",
                    "sys_created_on": _time(person.created_at),
                    "sys_updated_on": _time(person.created_at),
                }
                for person in world.people
            ]
        named = {"sys_user_group": world.groups, "core_company": world.organizations}
        if name in named:
            return [
                {
                    "sys_id": _id(name, each.number),
                    "name": each.name,
                    "sys_created_on": _time(each.created_at),
                    "sys_updated_on": _time(each.created_at),
                }
                for each in named[name]
            ]
        if name == "sys_choice":
            return [
                {
                    "sys_id": _id("choice", int(value)),
                    "name": "incident",
                    "element": "state",
                    "value": value,
                    "label": label,
                    "language": "en",
                    "inactive": "false",
                    "sys_created_on": _time(world.groups[0].created_at),
                    "sys_updated_on": _time(world.groups[0].created_at),
                }
                for value, label in LABELS.items()
            ]
        return None

    def _table(self, request: Request) -> Response:
        asked = request.query_params
        name = request.path_params["name"]
        rows = self._rows(name)
        if rows is None:
            message = {"message": f"Invalid table {name}", "detail": None}
            return JSONResponse({"error": message, "status": "failure"}, status_code=400)
        offset = int(asked.get("sysparm_offset", 0))
        limit = int(asked.get("sysparm_limit", 10_000))
        found = _found(rows, asked.get("sysparm_query", ""), salt=f"{offset}/{limit}")
        page = found[offset : offset + limit]
        if name == "incident":
            hidden = {_id("incident", number) for number in self.hidden}
            page = [row for row in page if row["sys_id"] not in hidden]
        plain = asked.get("sysparm_exclude_reference_link") == "true"
        names = [each for each in asked.get("sysparm_fields", "").split(",") if each]
        shown = [
            {
                key: self._shown(value, plain=plain)
                for key, value in row.items()
                if (key in names if names else "." not in key)
            }
            for row in page
        ]
        headers = {"X-Total-Count": str(len(found))}
        if offset + limit < len(found):
            query = dict(asked) | {"sysparm_offset": str(offset + limit)}
            address = request.url.replace(query="").include_query_params(**query)
            headers["Link"] = f'<{address}>;rel="next"'
        return JSONResponse({"result": shown}, headers=headers)

    def _shown(self, value: Any, *, plain: bool) -> Any:
        if not isinstance(value, tuple):
            return value
        table, key = value
        link = f"{self.base_url}/api/now/table/{table}/{key}"
        return key if plain else {"link": link, "value": key}

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        seen = [ticket for ticket in world.listed() if ticket.number not in self.hidden]
        return {
            "help_desk_tickets": [
                {
                    "id": _id("incident", ticket.number),
                    "number": f"INC{ticket.number:07d}",
                    "subject": ticket.subject,
                    "status": STATES[ticket.state],
                    "priority": PRIORITIES[ticket.priority],
                    "channel": ticket.channel,
                    "requester_id": _id("sys_user", ticket.requester),
                    "assignee_id": ticket.assignee and _id("sys_user", ticket.assignee),
                    "group_id": _id("sys_user_group", ticket.group),
                    "organization_id": _id("core_company", ticket.organization),
                    "created_at": ticket.created_at,
                    "updated_at": ticket.updated_at,
                    "solved_at": ticket.solved_at,
                    "due_at": None,
                }
                for ticket in seen
            ],
            "comments": [
                {
                    "id": _id("journal", comment.number),
                    "ticket_id": _id("incident", ticket.number),
                    "author_id": f"user.{comment.author}",
                    "kind": "comments" if comment.is_public else "work_notes",
                    "is_public": comment.is_public,
                    "body": comment.body,
                    "created_at": comment.created_at,
                }
                for ticket in world.listed()
                for comment in ticket.comments
            ],
            "slas": [
                {
                    "id": _id("sla", ticket.number),
                    "ticket_id": _id("incident", ticket.number),
                    "has_breached": "true" if ticket.number % 3 == 0 else "false",
                }
                for ticket in world.listed()
            ],
            "users": [
                {
                    "id": _id("sys_user", person.number),
                    "user_name": f"user.{person.number}",
                    "email": person.email,
                }
                for person in world.people
            ],
            "groups": [
                {"id": _id("sys_user_group", each.number), "name": each.name}
                for each in world.groups
            ],
            "companies": [
                {"id": _id("core_company", each.number), "name": each.name}
                for each in world.organizations
            ],
            "choices": [
                {"id": _id("choice", int(value)), "value": value, "label": label}
                for value, label in LABELS.items()
            ],
        }


def _incident(ticket: Ticket) -> dict[str, Any]:
    assignee = _reference("sys_user", ticket.assignee) if ticket.assignee else ""
    is_closed = ticket.state == "closed"
    return {
        "sys_id": _id("incident", ticket.number),
        "number": f"INC{ticket.number:07d}",
        "short_description": ticket.subject,
        "description": ticket.comments[0].body,
        "state": STATES[ticket.state],
        "active": "false" if is_closed else "true",
        "priority": PRIORITIES[ticket.priority],
        "category": ticket.type,
        "contact_type": ticket.channel,
        "caller_id": _reference("sys_user", ticket.requester),
        "assigned_to": assignee,
        "assignment_group": _reference("sys_user_group", ticket.group),
        "company": _reference("core_company", ticket.organization),
        "opened_at": _time(ticket.created_at),
        "resolved_at": _time(ticket.solved_at),
        "closed_at": _time(ticket.updated_at if is_closed else None),
        "due_date": "",
        "sys_created_on": _time(ticket.created_at),
        "sys_updated_on": _time(ticket.updated_at),
    }


def _id(table: str, number: int) -> str:
    """Return a sys_id: 32 hexadecimal digits, in no order."""
    return hashlib.md5(f"{table}/{number}".encode(), usedforsecurity=False).hexdigest()


def _reference(table: str, number: int) -> tuple[str, str]:
    return table, _id(table, number)


def _time(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def _text(value: Any) -> str:
    return value[1] if isinstance(value, tuple) else str(value)


def _found(rows: list[dict[str, Any]], query: str, *, salt: str) -> list[dict[str, Any]]:
    """Return the rows that match an encoded query, in its order.

    Args:
        rows: all rows of the table.
        query: conditions and ``ORDERBY``, separated by ``^``.
        salt: determines the order of rows with equal sort keys.
    """
    order = []
    for part in filter(None, query.split("^")):
        if part.startswith("ORDERBY"):
            order.append(part.removeprefix("ORDERBY"))
        elif (found := CONDITION.fullmatch(part)) and rows and found[1] in rows[0]:
            rows = [row for row in rows if _holds(_text(row[found[1]]), found[2], found[3])]

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        shuffled = hashlib.md5(f"{salt}{row['sys_id']}".encode(), usedforsecurity=False)
        return (*(_text(row.get(name, "")) for name in order), shuffled.digest())

    return sorted(rows, key=place)


def _holds(value: str, operator: str, wanted: str) -> bool:
    if operator == "IN":
        return value in wanted.split(",")
    if operator in ("=", "!="):
        return (value == wanted) == (operator == "=")
    # Texts of times compare like the times; an empty one never matches.
    return (
        bool(value)
        and {
            ">=": value >= wanted,
            "<=": value <= wanted,
            ">": value > wanted,
            "<": value < wanted,
        }[operator]
    )
