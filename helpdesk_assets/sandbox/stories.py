"""The story of a ticket in the sandbox: what people write, and how its status changes.

The ticket's own fields follow from its story: ``solved_at`` is the last change to solved,
``first_replied_at`` the first public comment of an agent, and the status the last one.
"""

import math
import random
import time
from dataclasses import dataclass, field
from typing import Any

from helpdesk_assets.sandbox.team import Team
from helpdesk_assets.sandbox.working_days import DAY, WorkingDays

Row = dict[str, Any]

PRIORITIES = ("low", "normal", "high", "urgent")
CHANNELS = ("email", "web", "chat", "phone")
TYPES = ("question", "incident", "problem", "task")
TAGS = ("billing", "hardware", "login", "network", "printing", "vpn")
# Things that do not work, and the groups that care for them.
THINGS = (
    ("printer on floor 3", 3),
    ("VPN", 4),
    ("laptop", 3),
    ("invoice 4711", 2),
    ("badge", 1),
    ("the “new” intranet", 1),
)
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
OUTAGE_SUBJECTS = ("{} is down", "We cannot reach {}", "{}: still no connection")
REPLIES = (
    "Thank you for the details. Please try again after a restart.",
    "We have found the cause and are working on it.",
    "Could you send us the exact error message?",
    "This should work now. Please let us know if it does not.",
)
ANSWERS = (
    "Still the same, sorry.",
    "Thanks! Here is the message.",
    "Any news?",
    "Danke, ça marche.",
)
NOTES = ("Called the vendor.", "Known problem, see the runbook.", "Waiting for a spare part.")
# The median time to the first reply, in working minutes, and the time until it is due, in hours.
FIRST_REPLY = {"low": 300, "normal": 140, "high": 55, "urgent": 18, None: 200}
DUE = {"low": 40, "normal": 24, "high": 8, "urgent": 4}
# Ids of comments and status changes contain the number of the ticket, so they never change.
MOST_EVENTS = 1000


@dataclass
class Story:
    """A ticket, and its comments and status changes, oldest first."""

    ticket: Row
    comments: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)

    def move(self, status: str, at: str) -> None:
        """Change the status."""
        ticket = self.ticket
        if ticket["status"] == status:
            return
        self.changes.append(
            {
                "id": ticket["id"] * MOST_EVENTS + len(self.changes),
                "ticket_id": ticket["id"],
                "old_status": ticket["status"],
                "new_status": status,
                "changed_at": at,
            }
        )
        ticket["status"] = status
        ticket["updated_at"] = at
        if status in ("solved", "closed"):
            ticket[f"{status}_at"] = at

    def reopen(self, at: str) -> None:
        """Let the customer write again."""
        self.write(self.ticket.get("requester", {}).get("id"), "customer", ANSWERS[0], at)
        self.move("open", at)

    def write(
        self, author: int | None, role: str, body: str, at: str, *, is_public: bool = True
    ) -> None:
        """Add a comment of a person with a role, or of the system."""
        ticket = self.ticket
        self.comments.append(
            {
                "id": ticket["id"] * MOST_EVENTS + len(self.comments),
                "ticket_id": ticket["id"],
                "author_id": author,
                "author_role": role,
                "is_public": is_public,
                "created_at": at,
                "body": body,
            }
        )
        ticket["updated_at"] = at
        if role == "agent" and is_public:
            ticket["first_replied_at"] = ticket.get("first_replied_at") or at


class Storyteller:
    """Tells the story of one ticket after the other, up to now.

    Args:
        team: the people.
        days: when they work.
        start: the first instant, in seconds since 1970.
        end: now.
        chance: the generator of random numbers.
    """

    def __init__(
        self, team: Team, days: WorkingDays, *, start: int, end: int, chance: random.Random
    ) -> None:
        self._team, self._days, self._chance = team, days, chance
        self._start, self._end = start, end

    def tell(self, number: int, created: int, before: Row | None = None) -> Story:
        """Return the story of a ticket that was created at an instant.

        Args:
            number: its id.
            created: seconds since 1970.
            before: the ticket before, which this one may be a duplicate of.
        """
        story = self.opened(number, created)
        ticket, kind = story.ticket, self._chance.random()
        if kind < 0.012:
            ticket["is_deleted"] = True
        elif kind < 0.027 and before and not before["is_deleted"] and before["merged_into"] is None:
            self._merge(story, created, before)
        elif kind < 0.035:
            # Without an answer.
            pass
        else:
            self._work(story, created)
        if ticket["status"] == "new" and self._chance.random() < 0.12:
            ticket["status"] = None
        if self._chance.random() < 0.003:
            ticket["created_at"] = None
        return story

    def opened(self, number: int, created: int) -> Story:
        """Return the story of a ticket that no agent has worked on yet.

        Args:
            number: its id.
            created: seconds since 1970.
        """
        chance = self._chance
        thing, group = chance.choice(THINGS)
        is_outage = self._days.is_busy(created) and chance.random() < 0.6
        if is_outage:
            thing, group = "VPN", 4
        subject = chance.choice(OUTAGE_SUBJECTS if is_outage else SUBJECTS).format(thing)
        priority = chance.choices((*PRIORITIES, None), (25, 45, 20, 7, 3))[0]
        if is_outage:
            priority = chance.choice(("high", "urgent"))
        customer = chance.choice(self._team.customers)
        at = timestamp(created)
        due = priority and timestamp(self._days.after(created, DUE[priority] * 3600))
        tags = chance.sample(TAGS, chance.choice((0, 0, 1, 2)))
        story = Story(
            {
                "id": number,
                "subject": None if chance.random() < 0.02 else subject,
                "status": "new",
                "created_at": at,
                "updated_at": at,
                "solved_at": None,
                "closed_at": None,
                "first_replied_at": None,
                "due_at": due,
                "priority": priority,
                "type": "incident" if is_outage else chance.choice(TYPES),
                "channel": chance.choices(CHANNELS, (50, 25, 15, 10))[0],
                "satisfaction": None,
                "requester": {"id": customer["id"], "locale": chance.choice(("de", "en", "ja"))},
                "assignee_id": None,
                "group_id": None if chance.random() < 0.04 else group,
                "organization_id": customer["organization_id"],
                "tags": [*tags, "outage"] if is_outage else tags,
                "is_deleted": False,
                "merged_into": None,
            }
        )
        story.write(customer["id"], "customer", f"{subject}. Please help.", at)
        return story

    def _merge(self, story: Story, created: int, before: Row) -> None:
        merged = self._days.after(created, 1800 + self._chance.random() * 7200)
        if merged > self._end:
            return
        story.ticket["merged_into"] = before["id"]
        body = f"Merged into ticket {before['id']}."
        story.write(None, "system", body, timestamp(merged), is_public=False)
        story.move("closed", timestamp(merged))

    def _work(self, story: Story, created: int) -> None:
        """Let agents and the customer write until the ticket is closed, or it is now."""
        chance, ticket = self._chance, story.ticket
        minutes = FIRST_REPLY[ticket["priority"]] / (6 if ticket["channel"] == "chat" else 1)
        if self._days.is_busy(created):
            minutes *= 6
        begins = self._days.after(created, self._spread(minutes, 0.9) * 60)
        ends = self._rounds(story, created, begins)
        # Some are not satisfied with the solution.
        while ends and chance.random() < 0.08:
            again = ends + int(self._spread(1200, 0.7) * 60)
            if again > min(self._end, ends + 4 * DAY):
                break
            self._say(story, again)
            story.move("open", timestamp(again))
            ends = self._rounds(story, again, self._days.after(again, self._spread(90, 0.8) * 60))
        if ends:
            self._rate(story, created)
            closes = ends + 5 * DAY
            if closes <= self._end:
                story.move("closed", timestamp(closes))

    def _rounds(self, story: Story, before: int, at: int) -> int:
        """Write replies from an instant on. Return when the ticket was solved; 0: it is not."""
        chance, ticket = self._chance, story.ticket
        taken = before + int((at - before) * chance.random())
        while at <= self._end:
            agent = self._agent(ticket, at)
            if ticket["status"] != "open" and taken <= self._end:
                story.move("open", timestamp(taken))
            if chance.random() < 0.2:
                note = chance.choice(NOTES)
                story.write(agent, "agent", note, timestamp(at - 1), is_public=False)
            story.write(agent, "agent", chance.choice(REPLIES), timestamp(at))
            kind = chance.random()
            if kind < 0.45:
                story.move("solved", timestamp(at))
                return at
            if kind < 0.53:
                story.move("on hold", timestamp(at))
                at = self._days.after(at, self._spread(1400, 0.6) * 60)
                taken = at - 60
                continue
            story.move("pending", timestamp(at))
            replied = at + int(self._spread(420, 1.2) * 60)
            if kind > 0.96:
                return self._give_up(story, at)
            if replied > self._end:
                return 0
            self._say(story, replied)
            story.move("open", timestamp(replied))
            slow = 5 if self._days.is_busy(replied) else 1
            at = self._days.after(replied, self._spread(110, 0.9) * 60 * slow)
        if taken <= self._end:
            self._agent(ticket, taken)
            story.move("open", timestamp(taken))
        return 0

    def _give_up(self, story: Story, at: int) -> int:
        """Solve a ticket whose customer does not answer. Return when; 0: not yet."""
        solved = at + 7 * DAY
        if solved > self._end:
            return 0
        story.write(None, "system", "Solved after a week without an answer.", timestamp(solved))
        story.move("solved", timestamp(solved))
        return solved

    def _agent(self, ticket: Row, at: int) -> int:
        """Return who works on the ticket: the assignee, unless that agent has left."""
        share = (at - self._start) / max(self._end - self._start, 1)
        assigned = ticket["assignee_id"]
        if assigned is None or not self._team.works(assigned, share):
            assigned = self._team.agent(ticket["group_id"], share, self._chance)
            ticket["assignee_id"] = assigned
        return int(assigned)

    def _say(self, story: Story, at: int) -> None:
        customer = story.ticket["requester"]["id"]
        story.write(customer, "customer", self._chance.choice(ANSWERS), timestamp(at))

    def _rate(self, story: Story, created: int) -> None:
        if self._chance.random() < 0.35:
            is_slow = self._days.is_busy(created) or len(story.comments) > 7
            good = self._chance.random() < (0.5 if is_slow else 0.92)
            story.ticket["satisfaction"] = "good" if good else "bad"

    def _spread(self, median: float, spread: float) -> float:
        return self._chance.lognormvariate(math.log(median), spread)


def timestamp(seconds: int) -> str:
    """Return an instant as the API spells it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
