"""The tickets of the sandbox, generated reproducibly from a seed."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

Ticket = dict[str, Any]

NEWEST = datetime(2026, 10, 31, 18, 0, tzinfo=timezone.utc)
SPAN = timedelta(days=730)

STATUSES = ("new", "open", "pending", "on hold", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
CHANNELS = ("web", "email", "phone", "chat")
TAGS = ("billing", "hardware", "login", "network", "printing", "vpn")

THINGS = ("printer on floor 3", "VPN", "laptop", "invoice 4711", "badge", "the “new” intranet")
SUBJECTS = (
    "Can't log in to {}",
    'Error "0x80070005" with {}',
    "{} doesn't work since Monday",
    "Please give Zoë access to {} 🙏",
    "Drucker druckt nicht – betrifft {}",
    "Größe der Anlage überschritten: {}",
    "Impossible d'accéder à « {} »",
    "¿Por qué no funciona {}?",
    "Не работает {}",
    "{} が起動しません",
    "无法连接 {}",
    "{} 🔥 urgent!!! 🔥",
    "Re: Fwd: {}; drop table tickets; --",
    "الطابعة لا تعمل: {}",
)


ORDERS = ("id", "-id", "updated_at", "-updated_at")


class Desk:
    """The tickets, and the order in which the API lists them.

    ``tickets`` may be changed at any time; the next request returns the changed list.

    Args:
        tickets: the initial number of tickets.
        seed: the same seed gives the same tickets and the same changes.
        order: the field to sort by; a leading minus means descending.
        churn: the average number of changes after each page: tickets deleted, added or reopened.
        clock: returns the time of a change. Default: one second after the previous change.
    """

    def __init__(
        self,
        tickets: int,
        seed: int = 1,
        *,
        order: str = "id",
        churn: float = 0,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        # Reproducible, and not used for security.
        self._chance = random.Random(seed)
        self.order = order
        self.churn = churn
        self.tickets = [_ticket(number, tickets, self._chance) for number in range(1, tickets + 1)]
        self._newest = tickets
        self._now = NEWEST + SPAN
        self._clock = clock

    def page(
        self,
        offset: int,
        limit: int,
        *,
        updated_since: str = "",
        created: tuple[str, str] = ("", ""),
    ) -> tuple[list[Ticket], int]:
        """Return up to ``limit`` tickets from ``offset`` on, and the total number of tickets.

        After that, the tickets change according to ``churn``.

        Args:
            offset: the number of tickets to skip.
            limit: the maximum number of tickets to return.
            updated_since: only return tickets with at least this ``updated_at``.
            created: only return tickets with a ``created_at`` from the first of these two times
                on, and before the second.
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

    def change(self) -> None:
        """Delete, add or reopen a ticket, chosen at random with equal probability."""
        self._now = self._clock() if self._clock else self._now + timedelta(seconds=1)
        kind = self._chance.choice(("delete", "add", "reopen"))
        if kind == "add" or not self.tickets:
            self._newest += 1
            now = _timestamp(self._now)
            self.tickets.append(
                {
                    **_ticket(self._newest, self._newest, self._chance),
                    "created_at": now,
                    "updated_at": now,
                }
            )
        elif kind == "delete":
            self.tickets.pop(self._chance.randrange(len(self.tickets)))
        else:
            reopened = self._chance.choice(self.tickets)
            reopened.update(status="open", updated_at=_timestamp(self._now))


def _ticket(number: int, of: int, chance: random.Random) -> Ticket:
    created_at = NEWEST - SPAN * (1 - number / of) - timedelta(seconds=chance.random() * 3600)
    updated_at = created_at + timedelta(hours=chance.expovariate(1 / 48))
    return {
        "id": number,
        "subject": _or_null(chance.choice(SUBJECTS).format(chance.choice(THINGS)), 0.02, chance),
        "status": _or_null(chance.choice(STATUSES), 0.01, chance),
        "created_at": _or_null(_timestamp(created_at), 0.005, chance),
        "updated_at": _timestamp(updated_at),
        "priority": chance.choice(PRIORITIES),
        "channel": chance.choice(CHANNELS),
        "requester": {"id": chance.randint(1, 400), "locale": chance.choice(("de", "en", "ja"))},
        "tags": chance.sample(TAGS, chance.choice((0, 0, 1, 2))),
    }


def _timestamp(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def _or_null(value: str, share: float, chance: random.Random) -> str | None:
    return None if chance.random() < share else value
