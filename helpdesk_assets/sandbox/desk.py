"""The desk: the tickets of the sandbox, made up anew, but always the same for the same seed."""

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
    """The tickets there are, and the order in which the API lists them.

    Change ``tickets`` at will: what is asked for next is answered from what is there then.

    Args:
        tickets: how many there are at first.
        seed: the same seed gives the same tickets and the same changes.
        order: the field they are listed by, descending with a minus before it.
        churn: changes after each page, on average: a ticket deleted, added, or reopened.
        clock: says when a change is; by default, each is a second after the one before.
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
        # Believable, not secret: chance must repeat itself.
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
        """Return up to ``limit`` tickets, the first of them the ``offset``-th, and of how many.

        The desk goes on changing when the page has been read.

        Args:
            offset: how many to leave out at the top of the list.
            limit: how many to return at most.
            updated_since: leaves out those that have not changed since then; as in ``updated_at``.
            created: leaves out those that were opened before the first of these two, or not before
                the second; as in ``created_at``.
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
        """Delete a ticket, add one, or reopen one: by chance, each as often as the others."""
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
