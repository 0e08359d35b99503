"""The desk: the tickets of the sandbox, made up anew, but always the same for the same seed."""

import random
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


class Desk:
    """Tickets in the order in which the API lists them, by ascending id.

    Change ``tickets`` at will: what is asked for next is answered from what is there then.
    """

    def __init__(self, tickets: int, seed: int = 1) -> None:
        # Believable, not secret: the same seed must give the same tickets.
        chance = random.Random(seed)
        self.tickets = [_ticket(number, tickets, chance) for number in range(1, tickets + 1)]

    def page(self, offset: int, limit: int) -> list[Ticket]:
        """Return up to ``limit`` tickets from the ``offset``-th on, counted from 0."""
        return self.tickets[offset : offset + limit]


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
