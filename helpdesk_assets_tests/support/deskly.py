"""Deskly, an invented help desk whose API needs all constructs of profiles.

- Tickets are requested by a query in the body, with offsets that start at 1, and at most
  ``ceiling`` of them are returned.
- People are an export that continues at its last cursor.
- States are lists inside tickets, with a cursor in the body.
- Minutes are a single page, and have a key of two fields.
- Notes have no id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets_tests.vendors.standin import StandIn
from helpdesk_assets_tests.vendors.world import Person, Ticket

PROFILE = """
client:
  auth:
    type: bearer
    token: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /tickets/find
      method: POST
      json:
        where: box = "inbox" and changed >= "{incremental.start_value}" sort changed
        braces: "{}"
      data_selector: found
      null_is_empty: true
      paginator:
        type: offset
        offset_body_path: page.from
        limit_body_path: page.size
        limit: 25
        offset: 1
        total_path: null
        total_header: X-Total-Count
        maximum_offset: CEILING
      passes:
        - name: inbox
        - name: spam
          json: {where: 'box = "spam" and changed >= "{incremental.start_value}" sort changed'}
      incremental:
        cursor_path: changed
        initial_value: "2000-01-01T00:00:00Z"
        row_order: asc
    fields:
      id: number
      subject: title
      status: state
      created_at: opened
      updated_at: changed
      first_tag: {path: "labels[0]", type: text}
  - name: people
    endpoint:
      path: /people/export
      params: {since: 0}
      data_selector: people
      paginator:
        type: cursor
        cursor_path: next
        cursor_param: cursor
        is_last_path: end_of_stream
        resume: true
    fields: {id: number, name: name}
  - name: states
    endpoint:
      path: /tickets/states
      method: POST
      json: {size: 20}
      data_selector: tickets[*].log.entries[*]
      paginator:
        type: cursor
        cursor_path: mark
        cursor_body_path: page.mark
        is_last_path: isLast
    include_from_parent: [number]
    fields:
      id: number
      before: before
      after: after
  - name: minutes
    primary_key: [ticket, metric]
    endpoint:
      path: /minutes
      data_selector: $
      paginator: {type: single_page}
    fields:
      ticket: {path: ticket, type: bigint}
      metric: metric
      minutes: {path: minutes, type: bigint}
  - name: notes
    primary_key: [_help_desk_tickets_id, _index]
    endpoint:
      path: /tickets/{resources.help_desk_tickets.id}/notes
      data_selector: notes
      paginator: {type: single_page}
      response_actions: [{status_code: 404, action: ignore}]
    fields: {text: text}
"""


@dataclass
class Deskly(StandIn):
    """The server; ``ceiling`` is the maximum number of tickets that a query returns."""

    secrets: ClassVar[Mapping[str, str]] = {"API_KEY": "key-planted-6Hq"}

    ceiling: int = 60

    def is_allowed(self, request: Request) -> bool:
        """Return whether the key is correct."""
        return request.headers.get("authorization") == f"Bearer {self.secrets['API_KEY']}"

    def routes(self) -> Sequence[Route]:
        """Return the endpoints of the API."""
        return [
            Route("/tickets/find", self._find, methods=["POST"]),
            Route("/people/export", self._people),
            Route("/tickets/states", self._states, methods=["POST"]),
            Route("/minutes", self._minutes),
            Route("/tickets/{number:int}/notes", self._notes),
        ]

    async def _find(self, request: Request) -> Response:
        asked = await request.json()
        _, box, _, since, _ = asked["where"].split('"')
        first, size = asked["page"]["from"], asked["page"]["size"]
        if asked["braces"] != "{}" or first < 1 or first - 1 + size > self.ceiling:
            return JSONResponse({"error": "no such page"}, status_code=400)
        listed = [
            ticket
            for ticket in self.world.listed(spam=box == "spam")
            if ticket.updated_at >= datetime.fromisoformat(since.replace("Z", "+00:00"))
        ]
        listed.sort(key=lambda ticket: (ticket.updated_at, ticket.number))
        rows = [_ticket(ticket) for ticket in listed[first - 1 : first - 1 + size]]
        found = {"found": rows} if rows else {}
        return JSONResponse(found, headers={"X-Total-Count": str(len(listed))})

    async def _people(self, request: Request) -> Response:
        after = int(request.query_params.get("cursor", request.query_params["since"]))
        people = [_person(person) for person in self.world.people if person.number > after]
        last = people[:20][-1]["number"] if people else after
        return JSONResponse(
            {"people": people[:20], "next": str(last), "end_of_stream": len(people) <= 20}
        )

    async def _states(self, request: Request) -> Response:
        asked = await request.json()
        after = int(asked.get("page", {}).get("mark", "0"))
        listed = [ticket for ticket in self.world.listed() if ticket.number > after]
        page = listed[: asked["size"]]
        return JSONResponse(
            {
                "tickets": [_history(ticket) for ticket in page],
                "mark": str(page[-1].number) if page else None,
                "isLast": len(listed) <= asked["size"],
            }
        )

    async def _minutes(self, request: Request) -> Response:
        return JSONResponse(self.minutes())

    async def _notes(self, request: Request) -> Response:
        ticket = self.world.tickets.get(request.path_params["number"])
        notes = [each.body for each in ticket.comments if not each.is_public] if ticket else []
        if not notes:
            return JSONResponse({"error": "no notes"}, status_code=404)
        return JSONResponse({"notes": [{"text": text} for text in notes]})

    def minutes(self) -> list[dict[str, Any]]:
        """Return two durations of each ticket."""
        return [
            {
                "ticket": ticket.number,
                "metric": metric,
                "minutes": (at - ticket.created_at).seconds // 60,
            }
            for ticket in self.world.listed()
            for metric, at in (("reply", ticket.updated_at), ("close", ticket.solved_at))
            if at
        ]


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "title": ticket.subject,
        "state": ticket.state,
        "opened": _instant(ticket.created_at),
        "changed": _instant(ticket.updated_at),
        "labels": ticket.tags,
    }


def _person(person: Person) -> dict[str, Any]:
    return {"number": person.number, "name": person.name}


def _history(ticket: Ticket) -> dict[str, Any]:
    entries = [
        {"number": place, "before": change.before, "after": change.after}
        for place, change in enumerate(ticket.history)
    ]
    return {"number": ticket.number, "log": {"entries": entries} if entries else None}


def _instant(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
