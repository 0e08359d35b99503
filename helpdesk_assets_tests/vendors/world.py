"""The data of a help desk, independent of the vendor; each server sends it in its own format."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal

State = Literal["new", "open", "pending", "solved", "closed"]
STATES: tuple[State, ...] = ("new", "open", "pending", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
TYPES = ("question", "incident", "problem", "task")
CHANNELS = ("email", "web", "phone", "chat")
TAGS = ("billing", "hardware", "login", "vpn")
# How long before the creation of the world the oldest and the newest ticket were created.
OLDEST, NEWEST = timedelta(days=700), timedelta(days=2)


@dataclass(frozen=True)
class Person:
    """A customer or an agent."""

    number: int
    name: str
    email: str
    is_agent: bool
    created_at: datetime


@dataclass(frozen=True)
class Named:
    """A group or an organization."""

    number: int
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Comment:
    """A message in the conversation of a ticket."""

    number: int
    author: int
    is_public: bool
    body: str
    created_at: datetime


@dataclass(frozen=True)
class Change:
    """A change of a ticket's state."""

    number: int
    author: int
    before: State
    after: State
    at: datetime


@dataclass
class Ticket:
    """A ticket with its conversation and its history, oldest first."""

    number: int
    subject: str
    state: State
    priority: str
    type: str
    channel: str
    requester: int
    assignee: int | None
    group: int
    organization: int
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    solved_at: datetime | None = None
    is_spam: bool = False
    is_deleted: bool = False
    score: Literal["good", "bad"] | None = None
    comments: list[Comment] = field(default_factory=list)
    history: list[Change] = field(default_factory=list)


class World:
    """Tickets, people and conversations, generated reproducibly except for times.

    Times are in whole seconds, in UTC. Changes happen now, by the machine's clock, because that is
    what a sync compares with.

    Args:
        tickets: the initial number of tickets.
        seed: the same seed results in the same world, at another time.
        comments: the maximum number of comments of a ticket; each has at least one.

    Attributes:
        tickets: all tickets by number, including those in spam or trash.
    """

    def __init__(self, tickets: int = 120, seed: int = 1, *, comments: int = 4) -> None:
        # Reproducible, and not used for security.
        self._chance = random.Random(seed)
        self._comments = comments
        self._last_comment = self._last_change = 0
        self.began = now()
        start = self.began - OLDEST
        self.people = [
            Person(
                number=number,
                name=f"{'Agent' if number <= 8 else 'Customer'} {number}",
                email=f"person{number}@planted.example",
                is_agent=number <= 8,
                created_at=start - timedelta(days=number),
            )
            for number in range(1, 49)
        ]
        self.groups = [
            Named(number, f"Group {number}", start - timedelta(days=1)) for number in (1, 2, 3)
        ]
        self.organizations = [
            Named(number, f"Organization {number}", start - timedelta(days=1))
            for number in range(1, 8)
        ]
        self.tickets: dict[int, Ticket] = {}
        for number in range(1, tickets + 1):
            age = OLDEST + (NEWEST - OLDEST) * (number / tickets)
            self._make(number, self.began - age)

    @property
    def agents(self) -> list[Person]:
        """The agents."""
        return [person for person in self.people if person.is_agent]

    @property
    def customers(self) -> list[Person]:
        """The customers."""
        return [person for person in self.people if not person.is_agent]

    def person(self, number: int) -> Person:
        """Return a person by number."""
        return self.people[number - 1]

    def listed(self, *, spam: bool = False, deleted: bool = False) -> list[Ticket]:
        """Return the tickets sorted by number: the normal ones, or those in spam or trash."""
        return [
            ticket
            for _, ticket in sorted(self.tickets.items())
            if ticket.is_spam == spam and ticket.is_deleted == deleted
        ]

    def comments(self) -> Iterator[tuple[Ticket, Comment]]:
        """Yield each comment with its ticket."""
        for ticket in self.tickets.values():
            for comment in ticket.comments:
                yield ticket, comment

    def add(self, count: int = 1) -> list[Ticket]:
        """Create tickets, now, and return them."""
        newest = max(self.tickets, default=0)
        return [self._make(newest + place, now()) for place in range(1, count + 1)]

    def reply(self, ticket: Ticket, *, is_public: bool = True) -> Comment:
        """Add a comment of an agent to a ticket, now."""
        comment = self._comment(ticket, self._chance.choice(self.agents).number, now(), is_public)
        ticket.updated_at = comment.created_at
        return comment

    def move(self, ticket: Ticket, state: State) -> None:
        """Change the state of a ticket, now."""
        self._move(ticket, state, now())
        ticket.updated_at = now()

    def delete(self, ticket: Ticket) -> None:
        """Move a ticket to the trash, now."""
        ticket.is_deleted = True
        ticket.updated_at = now()

    def purge(self, ticket: Ticket) -> None:
        """Delete a ticket permanently."""
        del self.tickets[ticket.number]

    def _make(self, number: int, created_at: datetime) -> Ticket:
        chance = self._chance
        ticket = Ticket(
            number=number,
            subject=f"Grüße 🙏 {number}" if number % 10 == 0 else f"Printer {number} is on fire",
            state="new",
            priority=chance.choice(PRIORITIES),
            type=chance.choice(TYPES),
            channel=chance.choice(CHANNELS),
            requester=chance.choice(self.customers).number,
            assignee=chance.choice([None, *(agent.number for agent in self.agents)]),
            group=chance.choice(self.groups).number,
            organization=chance.choice(self.organizations).number,
            tags=sorted(chance.sample(TAGS, chance.choice((0, 1, 2)))),
            created_at=created_at,
            updated_at=created_at,
        )
        at = created_at
        self._comment(ticket, ticket.requester, at, is_public=True)
        if created_at < self.began - timedelta(days=1):
            # The history of a ticket takes hours, and ends before the world begins.
            for _ in range(chance.randrange(self._comments)):
                at += timedelta(minutes=chance.randint(5, 200))
                agent = chance.choice(self.agents).number
                self._comment(ticket, agent, at, chance.random() < 0.8)
            for state in STATES[1 : chance.randrange(1, len(STATES) + 1)]:
                at += timedelta(minutes=chance.randint(5, 200))
                self._move(ticket, state, at)
            if ticket.state in ("solved", "closed"):
                ticket.score = chance.choice((None, "good", "good", "bad"))
        ticket.updated_at = at
        self.tickets[number] = ticket
        return ticket

    def _comment(self, ticket: Ticket, author: int, at: datetime, is_public: bool) -> Comment:
        self._last_comment += 1
        body = f"Comment {self._last_comment} of ticket {ticket.number}"
        comment = Comment(self._last_comment, author, is_public, body, at)
        ticket.comments.append(comment)
        return comment

    def _move(self, ticket: Ticket, state: State, at: datetime) -> None:
        self._last_change += 1
        author = ticket.assignee or self.agents[0].number
        ticket.history.append(Change(self._last_change, author, ticket.state, state, at))
        ticket.state = state
        ticket.solved_at = at if state == "solved" else ticket.solved_at


def now() -> datetime:
    """Return the time, in whole seconds."""
    return datetime.now(timezone.utc).replace(microsecond=0)
