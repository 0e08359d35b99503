"""The help desk of the sandbox, generated reproducibly from a seed: tickets, and all about them."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from helpdesk_assets.sandbox.stories import Story, Storyteller, timestamp
from helpdesk_assets.sandbox.team import Row, team
from helpdesk_assets.sandbox.working_days import WorkingDays

Ticket = dict[str, Any]
# The lists beside the tickets.
Name = Literal["comments", "status_changes", "users", "groups", "organizations"]

# The end of the generated time, unless it is another, and its length.
NEWEST = datetime(2026, 10, 31, 18, 0, tzinfo=timezone.utc)
SPAN = timedelta(days=730)

ORDERS = ("id", "-id", "updated_at", "-updated_at")


class Desk:
    """The tickets, the order in which the API lists them, and what belongs to them.

    ``tickets`` may be changed at any time; the next request returns the changed list.

    Args:
        tickets: the initial number of tickets.
        seed: the same seed gives the same tickets and the same changes.
        order: the field to sort by; a leading minus means descending.
        churn: the average number of changes after each page: tickets deleted, added or reopened.
        clock: returns the time of a change. Default: one second after the previous change.
        end: the end of the time in which the tickets were created and changed.
        span: the length of that time.
    """

    def __init__(
        self,
        tickets: int,
        seed: int = 1,
        *,
        order: str = "id",
        churn: float = 0,
        clock: Callable[[], datetime] | None = None,
        end: datetime = NEWEST,
        span: timedelta = SPAN,
    ) -> None:
        # Reproducible, and not used for security.
        self._chance = random.Random(f"churn {seed}")
        self.order = order
        self.churn = churn
        self.team = team(seed)
        self._days = WorkingDays(end - span, end)
        self._stories = self._told(tickets, end - span, end, random.Random(seed))
        self.tickets = [story.ticket for story in self._stories.values()]
        self._newest = tickets
        self._now = end + span
        self._clock = clock

    def page(
        self,
        offset: int,
        limit: int,
        *,
        updated_since: str = "",
        created: tuple[str, str] = ("", ""),
        undated: bool = False,
    ) -> tuple[list[Ticket], int]:
        """Return up to ``limit`` tickets from ``offset`` on, and the total number of tickets.

        After that, the tickets change according to ``churn``.

        Args:
            offset: the number of tickets to skip.
            limit: the maximum number of tickets to return.
            updated_since: only return tickets with at least this ``updated_at``.
            created: only return tickets with a ``created_at`` from the first of these two times
                on, and before the second.
            undated: only return tickets without ``created_at``.
        """
        field = self.order.lstrip("-")
        if self.order != "id":
            listed = sorted(
                self.tickets,
                key=lambda ticket: (ticket[field], ticket["id"]),
                reverse=self.order.startswith("-"),
            )
        else:
            listed = self.tickets
        if updated_since:
            listed = [ticket for ticket in listed if ticket["updated_at"] >= updated_since]
        if undated:
            listed = [ticket for ticket in listed if not ticket["created_at"]]
        first, end = created
        if first or end:
            listed = [
                ticket
                for ticket in listed
                if ticket["created_at"] and first <= ticket["created_at"] < (end or "9")
            ]
        page, total = [dict(ticket) for ticket in listed[offset : offset + limit]], len(listed)
        changes = int(self.churn) + (self._chance.random() < self.churn % 1)
        for _ in range(changes):
            self.change()
        return page, total

    def rows(self, name: Name, since: str = "") -> list[Row]:
        """Return the rows of a list other than the tickets, by id.

        Args:
            name: the name of the list.
            since: only return comments and status changes from this time on.
        """
        if name == "users":
            return [*self.team.agents, *self.team.customers]
        if name == "groups":
            return self.team.groups
        if name == "organizations":
            return self.team.organizations
        # Tickets that were added to the list have no story.
        found = (self._stories.get(ticket["id"]) for ticket in self.tickets)
        stories = [story for story in found if story]
        if name == "comments":
            return [
                row for story in stories for row in story.comments if row["created_at"] >= since
            ]
        return [row for story in stories for row in story.changes if row["changed_at"] >= since]

    def change(self) -> None:
        """Delete, add or reopen a ticket, chosen at random with equal probability."""
        self._now = self._clock() if self._clock else self._now + timedelta(seconds=1)
        now = int(self._now.timestamp())
        kind = self._chance.choice(("delete", "add", "reopen"))
        if kind == "add" or not self.tickets:
            self._newest += 1
            story = self._teller(self._now - SPAN, self._now, self._chance).opened(
                self._newest, now
            )
            self._stories[self._newest] = story
            self.tickets.append(story.ticket)
        elif kind == "delete":
            self.tickets.pop(self._chance.randrange(len(self.tickets)))
        else:
            reopened = self._chance.choice(self.tickets)
            story = self._stories.get(reopened["id"]) or Story(reopened)
            story.reopen(timestamp(now))

    def _told(
        self, tickets: int, start: datetime, end: datetime, chance: random.Random
    ) -> dict[int, Story]:
        teller = self._teller(start, end, chance)
        told: dict[int, Story] = {}
        before: Ticket | None = None
        for place, created in enumerate(self._days.arrivals(tickets, chance)):
            told[place + 1] = teller.tell(place + 1, created, before)
            before = told[place + 1].ticket
        return told

    def _teller(self, start: datetime, end: datetime, chance: random.Random) -> Storyteller:
        first, last = int(start.timestamp()), int(end.timestamp())
        return Storyteller(self.team, self._days, start=first, end=last, chance=chance)
