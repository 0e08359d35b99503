"""HubSpot, according to its documentation.

Sources: the OpenAPI files that HubSpot publishes (CRM objects, pipelines, owners, conversations),
the guide of the CRM search API and the usage guidelines.

Special behavior:

- A search returns at most 200 objects per page and 10,000 in total; beyond that, the response is
  400. Its ``after`` is an offset, as a number or as text; it is sorted by at most one property.
- The order of objects with equal values is not documented; here, it is not that of their ids.
- A search finds an object only after it was indexed, and never an archived one.
- All properties are text, whatever their type, and only those that were requested are returned.
- The list of objects has no filter, and pages of at most 100. The list of threads needs
  ``latestMessageTimestampAfter`` to be sorted by the time of the latest message.
- Each endpoint needs a scope; without it, the response is 403.
- Times have milliseconds, unless these are 0.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import Row, StandIn
from helpdesk_assets_tests.vendors.world import Comment, Person, Ticket

TOKEN = "pat-eu1-planted-4Qd9"
# The stages of the default pipeline.
STAGES = {"new": "1", "open": "3", "pending": "2", "solved": "4", "closed": "4"}
STAGE_NAMES = {"1": "New", "2": "Waiting on contact", "3": "Waiting on us", "4": "Closed"}
SCOPES = frozenset(
    {
        "tickets",
        "crm.objects.contacts.read",
        "crm.objects.companies.read",
        "crm.objects.owners.read",
        "conversations.read",
    }
)
FILTERS: Mapping[str, Callable[[float, float], bool]] = {
    "EQ": lambda value, limit: value == limit,
    "GT": lambda value, limit: value > limit,
    "GTE": lambda value, limit: value >= limit,
    "LT": lambda value, limit: value < limit,
    "LTE": lambda value, limit: value <= limit,
}


def spelled(at: datetime | None) -> str | None:
    """Return a time in HubSpot's format."""
    if at is None:
        return None
    text = at.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").replace(".000Z", "Z")


def invalid(message: str, status: int = 400, category: str = "VALIDATION_ERROR") -> Response:
    """Return an error in HubSpot's format."""
    return JSONResponse(
        {"status": "error", "message": message, "correlationId": "c0-1", "category": category},
        status_code=status,
    )


@dataclass
class HubSpot(StandIn):
    """See the module.

    Attributes:
        ceiling: the maximum number of results of a search.
        scopes: the scopes of the private app.
        unindexed: the numbers of tickets that are not indexed yet.
    """

    profile: ClassVar[str] = "hubspot"
    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": TOKEN}

    ceiling: int = 10_000
    scopes: frozenset[str] = SCOPES
    unindexed: set[int] = field(default_factory=set)

    def routes(self) -> Sequence[Route]:
        search, crm = ["POST"], "/crm/v3"
        talks = "/conversations/v3/conversations/threads"
        return [
            Route(f"{crm}/objects/{{kind}}/search", self._search, methods=search),
            Route(f"{crm}/objects/tickets", self._tickets),
            Route("/crm/v4/objects/tickets/{ticket}/associations/contacts", self._contacts),
            Route(f"{crm}/pipelines/tickets", self._pipelines),
            Route(f"{crm}/owners", self._owners),
            Route(talks, self._threads),
            Route(f"{talks}/{{thread}}/messages", self._messages),
        ]

    def is_allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    def refused(self) -> Response:
        return invalid("Authentication credentials not found.", 401, "INVALID_AUTHENTICATION")

    # Objects ---------------------------------------------------------------------------------

    def _ticket(self, ticket: Ticket) -> dict[str, Any]:
        closed = ticket.state in ("solved", "closed")
        moved = [change.at for change in ticket.history if STAGES[change.after] == "4"]
        replies = [
            comment.created_at
            for comment in ticket.comments
            if comment.is_public and self.world.person(comment.author).is_agent
        ]
        return {
            "id": ticket_id(ticket),
            "createdAt": ticket.created_at,
            "updatedAt": ticket.updated_at,
            "properties": {
                "subject": ticket.subject,
                "content": ticket.comments[0].body,
                "hs_pipeline": "0",
                "hs_pipeline_stage": STAGES[ticket.state],
                "hs_is_closed": "true" if closed else "false",
                "hs_ticket_priority": ticket.priority.upper(),
                "hs_ticket_category": ticket.type.upper(),
                "source_type": ticket.channel.upper(),
                "hubspot_owner_id": ticket.assignee and str(ticket.assignee),
                "hubspot_team_id": str(ticket.group),
                "hs_primary_company_id": str(70_000 + ticket.organization),
                "hs_tag_ids": ";".join(ticket.tags) or None,
                "createdate": spelled(ticket.created_at),
                "hs_lastmodifieddate": spelled(ticket.updated_at),
                "closed_date": spelled(max(moved)) if closed and moved else None,
                "hs_first_agent_message_sent_at": spelled(min(replies)) if replies else None,
                "hs_last_csat_rating": {"good": "2", "bad": "0", None: None}[ticket.score],
            },
        }

    def _objects(self, kind: str) -> list[dict[str, Any]] | None:
        """Return the indexed objects of a kind; None if the kind does not exist."""
        if kind == "tickets":
            known = [each for each in self.world.listed() if each.number not in self.unindexed]
            return [self._ticket(ticket) for ticket in known]
        if kind == "contacts":
            return [_contact(person) for person in self.world.customers]
        if kind == "companies":
            return [
                {
                    "id": str(70_000 + company.number),
                    "createdAt": company.created_at,
                    "updatedAt": company.created_at,
                    "properties": {
                        "name": company.name,
                        "domain": f"organization{company.number}.example",
                        "createdate": spelled(company.created_at),
                        "hs_lastmodifieddate": spelled(company.created_at),
                    },
                }
                for company in self.world.organizations
            ]
        return None

    async def _search(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        scope = "tickets" if kind == "tickets" else f"crm.objects.{kind}.read"
        if scope not in self.scopes:
            return missing(scope)
        asked = json.loads(await request.body())
        rows = self._objects(kind)
        if rows is None:
            return invalid(f"Unable to infer object type from: {kind}")
        limit, after = asked.get("limit", 10), str(asked.get("after") or 0)
        if not isinstance(limit, int) or not 0 < limit <= 200:
            return invalid("The limit must be between 1 and 200.")
        if not after.isdecimal():
            return invalid("The after parameter must be an integer.")
        if int(after) + limit > self.ceiling:
            return invalid("There was a problem with the request: paging beyond the last result.")
        sorts = asked.get("sorts", [])
        if len(sorts) > 1:
            return invalid("Only one sort is allowed.")
        groups = asked.get("filterGroups", [])
        if len(groups) > 5 or any(len(group["filters"]) > 6 for group in groups):
            return invalid("Too many filters.")
        found = [
            row
            for row in rows
            if not groups
            or any(all(_passes(row, each) for each in group["filters"]) for group in groups)
        ]
        # Objects with equal values are in the order of the index, not of their ids.
        found.sort(key=lambda row: zlib.crc32(row["id"].encode()))
        if sorts:
            name = sorts[0]["propertyName"]
            found.sort(
                key=lambda row: _comparable(row["properties"][name]),
                reverse=sorts[0].get("direction") == "DESCENDING",
            )
        first = int(after)
        page = found[first : first + limit]
        body: dict[str, Any] = {
            "total": len(found),
            "results": [_shown(row, asked.get("properties", [])) for row in page],
        }
        if first + limit < len(found):
            body["paging"] = {"next": {"after": str(first + limit)}}
        return JSONResponse(body)

    # Lists ------------------------------------------------------------------------------------

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params
        if "tickets" not in self.scopes:
            return missing("tickets")
        archived = query.get("archived") == "true"
        listed = self.world.listed(deleted=archived)
        names = query.get("properties", "").split(",")
        rows = [
            {**_shown(self._ticket(ticket), names), "archived": archived}
            | ({"archivedAt": spelled(ticket.updated_at)} if archived else {})
            for ticket in listed
        ]
        return self._page(rows, request, most=100)

    async def _contacts(self, request: Request) -> Response:
        known = {ticket_id(ticket): ticket for ticket in self.world.listed()}
        ticket = known.get(request.path_params["ticket"])
        if ticket is None:
            return invalid("resource not found", 404, "OBJECT_NOT_FOUND")
        types = [{"category": "HUBSPOT_DEFINED", "typeId": 16, "label": None}]
        found = {"toObjectId": 50_000 + ticket.requester, "associationTypes": types}
        return self._page([found], request, most=500, key="toObjectId")

    async def _pipelines(self, request: Request) -> Response:
        began = "1970-01-01T00:00:00Z"
        stages = [
            {
                "id": number,
                "label": name,
                "displayOrder": int(number) - 1,
                "metadata": {
                    "ticketState": "CLOSED" if number == "4" else "OPEN",
                    "isClosed": "true" if number == "4" else "false",
                },
                "createdAt": began,
                "updatedAt": began,
                "archived": False,
            }
            for number, name in STAGE_NAMES.items()
        ]
        pipeline = {
            "id": "0",
            "label": "Support Pipeline",
            "displayOrder": 0,
            "stages": stages,
            "createdAt": began,
            "updatedAt": began,
            "archived": False,
        }
        return JSONResponse({"results": [pipeline]})

    async def _owners(self, request: Request) -> Response:
        if "crm.objects.owners.read" not in self.scopes:
            return missing("crm.objects.owners.read")
        rows = [
            {
                "id": str(agent.number),
                "email": agent.email,
                "type": "PERSON",
                "firstName": agent.name.split()[0],
                "lastName": agent.name.split()[1],
                "userId": 9_000 + agent.number,
                "userIdIncludingInactive": 9_000 + agent.number,
                "createdAt": spelled(agent.created_at),
                "updatedAt": spelled(agent.created_at),
                "archived": False,
                "teams": [{"id": "1", "name": "Group 1", "primary": True}],
            }
            for agent in self.world.agents
        ]
        return self._page(rows, request, most=500)

    # Conversations ----------------------------------------------------------------------------

    async def _threads(self, request: Request) -> Response:
        if "conversations.read" not in self.scopes:
            return missing("conversations.read")
        query = request.query_params
        since = query.get("latestMessageTimestampAfter")
        by_time = query.get("sort") == "latestMessageTimestamp"
        if by_time and since is None:
            return invalid("latestMessageTimestampAfter is required to sort by it.")
        with_tickets = query.get("association") == "TICKET"
        rows = []
        for ticket in self.world.listed():
            latest = max(each.created_at for each in ticket.comments if each.is_public)
            if since is not None and latest < datetime.fromisoformat(since.replace("Z", "+00:00")):
                continue
            rows.append(
                {
                    "id": thread_id(ticket),
                    "createdAt": spelled(ticket.created_at),
                    "status": "CLOSED" if ticket.state in ("solved", "closed") else "OPEN",
                    "originalChannelId": "1002",
                    "originalChannelAccountId": "77",
                    "latestMessageTimestamp": spelled(latest),
                    "inboxId": "5",
                    "associatedContactId": str(50_000 + ticket.requester),
                    "spam": False,
                    "archived": False,
                }
                | (
                    {"threadAssociations": {"associatedTicketId": ticket_id(ticket)}}
                    if with_tickets
                    else {}
                )
            )
        if by_time:
            rows.sort(key=lambda row: (_comparable(row["latestMessageTimestamp"]), row["id"]))
        return self._page(rows, request, most=500)

    async def _messages(self, request: Request) -> Response:
        known = {thread_id(ticket): ticket for ticket in self.world.listed()}
        ticket = known.get(request.path_params["thread"])
        if ticket is None:
            return invalid("resource not found", 404, "OBJECT_NOT_FOUND")
        comments = ticket.comments
        if request.query_params.get("sort", "-createdAt") == "-createdAt":
            comments = comments[::-1]
        rows = [
            {
                "id": message_id(comment),
                "type": "MESSAGE" if comment.is_public else "COMMENT",
                "conversationsThreadId": thread_id(ticket),
                "createdAt": spelled(comment.created_at),
                "createdBy": self._actor(comment.author),
                "client": {"clientType": "HUBSPOT"},
                "senders": [{"actorId": self._actor(comment.author)}],
                "recipients": [],
                "archived": False,
                "text": comment.body,
                "richText": f"<p>{comment.body}</p>",
                "attachments": [],
            }
            for comment in comments
        ]
        return self._page(rows, request, most=500)

    def _actor(self, number: int) -> str:
        return f"A-{9_000 + number}" if self.world.person(number).is_agent else f"V-{number}"

    def _page(
        self, rows: list[dict[str, Any]], request: Request, *, most: int, key: str = "id"
    ) -> Response:
        """Return the page after the object that the cursor names."""
        limit = int(request.query_params.get("limit", 10))
        if not 0 < limit <= most:
            return invalid(f"The limit must be between 1 and {most}.")
        after = request.query_params.get("after")
        ids = [str(row[key]) for row in rows]
        first = ids.index(after) + 1 if after in ids else 0
        page = rows[first : first + limit]
        body: dict[str, Any] = {"results": page}
        if first + limit < len(rows):
            body["paging"] = {"next": {"after": str(page[-1][key]), "link": "?after=x"}}
        return JSONResponse(
            body,
            headers={
                "X-HubSpot-RateLimit-Max": "190",
                "X-HubSpot-RateLimit-Remaining": "189",
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            },
        )

    # What is expected --------------------------------------------------------------------------

    def expected(self) -> Mapping[str, Sequence[Row]]:
        world = self.world
        tickets = world.listed()
        return {
            "help_desk_tickets": [
                {
                    "id": int(ticket_id(ticket)),
                    "subject": ticket.subject,
                    "status": STAGES[ticket.state],
                    "is_closed": "true" if ticket.state in ("solved", "closed") else "false",
                    "priority": ticket.priority.upper(),
                    "type": ticket.type.upper(),
                    "channel": ticket.channel.upper(),
                    "assignee_id": ticket.assignee,
                    "group_id": ticket.group,
                    "organization_id": 70_000 + ticket.organization,
                    "tags": ";".join(ticket.tags) or None,
                }
                for ticket in tickets
            ],
            "associated_contacts": [
                {
                    "_help_desk_tickets_id": int(ticket_id(ticket)),
                    "contact_id": 50_000 + ticket.requester,
                }
                for ticket in tickets
            ],
            "archived_tickets": [
                {"id": int(ticket_id(ticket))} for ticket in world.listed(deleted=True)
            ],
            "threads": [
                {"id": int(thread_id(ticket)), "ticket_id": int(ticket_id(ticket))}
                for ticket in tickets
            ],
            "messages": [
                {
                    "_threads_id": int(thread_id(ticket)),
                    "id": message_id(comment),
                    "type": "MESSAGE" if comment.is_public else "COMMENT",
                    "author_id": self._actor(comment.author),
                    "body": comment.body,
                }
                for ticket in tickets
                for comment in ticket.comments
            ],
            "contacts": [
                {"id": 50_000 + person.number, "email": person.email} for person in world.customers
            ],
            "companies": [
                {"id": 70_000 + company.number, "name": company.name}
                for company in world.organizations
            ],
            "owners": [{"id": agent.number, "email": agent.email} for agent in world.agents],
            "stages": [
                {"id": number, "name": name, "state": "CLOSED" if number == "4" else "OPEN"}
                for number, name in STAGE_NAMES.items()
            ],
        }


def ticket_id(ticket: Ticket) -> str:
    """Return the id of a ticket: digits, as text."""
    return str(21_000_000_000 + ticket.number)


def thread_id(ticket: Ticket) -> str:
    """Return the id of a ticket's conversation."""
    return str(8_800_000_000 + ticket.number)


def message_id(comment: Comment) -> str:
    """Return the id of a message."""
    return f"{comment.number:032x}"


def missing(scope: str) -> Response:
    """Return the response for a missing scope."""
    return invalid(
        f"This app hasn't been granted all required scopes: {scope}", 403, "MISSING_SCOPES"
    )


def _contact(person: Person) -> dict[str, Any]:
    return {
        "id": str(50_000 + person.number),
        "createdAt": person.created_at,
        "updatedAt": person.created_at,
        "properties": {
            "email": person.email,
            "firstname": person.name.split()[0],
            "lastname": person.name.split()[1],
            "createdate": spelled(person.created_at),
            "lastmodifieddate": spelled(person.created_at),
        },
    }


def _comparable(value: Any) -> float:
    """Return a property as the number that filters and sorts compare: times in milliseconds."""
    if value is None:
        return float("-inf")
    text = str(value)
    if text.isdecimal():
        return float(text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def _passes(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    value = row["properties"].get(asked["propertyName"])
    return value is not None and FILTERS[asked["operator"]](
        _comparable(value), _comparable(asked["value"])
    )


def _shown(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return an object with the requested properties, and those in every response."""
    properties = row["properties"]
    always = {
        name: properties[name]
        for name in ("createdate", "hs_lastmodifieddate", "lastmodifieddate")
        if name in properties
    }
    wanted = {name: properties[name] for name in names if name in properties}
    return {
        "id": row["id"],
        "properties": {"hs_object_id": row["id"], **always, **wanted},
        "createdAt": spelled(row["createdAt"]),
        "updatedAt": spelled(row["updatedAt"]),
        "archived": False,
    }
