"""The models of tickets as they are now: volume, backlog and status changes."""

from helpdesk_assets.models.model import ID, TIMESTAMP, Measure, Model, Sums
from helpdesk_assets.tables.schema import TABLE

VOLUME = Model(
    name="ticket_volume_daily",
    description=(
        "Number of tickets opened per day, by their current status.\n\n"
        "- Days are in the time zone `REPORTS__HELP_DESK__TIMEZONE`.\n"
        "- Days without tickets have rows with 0 for the 30 most frequent statuses.\n"
        "- Tickets without `created_at` and deleted tickets are not counted."
    ),
    columns=(
        Measure(
            "day",
            "DATE",
            "The day, in the time zone of the reports.",
            ("created_at",),
            nullable=False,
        ),
        Measure("status", "VARCHAR", "The current status of the tickets.", ("status",)),
        Measure(
            "tickets",
            "BIGINT",
            "Number of tickets with that status opened on that day.",
            ("created_at", "status", "deleted_at"),
            nullable=False,
        ),
    ),
    key=("day", "status"),
    sums=Sums(
        "Each ticket with a creation date is counted on exactly one day, and no other ticket is.",
        "select count(created_at) from desk_tickets",
        "select coalesce(sum(tickets), 0) from ticket_volume_daily",
    ),
    numbers={
        "tickets": "select coalesce(sum(tickets), 0)::bigint from ticket_volume_daily",
        "days": "select count(distinct day) from ticket_volume_daily",
    },
)
BACKLOG = Model(
    name="ticket_backlog",
    description=(
        "Number of unsolved tickets, by age.\n\n"
        "- Solved statuses are set by `REPORTS__HELP_DESK__SOLVED_STATUSES`, or the profile.\n"
        "- A ticket without a status is unsolved; without `created_at`, its age is unknown.\n"
        "- Empty buckets have a row, too. A day is 24 hours."
    ),
    columns=(
        Measure("position", "BIGINT", "Sort order of the bucket, youngest first.", nullable=False),
        Measure("age_bucket", "VARCHAR", "Age of the tickets.", ("created_at",), nullable=False),
        Measure(
            "tickets",
            "BIGINT",
            "Number of tickets.",
            ("id", "status", "created_at", "deleted_at"),
            nullable=False,
        ),
        Measure(
            "oldest_created_at",
            TIMESTAMP,
            "When the oldest ticket in the bucket was opened.",
            ("created_at",),
        ),
        Measure("counted_at", TIMESTAMP, "When the tickets were counted.", nullable=False),
    ),
    key=("position",),
    sums=Sums(
        "Each unsolved ticket is in exactly one bucket, and no other ticket is.",
        f"select count(*) from {TABLE} where id in (select id from desk_tickets) and"
        " coalesce(lower(trim(cast($solved_field as varchar)))"
        " not in (select unnest($solved_statuses)), true)",
        "select sum(tickets) from ticket_backlog",
    ),
    numbers={
        "tickets": "select sum(tickets)::bigint from ticket_backlog",
        "over_90_days": "select tickets from ticket_backlog where position = 5",
    },
)
CHANGES = Model(
    name="ticket_status_changes",
    description=(
        "History of ticket statuses: each run adds the status changes since the previous run.\n\n"
        "- If a status changes several times between two runs, only the last one is recorded.\n"
        "- `is_new` distinguishes new tickets from status changes."
    ),
    columns=(
        Measure("ticket_id", ID, "The ticket.", ("id",), nullable=False),
        Measure("old_status", "VARCHAR", "The previously recorded status.", ("status",)),
        Measure("new_status", "VARCHAR", "The new status.", ("status",)),
        Measure(
            "first_seen_at",
            TIMESTAMP,
            "When a run first found the ticket with the new status.",
            nullable=False,
        ),
        Measure(
            "is_new",
            "BOOLEAN",
            "Whether the ticket was not recorded before.",
            ("id",),
            nullable=False,
        ),
    ),
    key=("ticket_id", "first_seen_at"),
    sums=Sums(
        "The last recorded status of each ticket is its current status.",
        "select count(*) from desk_tickets",
        "select count(*) from desk_tickets as tickets join (select ticket_id,"
        " last(new_status order by first_seen_at) as status"
        " from ticket_status_changes group by ticket_id) as seen on seen.ticket_id = tickets.id"
        " and seen.status is not distinct from tickets.status",
    ),
    numbers={
        "moved": "select count(*) from ticket_status_changes"
        " where first_seen_at = $as_of and not is_new",
        "new": "select count(*) from ticket_status_changes where first_seen_at = $as_of and is_new",
    },
    keeps=True,
)
