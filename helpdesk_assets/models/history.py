"""The models of ticket statuses over time: each state, and the backlog of each day."""

from helpdesk_assets.models.model import ID, TIMESTAMP, Measure, Model, Sums
from helpdesk_assets.tables.schema import TABLE

_CHANGE = ("status_changes.changed_at", "ticket_status_changes.first_seen_at")

HISTORY = Model(
    name="ticket_status_history",
    description=(
        "Each state of each ticket, with its beginning and end.\n\n"
        "- `source` is `api` where the API lists status changes, and the times are exact. "
        "Elsewhere it is `syncs`: a change is dated by the sync that saw it.\n"
        "- The first state begins when the ticket was created.\n"
        "- If a sync first saw a ticket solved, and the ticket says since when, the state before "
        "has no status, because it is not known.\n"
        "- States that lasted no time are omitted."
    ),
    columns=(
        Measure("ticket_id", ID, "The ticket.", ("id",), nullable=False),
        Measure(
            "status",
            "VARCHAR",
            "The status. Null: without one, or not known.",
            (
                "status",
                "status_changes.old_status",
                "status_changes.new_status",
                "ticket_status_changes.new_status",
            ),
        ),
        Measure(
            "is_solved",
            "BOOLEAN",
            "Whether the ticket counts as solved in this state.",
            ("status", "status_changes.new_status"),
            nullable=False,
        ),
        Measure(
            "started_at",
            TIMESTAMP,
            "When the state began.",
            ("created_at", "solved_at", "closed_at", *_CHANGE),
            nullable=False,
        ),
        Measure(
            "ended_at",
            TIMESTAMP,
            "When the state ended. Null: it is the current one.",
            ("solved_at", "closed_at", *_CHANGE),
        ),
        Measure(
            "source",
            "VARCHAR",
            "Who knows of the state: `api`, the API's own history, or `syncs`.",
            ("status_changes.ticket_id",),
            nullable=False,
        ),
    ),
    key=("ticket_id", "started_at"),
    reads=(TABLE, "ticket_status_changes", "status_changes"),
    sums=Sums(
        "Each ticket has exactly one current state, which agrees with the ticket.",
        "select count(*) from desk_tickets",
        "select count(*) from ticket_status_history as history join desk_tickets as tickets"
        " on tickets.id = history.ticket_id where history.ended_at is null"
        " and history.is_solved = tickets.is_solved and lower(trim(history.status))"
        " is not distinct from lower(trim(tickets.status))",
    ),
    numbers={
        "states": "select count(*) from ticket_status_history",
        "states_from_api": "select count(*) from ticket_status_history where source = 'api'",
    },
)
BACKLOG_DAILY = Model(
    name="ticket_backlog_daily",
    description=(
        "Number of tickets that were open at the end of each day, from the day of the first "
        "ticket on.\n\n"
        "- Days are in the time zone `REPORTS__HELP_DESK__TIMEZONE`. The last day is today, so "
        "far.\n"
        "- The status is that of the day; priority and group are those of now.\n"
        "- A day without open tickets has one row, with 0. Statuses beyond the 30 most common "
        "are counted as `others`."
    ),
    columns=(
        Measure(
            "day",
            "DATE",
            "The day.",
            ("ticket_status_history.started_at", "ticket_status_history.ended_at"),
            nullable=False,
        ),
        Measure(
            "status",
            "VARCHAR",
            "The status at the end of the day.",
            ("ticket_status_history.status",),
        ),
        Measure("priority", "VARCHAR", "The priority.", ("ticket_metrics.priority",)),
        Measure("group_name", "VARCHAR", "The group.", ("ticket_metrics.group_name",)),
        Measure(
            "tickets",
            "BIGINT",
            "Number of tickets.",
            (
                "ticket_status_history.ticket_id",
                "ticket_status_history.is_solved",
                "ticket_status_history.started_at",
                "ticket_status_history.ended_at",
            ),
            nullable=False,
        ),
    ),
    key=("day", "status", "priority", "group_name"),
    reads=("ticket_status_history", "ticket_metrics"),
    sums=Sums(
        "The last day has each unsolved ticket once, and no other ticket.",
        "select count(*) from desk_tickets where not is_solved",
        "select coalesce(sum(tickets), 0) from ticket_backlog_daily"
        " where day = (select max(day) from ticket_backlog_daily)",
    ),
    numbers={
        "open": "select coalesce(sum(tickets), 0)::bigint from ticket_backlog_daily"
        " where day = (select max(day) from ticket_backlog_daily)",
        "days": "select count(distinct day) from ticket_backlog_daily",
    },
)
