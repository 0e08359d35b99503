"""The models of how a help desk works: metrics of each ticket, SLA targets, and teams by day."""

from helpdesk_assets.models.model import ID, TIMESTAMP, Measure, Model, Sums
from helpdesk_assets.tables.schema import TABLE

_STATES = (
    "ticket_status_history.started_at",
    "ticket_status_history.ended_at",
    "ticket_status_history.is_solved",
)
_REPLIES = (
    "comments.created_at",
    "comments.author_role",
    "comments.is_public",
    "users.role",
    "users.author_role",
    "agents.id",
    "created_at",
)


def _minutes(name: str, what: str, of: tuple[str, ...]) -> tuple[Measure, Measure]:
    """Return a number of minutes of the calendar, and one of business hours."""
    return (
        Measure(f"{name}_minutes", "DOUBLE", f"Minutes {what}.", of),
        Measure(f"{name}_business_minutes", "DOUBLE", f"Business minutes {what}.", of),
    )


METRICS = Model(
    name="ticket_metrics",
    description=(
        "One row a ticket: replies, resolution and waiting times, in minutes of the calendar and "
        "of business hours.\n\n"
        "- Business hours are set by `REPORTS__HELP_DESK__BUSINESS_HOURS`, `..._HOLIDAYS` and "
        "`..._TIMEZONE`.\n"
        "- A reply is a public comment by an agent, at least a second after the creation.\n"
        "- Columns that the help desk cannot fill are null; `omitted` in the metadata says why."
    ),
    columns=(
        Measure("ticket_id", ID, "The ticket.", ("id",), nullable=False),
        Measure("status", "VARCHAR", "The current status.", ("status",)),
        Measure("is_solved", "BOOLEAN", "Whether it is solved.", ("status",), nullable=False),
        Measure("priority", "VARCHAR", "The current priority.", ("priority",)),
        Measure(
            "group_name",
            "VARCHAR",
            "The name of its group, or the id.",
            ("group_id", "groups.name"),
        ),
        Measure(
            "assignee_name",
            "VARCHAR",
            "The name of its assignee, or the id.",
            ("assignee_id", "users.name", "agents.name"),
        ),
        Measure("created_at", TIMESTAMP, "When it was created.", ("created_at",)),
        Measure(
            "first_reply_at",
            TIMESTAMP,
            "The first reply. Without comments, what the ticket says of it.",
            (*_REPLIES, "first_replied_at"),
        ),
        Measure("first_solved_at", TIMESTAMP, "When it was first solved.", (*_STATES, "solved_at")),
        Measure(
            "solved_at",
            TIMESTAMP,
            "When it was last solved. Null: it is not solved, or not known.",
            (*_STATES, "solved_at", "closed_at"),
        ),
        *_minutes("first_reply", "from the creation to the first reply", _REPLIES),
        *_minutes(
            "first_resolution", "from the creation to the first solution", ("created_at", *_STATES)
        ),
        *_minutes("resolution", "from the creation to the last solution", ("created_at", *_STATES)),
        *_minutes(
            "requester_wait",
            "in which it was neither solved nor pending, so far",
            ("ticket_status_history.status", *_STATES),
        ),
        *_minutes(
            "agent_wait",
            "in which it was pending, so far",
            ("ticket_status_history.status", *_STATES),
        ),
        Measure("reopens", "BIGINT", "How often it was solved and then was not.", _STATES),
        Measure("agent_replies", "BIGINT", "Number of replies.", _REPLIES),
        Measure(
            "customer_replies",
            "BIGINT",
            "Number of public comments by customers, at least a second after the creation.",
            _REPLIES,
        ),
        Measure(
            "is_one_touch",
            "BOOLEAN",
            "Whether it is solved with at most one reply.",
            ("status", *_REPLIES),
        ),
        Measure("satisfaction", "VARCHAR", "The requester's rating.", ("satisfaction",)),
    ),
    key=("ticket_id",),
    reads=(TABLE, "ticket_status_history", "comments", "users", "agents", "groups"),
    sums=Sums(
        "Each ticket has one row, and no other ticket has one.",
        "select count(*) from desk_tickets",
        "select count(*) from ticket_metrics as metrics join desk_tickets as tickets"
        " on tickets.id = metrics.ticket_id and tickets.is_solved = metrics.is_solved",
    ),
    numbers={
        "tickets": "select count(*) from ticket_metrics",
        "solved": "select count(*) from ticket_metrics where is_solved",
        "median_first_reply_minutes": "select round(median(first_reply_minutes), 1)"
        " from ticket_metrics",
        "median_resolution_minutes": "select round(median(resolution_minutes), 1)"
        " from ticket_metrics",
        "reopens": "select coalesce(sum(reopens), 0)::bigint from ticket_metrics",
    },
)
SLA = Model(
    name="sla_breaches",
    description=(
        "Each SLA target of each ticket: when it is due, when it was met, and whether it is "
        "breached.\n\n"
        "- Targets are set by `REPORTS__HELP_DESK__SLA_TARGETS`; without any, the table is empty.\n"
        "- `next_reply` has a row for each comment of a customer that follows a reply: the oldest "
        "one without an answer counts.\n"
        "- A solution without a reply ends the wait for one."
    ),
    columns=(
        Measure("ticket_id", ID, "The ticket.", ("ticket_metrics.ticket_id",), nullable=False),
        Measure(
            "target",
            "VARCHAR",
            "One of: first_reply, next_reply, resolution.",
            nullable=False,
        ),
        Measure("priority", "VARCHAR", "The current priority.", ("ticket_metrics.priority",)),
        Measure("group_name", "VARCHAR", "The group.", ("ticket_metrics.group_name",)),
        Measure(
            "started_at",
            TIMESTAMP,
            "When the wait began.",
            ("ticket_metrics.created_at", "comments.created_at"),
            nullable=False,
        ),
        Measure(
            "due_at",
            TIMESTAMP,
            "When the target is due. Null: not known, because the ticket is dated before 1970.",
            ("ticket_metrics.created_at", "comments.created_at", "ticket_metrics.priority"),
        ),
        Measure(
            "met_at",
            TIMESTAMP,
            "When the wait ended. Null: not yet.",
            (
                "ticket_metrics.first_reply_at",
                "ticket_metrics.first_solved_at",
                "ticket_metrics.solved_at",
                "comments.created_at",
                "ticket_status_history.started_at",
            ),
        ),
        Measure("is_breached", "BOOLEAN", "Whether it was met too late, or is overdue."),
        Measure("minutes_over", "DOUBLE", "Minutes after `due_at`, in the hours of the targets."),
        Measure(
            "minutes_left",
            "DOUBLE",
            "Minutes until `due_at`, in the hours of the targets; 0 if overdue. Null: it is met.",
        ),
        Measure("is_open", "BOOLEAN", "Whether the wait goes on.", nullable=False),
    ),
    key=("ticket_id", "target", "started_at"),
    reads=("ticket_metrics", "ticket_status_history", "comments", "users", "agents"),
    sums=Sums(
        "Each unsolved ticket with a target for its resolution has one that is open.",
        "select count(*) from desk_tickets as tickets"
        " where not is_solved and created_at is not null"
        " and exists (select 1 from desk_sla_targets as targets where target = 'resolution'"
        " and targets.priority in (lower(trim(tickets.priority)), '*'))",
        "select count(*) from sla_breaches where target = 'resolution' and is_open",
    ),
    numbers={
        "open_breached": "select count(*) from sla_breaches where is_open and is_breached",
        "open": "select count(*) from sla_breaches where is_open",
        "breached": "select count(*) from sla_breaches where is_breached",
    },
)
TEAM = Model(
    name="team_daily",
    description=(
        "What came in, was solved and was replied to per day, by group and assignee.\n\n"
        "- Group and assignee are those that the tickets have now: help desks do not list who had "
        "them before.\n"
        "- A rating counts on the day when its ticket was solved or, if that is not known, created."
    ),
    columns=(
        Measure(
            "day",
            "DATE",
            "The day, in the time zone of the reports.",
            ("ticket_metrics.created_at", "ticket_metrics.solved_at", "comments.created_at"),
            nullable=False,
        ),
        Measure("group_name", "VARCHAR", "The group.", ("ticket_metrics.group_name",)),
        Measure("assignee_name", "VARCHAR", "The assignee.", ("ticket_metrics.assignee_name",)),
        Measure(
            "taken",
            "BIGINT",
            "Number of tickets that were created.",
            ("ticket_metrics.created_at",),
            nullable=False,
        ),
        Measure(
            "solved",
            "BIGINT",
            "Number of tickets that were solved, and have stayed so.",
            ("ticket_metrics.solved_at",),
            nullable=False,
        ),
        Measure("replies", "BIGINT", "Number of replies by agents.", _REPLIES),
        Measure("satisfied", "BIGINT", "Number of good ratings.", ("ticket_metrics.satisfaction",)),
        Measure(
            "dissatisfied", "BIGINT", "Number of bad ratings.", ("ticket_metrics.satisfaction",)
        ),
    ),
    key=("day", "group_name", "assignee_name"),
    reads=("ticket_metrics", "comments", "users", "agents"),
    sums=Sums(
        "Each ticket with a creation date is taken on exactly one day.",
        "select count(created_at) from desk_tickets",
        "select coalesce(sum(taken), 0) from team_daily",
    ),
    numbers={
        "taken": "select coalesce(sum(taken), 0)::bigint from team_daily",
        "solved": "select coalesce(sum(solved), 0)::bigint from team_daily",
        "replies": "select sum(replies)::bigint from team_daily",
    },
)
