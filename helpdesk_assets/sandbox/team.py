"""The people of the sandbox: agents in groups, and customers in organizations."""

import random
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

GROUPS = ("Accounts", "Billing", "Hardware", "Network")
# Name, groups, and the share of the time, 0 to 1, after which they begin and leave.
AGENTS = (
    ("Amara Okafor", (0, 1), 0.0, 2.0),
    ("Bruno Keller", (2,), 0.0, 2.0),
    ("Chloé Martin", (1,), 0.0, 0.45),
    ("Dmitri Volkov", (3,), 0.0, 2.0),
    ("Emi Tanaka", (0,), 0.0, 2.0),
    ("Farid Haddad", (2, 3), 0.0, 0.8),
    ("Grace O'Neill", (1, 0), 0.4, 2.0),
    ("Hugo Fernández", (3, 2), 0.7, 2.0),
)
FIRST_NAMES = ("Ada", "Bo", "Chen", "Dana", "Eva", "Finn", "Gül", "Hana", "Ivo", "Jo", "Kim", "Lea")
LAST_NAMES = (
    "Adler",
    "Brown",
    "Costa",
    "Dietz",
    "Ek",
    "Fischer",
    "Garcia",
    "Horák",
    "Ito",
    "Jones",
)
COMPANIES = ("Acme", "Blue Harbor", "Cobalt", "Dune", "Evergreen", "Foxglove", "Granite", "Harvest")
KINDS = ("Foods", "Logistics", "Media", "Systems", "Works")
CUSTOMERS = 400
# The id of the first customer; agents have lower ones.
FIRST_CUSTOMER = 1001


@dataclass(frozen=True)
class Team:
    """Who is who.

    Attributes:
        agents: the rows of the agents.
        customers: the rows of the customers.
        groups: the rows of the groups.
        organizations: the rows of the customers' organizations.
    """

    agents: list[Row]
    customers: list[Row]
    groups: list[Row]
    organizations: list[Row]

    def works(self, agent: int, share: float) -> bool:
        """Return whether an agent works at a share of the time, 0 to 1."""
        _, _, begins, leaves = AGENTS[agent - 1]
        return begins <= share < leaves

    def agent(self, group: int | None, share: float, chance: random.Random) -> int:
        """Return the id of an agent of a group who works at a share of the time, 0 to 1."""
        there = [agent for agent in range(1, len(AGENTS) + 1) if self.works(agent, share)]
        of_group = [agent for agent in there if group is None or group - 1 in AGENTS[agent - 1][1]]
        return chance.choice(of_group or there)


def team(seed: int) -> Team:
    """Return the people; the same seed gives the same ones."""
    chance = random.Random(f"people {seed}")
    organizations = [
        {"id": number + 1, "name": f"{company} {kind}"}
        for number, (company, kind) in enumerate(
            (company, kind) for company in COMPANIES for kind in KINDS
        )
    ]
    agents = [
        {
            "id": place + 1,
            "name": name,
            "email": f"agent{place + 1}@support.example",
            "role": "agent",
            "organization_id": None,
            "active": leaves > 1,
        }
        for place, (name, _, _, leaves) in enumerate(AGENTS)
    ]
    customers = [
        {
            "id": FIRST_CUSTOMER + number,
            "name": f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}",
            "email": f"customer{number + 1}@example.com",
            "role": "customer",
            "organization_id": chance.choice(organizations)["id"],
            "active": True,
        }
        for number in range(CUSTOMERS)
    ]
    groups = [{"id": place + 1, "name": name} for place, name in enumerate(GROUPS)]
    return Team(agents, customers, groups, organizations)
