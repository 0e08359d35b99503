"""Every number of the models equals an independent count in Python, for any help desk."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.checks import check_result
from helpdesk_assets.models.preparation import prepare
from helpdesk_assets.models.runner import build
from helpdesk_assets.models.sources import create_views
from helpdesk_assets.models.tables import MODELS
from helpdesk_assets.resources.business_hours import DAYS, business_hours
from helpdesk_assets.resources.sla import SlaTargets
from helpdesk_assets_tests.models import definitions
from helpdesk_assets_tests.models.definitions import HelpDeskData, Row, Rules

UTC = timezone.utc
SECOND = timedelta(seconds=1)
# Around both clock changes in Berlin, New York and Lord Howe, where the clock moves by 30 minutes.
BEGIN = datetime(2026, 3, 5, tzinfo=UTC)
CHANGES = [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)]
AS_OF = datetime(2026, 4, 9, 13, 7, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
STATUSES = ("new", "open", "Pending", "on hold", "solved", "closed", "merged")
SOLVED = {"solved", "closed", "merged"}
PEOPLE = [
    {"id": 1, "name": "Ada", "role": "agent"},
    {"id": 2, "name": "Bo", "role": "agent"},
    {"id": 3, "name": "Cy", "role": "customer"},
    {"id": 4, "name": "Di", "role": "customer"},
]
CLOCKS = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30)] + ["24:00"]

moments = st.one_of(
    st.integers(0, int((AS_OF - BEGIN).total_seconds())).map(
        lambda n: BEGIN + timedelta(seconds=n)
    ),
    # On the hour: at midnight, at the beginning or end of business hours.
    st.integers(0, 24 * 35).map(lambda n: BEGIN + timedelta(hours=n)),
    st.tuples(st.sampled_from(CHANGES), st.integers(-7200, 7200)).map(
        lambda pair: pair[0] + timedelta(seconds=pair[1])
    ),
)
statuses = st.one_of(st.none(), st.sampled_from(STATUSES))


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rules, dict[str, str]]:
    """Return settings, and the business hours as they are written."""
    hours: dict[int, list[tuple[str, str]]] = {}
    for day in draw(st.sets(st.integers(0, 6), min_size=1)):
        clocks = sorted(draw(st.sets(st.sampled_from(CLOCKS), min_size=2, max_size=4)))
        pairs = list(zip(clocks[::2], clocks[1::2], strict=False))
        if draw(st.booleans()):
            # A night shift.
            last = clocks[-1] if clocks[-1] != "24:00" else "22:00"
            if last > "06:00":
                pairs = [(last, "06:00")]
        hours[day] = pairs
    targets = {
        (target, priority): minutes
        for target in ("first_reply", "next_reply", "resolution")
        for priority, minutes in draw(
            st.dictionaries(st.sampled_from(["high", "low", "*"]), st.integers(1, 3000))
        ).items()
    }
    made = Rules(
        zone=ZoneInfo(draw(st.sampled_from(ZONES))),
        hours=hours,
        holidays=draw(
            st.sets(st.sampled_from([date(2026, 3, n) for n in range(5, 32)]), max_size=4)
        ),
        solved=SOLVED,
        pending={"pending"},
        targets=targets,
        in_business_hours=draw(st.booleans()),
    )
    written = {
        DAYS[day]: ",".join(f"{opens}-{closes}" for opens, closes in pairs)
        for day, pairs in hours.items()
    }
    return made, written


@st.composite
def help_desks(draw: st.DrawFn) -> HelpDeskData:
    """Return a help desk with reopened, merged, deleted and undated tickets."""
    tickets: list[Row] = []
    comments: list[Row] = []
    changes: list[Row] = []
    seen: dict[int, list[tuple[datetime, str | None]]] = {}
    has_changes, has_comments = draw(st.booleans()), draw(st.booleans())
    for number in range(1, draw(st.integers(0, 5)) + 1):
        created = draw(st.one_of(moments, moments, moments, st.none()))
        path = draw(st.lists(statuses, min_size=1, max_size=5))
        whens = sorted(draw(st.lists(moments, min_size=len(path), max_size=len(path))))
        told = draw(st.integers(1, len(path)))
        # The history of the API, which may lag behind, and may not know the first status.
        old = draw(st.one_of(st.just(path[0]), st.none()))
        for at, status in list(zip(whens, path, strict=True))[1:told]:
            changes.append(
                {
                    "id": len(changes) + 1,
                    "ticket_id": number,
                    "old_status": old,
                    "new_status": status,
                    "changed_at": at,
                }
            )
            old = status
        # What syncs saw: some of the states, the last one always, each later than the one before.
        unseen = draw(st.sets(st.integers(0, len(path) - 2))) if len(path) > 1 else set()
        of_seen: list[tuple[datetime, str | None]] = []
        for place, (at, status) in enumerate(zip(whens, path, strict=True)):
            is_repeated = of_seen and of_seen[-1][1] == status
            if place not in unseen and not is_repeated:
                later = of_seen[-1][0] + timedelta(seconds=1) if of_seen else at
                of_seen.append((max(at, later), status))
        seen[number] = of_seen
        said = draw(st.one_of(st.none(), moments, st.sampled_from(whens)))
        tickets.append(
            {
                "id": number,
                "subject": "text",
                "status": of_seen[-1][1],
                "created_at": created,
                "solved_at": said if draw(st.booleans()) else None,
                "closed_at": draw(st.one_of(st.none(), moments)),
                "first_replied_at": draw(st.one_of(st.none(), moments)),
                "priority": draw(st.sampled_from(["high", "Low", None, "odd"])),
                "group_id": draw(st.sampled_from([7, 8, None])),
                # 9 is an agent who left, and is not listed any more.
                "assignee_id": draw(st.sampled_from([1, 2, 9, None])),
                "satisfaction": draw(st.sampled_from(["good", "bad", "offered", "5", "1", None])),
                "is_deleted": draw(st.sampled_from([None, False, False, True])),
                "deleted_at": draw(st.sampled_from([None, None, None, AS_OF])),
            }
        )
        for _ in range(draw(st.integers(0, 5))):
            # Also before the ticket was created, and in the second when it was.
            at = draw(moments)
            if created is not None and draw(st.booleans()):
                at = created + draw(st.integers(0, 2)) * SECOND
            comments.append(
                {
                    "id": len(comments) + 1,
                    "ticket_id": number,
                    "author_id": draw(st.sampled_from([1, 2, 3, 4, 9])),
                    "author_role": draw(st.sampled_from(["agent", "customer", "system", None])),
                    "is_public": draw(st.sampled_from([True, True, False, None])),
                    "created_at": at,
                }
            )
    if has_comments and draw(st.booleans()):
        # The roles are those of the users.
        comments = [
            {name: value for name, value in row.items() if name != "author_role"}
            for row in comments
        ]
    return HelpDeskData(
        tickets,
        comments if has_comments else None,
        changes if has_changes else None,
        [{"id": 7, "name": "Tier 1"}],
        PEOPLE,
        seen,
        AS_OF,
    )


COLUMNS = {
    "help_desk_tickets": (
        "id bigint, subject varchar, status varchar, created_at timestamptz, solved_at timestamptz,"
        " closed_at timestamptz, first_replied_at timestamptz, priority varchar, group_id bigint,"
        " assignee_id bigint, satisfaction varchar, is_deleted boolean, deleted_at timestamptz"
    ),
    "comments": (
        "id bigint, ticket_id bigint, author_id bigint, author_role varchar, is_public boolean,"
        " created_at timestamptz"
    ),
    "status_changes": (
        "id bigint, ticket_id bigint, old_status varchar, new_status varchar,"
        " changed_at timestamptz"
    ),
    "groups": "id bigint, name varchar",
    "users": "id bigint, name varchar, role varchar",
}


def stored(data: HelpDeskData, *, has_roles: bool) -> duckdb.DuckDBPyConnection:
    """Return a warehouse with the rows of a help desk, and the changes that syncs saw."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'Asia/Tokyo'")
    connection.execute("create schema help_desk")
    connection.execute("use help_desk")
    tables = {
        "help_desk_tickets": data.tickets,
        "comments": data.comments,
        "status_changes": data.status_changes,
        "groups": data.groups,
        "users": data.users,
    }
    for name, rows in tables.items():
        columns = COLUMNS[name]
        if name == "comments" and not has_roles:
            columns = columns.replace(" author_role varchar,", "")
        if rows is not None:
            connection.execute(f"create table {name} ({columns})")
            insert(connection, name, rows)
    connection.execute(
        "create table ticket_status_changes (ticket_id bigint, old_status varchar,"
        " new_status varchar, first_seen_at timestamptz, is_new boolean)"
    )
    for ticket, states in data.seen.items():
        old = None
        for place, (at, status) in enumerate(states):
            connection.execute(
                "insert into ticket_status_changes values (?, ?, ?, ?, ?)",
                [ticket, old, status, at, not place],
            )
            old = status
    return connection


def insert(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row]) -> None:
    for row in rows:
        marks = ", ".join("?" for _ in row)
        connection.execute(
            f"insert into {name} ({', '.join(row)}) values ({marks})", list(row.values())
        )


def rows_of(connection: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    answer = connection.execute(f"from {name}")
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def same(found: Sequence[Row], expected: Sequence[Row], key: Sequence[str]) -> None:
    """Compare rows; minutes may differ by a rounding error."""

    def ordered(rows: Sequence[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: tuple(str(row[name]) for name in key))

    assert [tuple(row[name] for name in key) for row in ordered(found)] == [
        tuple(row[name] for name in key) for row in ordered(expected)
    ]
    for one, other in zip(ordered(found), ordered(expected), strict=True):
        for name, value in other.items():
            about = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            assert one[name] == about, (name, one, other)


def built(
    data: HelpDeskData, given_rules: Rules, written: dict[str, str]
) -> duckdb.DuckDBPyConnection:
    has_roles = any("author_role" in row for row in data.comments or ()) or not data.comments
    connection = stored(data, has_roles=has_roles)
    settings = {
        "as_of": data.as_of,
        "timezone": str(given_rules.zone),
        "solved_statuses": sorted(given_rules.solved),
        "solved_field": "status",
        "pending_statuses": sorted(given_rules.pending),
        "business_hours": business_hours(written),
        "holidays": given_rules.holidays,
        "sla_targets": SlaTargets(given_rules.targets, given_rules.in_business_hours),
    }
    roles = {role: [role] for role in ("comments", "status_changes", "groups", "users")}
    parameters = prepare(
        connection, create_views(connection, "help_desk", roles, settings), settings
    )
    build(connection, [model for model in MODELS if not model.keeps], parameters)
    for model in MODELS:
        result = check_result(connection, HelpDesk(), model, parameters)
        assert result.passed, (model.name, result.description)
    return connection


def agrees(data: HelpDeskData, given_rules: Rules, written: dict[str, str]) -> None:
    """Compare all models with the definitions."""
    connection = built(data, given_rules, written)
    tickets = definitions.present(data)
    states = [
        {"ticket_id": ticket["id"], **vars(state)}
        for ticket in tickets
        for state in definitions.history(data, given_rules, ticket)
    ]
    same(rows_of(connection, "ticket_status_history"), states, ("ticket_id", "started_at"))
    metrics = [definitions.metrics(data, given_rules, ticket) for ticket in tickets]
    same(rows_of(connection, "ticket_metrics"), metrics, ("ticket_id",))
    assert {
        tuple(row[name] for name in ("day", "status", "priority", "group_name")): row["tickets"]
        for row in rows_of(connection, "ticket_backlog_daily")
    } == definitions.backlog_daily(data, given_rules)
    same(
        rows_of(connection, "sla_breaches"),
        definitions.sla(data, given_rules),
        ("ticket_id", "target", "started_at"),
    )
    knows_agents = data.comments is not None
    assert {
        (row["day"], row["group_name"], row["assignee_name"]): (
            row["taken"],
            row["solved"],
            row["replies"] or 0,
            row["satisfied"],
            row["dissatisfied"],
        )
        for row in rows_of(connection, "team_daily")
    } == definitions.team_daily(data, given_rules)
    assert knows_agents or not any(
        row["replies"] is not None for row in rows_of(connection, "team_daily")
    )
    connection.close()


HOLIDAYS = {date(2026, 3, 9) + timedelta(weeks=n) for n in range(10)}


@pytest.mark.parametrize(
    ("zone", "hours", "holidays", "minutes", "due"),
    [
        # 58 Mondays, of which the last is needed for a minute.
        (
            *("UTC", {0: [("00:00", "00:15")]}, HOLIDAYS, 856),
            datetime(2027, 6, 21, 0, 1, tzinfo=UTC),
        ),
        # 200 Sundays, and four more on which the clock skips the hour.
        (
            *("Europe/Berlin", {6: [("02:00", "02:15")]}, set(), 3000),
            datetime(2030, 1, 27, 1, 15, tzinfo=UTC),
        ),
        # 20 nights of 375 minutes, most of which several shifts share.
        (
            *("UTC", {6: [("23:45", "06:00")], 0: [("00:00", "06:00")] * 3}, set(), 7500),
            datetime(2026, 7, 20, 6, tzinfo=UTC),
        ),
    ],
)
def test_target_of_a_desk_that_rarely_opens_is_due_when_it_has_been_open_long_enough(
    zone: str,
    hours: dict[int, Sequence[tuple[str, str]]],
    holidays: set[date],
    minutes: int,
    due: datetime,
) -> None:
    rarely = Rules(
        zone=ZoneInfo(zone),
        hours=hours,
        holidays=holidays,
        solved=SOLVED,
        pending=set(),
        targets={("resolution", "*"): minutes},
    )
    columns = ("priority", "group_id", "assignee_id", "satisfaction", "solved_at", "closed_at")
    ticket: Row = dict.fromkeys((*columns, "first_replied_at", "is_deleted", "deleted_at"))
    ticket |= {"id": 1, "subject": "text", "status": "open", "created_at": BEGIN}
    data = HelpDeskData(
        tickets=[ticket],
        comments=[],
        status_changes=None,
        groups=[],
        users=[],
        seen={1: [(BEGIN, "open")]},
        as_of=BEGIN + timedelta(hours=1),
    )
    written = {DAYS[day]: ",".join(map("-".join, shifts)) for day, shifts in hours.items()}
    agrees(data, rarely, written)
    query = "select due_at from sla_breaches"
    ((found,),) = built(data, rarely, written).execute(query).fetchall()
    assert found == due


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=help_desks(), chosen=rules())
def test_all_models_equal_an_independent_count(
    data: HelpDeskData, chosen: tuple[Rules, dict[str, str]]
) -> None:
    agrees(data, *chosen)


@pytest.mark.long
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=help_desks(), chosen=rules())
def test_all_models_equal_an_independent_count_for_many_help_desks(
    data: HelpDeskData, chosen: tuple[Rules, dict[str, str]]
) -> None:
    agrees(data, *chosen)
