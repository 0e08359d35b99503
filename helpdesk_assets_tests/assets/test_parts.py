"""A full sync that is loaded in parts, and verified together."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk_assets.build import build_defs
from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of
from helpdesk_assets_tests.support.profile import FILTER, UNDATED, with_undated

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Answer = Callable[[Request], Awaitable[Response]]

NOW = datetime.now(timezone.utc)


def months_ago(number: int) -> datetime:
    """Return the start of a month."""
    months = NOW.year * 12 + NOW.month - 1 - number
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=timezone.utc)


# Three parts: before, in, and after the last month.
FIRST, MIDDLE, LAST = (f"{months_ago(number):%Y-%m-%d}" for number in (2, 1, 0))
TICKETS = 60
# Loaded again by each verification: tickets without a date, and the last part until now and from
# now on.
RELOADED = 3


@pytest.fixture
def desk(
    sandbox: StartSandbox, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Sandbox:
    """Serve a desk whose profile has a date filter, also for tickets without a date."""
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(with_undated(tmp_path / "desk.yaml")))
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    desk = sandbox(tickets=TICKETS)
    for place, ticket in enumerate(desk.desk.tickets):
        created = months_ago(3 - place // 15) + timedelta(minutes=place)
        ticket["created_at"] = f"{created:%Y-%m-%dT%H:%M:%SZ}" if place % 20 else None
    connect(desk)
    return desk


class Jobs:
    """Runs the jobs of a desk, in this process."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.defs = build_defs(HelpDesk(backfill_start=FIRST, reports=False))

    @property
    def keys(self) -> list[str]:
        """The partitions, oldest first."""
        months = self.defs.resolve_job_def("help_desk_parts").partitions_def
        assert months
        return list(months.get_partition_keys())

    def part(self, key: str) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def("help_desk_parts").execute_in_process(
            partition_key=key, instance=self.instance, raise_on_error=False
        )

    def parts(self, *except_for: str) -> None:
        for key in self.keys:
            if key not in except_for:
                assert self.part(key).success

    def verify(self, **config: float) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def("help_desk_verify_parts").execute_in_process(
            run_config={"ops": {"help_desk_verification": {"config": config}}},
            instance=self.instance,
            raise_on_error=False,
        )

    def sync(self) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def("help_desk_sync").execute_in_process(
            instance=self.instance, raise_on_error=False
        )


@pytest.fixture
def jobs(instance: dg.DagsterInstance, desk: Sandbox) -> Jobs:
    return Jobs(instance)


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = [e for e in result.all_events if e.is_step_materialization]
    found = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in found.items()}


def living(warehouse: Warehouse) -> list[tuple[int, ...]]:
    return warehouse.query(
        "select id from help_desk.help_desk_tickets where deleted_at is null order by id"
    )


def in_desk(desk: Sandbox) -> list[tuple[int, ...]]:
    return sorted((ticket["id"],) for ticket in desk.desk.tickets)


def deleted(warehouse: Warehouse) -> list[tuple[int, ...]]:
    return warehouse.query(
        "select id from help_desk.help_desk_tickets where deleted_at is not null order by id"
    )


def add(desk: Desk, number: int, created_at: str | None) -> None:
    desk.tickets.append(
        {**desk.tickets[-1], "id": number, "created_at": created_at, "updated_at": "2029-01-01"}
    )


def created_in(desk: Sandbox, month: str) -> list[int]:
    return [
        t["id"] for t in desk.desk.tickets if t["created_at"] and t["created_at"][:7] == month[:7]
    ]


def test_all_parts_equal_a_full_sync_and_the_next_sync_is_incremental(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    # Older than any other, and dated in the future.
    add(desk.desk, 1001, "1969-07-20T20:17:40Z")
    add(desk.desk, 1002, "2031-01-01T00:00:00Z")
    began = datetime.now(timezone.utc)
    jobs.parts()
    assert metadata_of(jobs.part(jobs.keys[1]))["sync_mode"] == "window"
    result = jobs.verify()

    assert result.success
    assert living(warehouse) == in_desk(desk)
    found = metadata_of(result)
    assert found["completeness_verified"] is True
    assert found["sync_mode"] == "parts"
    assert found["api_total"] == found["rows_walked"] == found["rows_read"] == TICKETS + 2
    assert found["parts"] == len(jobs.keys) + 2
    assert (found["parts_reloaded"], found["rows_deleted"]) == (RELOADED, 0)
    ((up_to,),) = warehouse.query("select up_to from help_desk._watermarks")
    # The clock of the API has whole seconds.
    assert abs((datetime.fromisoformat(up_to) - began).total_seconds()) < 5
    assert warehouse.query("select count(*) from help_desk._parts") == [(0,)]
    desk.queries.clear()
    assert jobs.sync().success
    assert "updated_since" in desk.queries[0]
    # The parts are used up.
    assert f"{len(jobs.keys) + 1} of {len(jobs.keys) + 1} parts" in error_of(jobs.verify())


@pytest.mark.long
@pytest.mark.parametrize("how", ["soft", "hard", "off"])
def test_only_the_verification_handles_deleted_tickets(
    how: str,
    desk: Sandbox,
    jobs: Jobs,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__DELETES", how)
    assert jobs.sync().success
    gone = [created_in(desk, MIDDLE)[0], created_in(desk, FIRST)[0], 1]
    desk.desk.tickets = [t for t in desk.desk.tickets if t["id"] not in gone]
    jobs.parts()
    assert len(living(warehouse)) == TICKETS
    # One more, which was read by its part.
    gone.append(created_in(desk, MIDDLE)[1])
    desk.desk.tickets = [t for t in desk.desk.tickets if t["id"] not in gone]
    result = jobs.verify()

    assert result.success
    found = metadata_of(result)
    assert found["parts_reloaded"] == RELOADED + 1
    rows = {"soft": (TICKETS - 4, 4), "hard": (TICKETS - 4, 0), "off": (TICKETS, 0)}[how]
    assert (len(living(warehouse)), len(deleted(warehouse))) == rows
    assert found["rows_deleted"] == (0 if how == "off" else 4)


@pytest.mark.long
def test_many_deleted_tickets_are_only_marked(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__DELETES", "hard")
    assert jobs.sync().success
    desk.desk.tickets = desk.desk.tickets[40:]
    jobs.parts()
    result = jobs.verify()

    assert result.success
    assert metadata_of(result)["deletes"] == "soft"
    assert len(deleted(warehouse)) == 40


@pytest.mark.long
def test_missing_old_and_foreign_parts_are_named(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse, tmp_path: Path
) -> None:
    jobs.parts(MIDDLE)
    number = len(jobs.keys) + 1
    requests = len(desk.queries)
    said = error_of(jobs.verify())
    assert f"1 of {number} parts of the full sync are missing: {MIDDLE} (not loaded)" in said
    assert "No ticket was marked as deleted" in said
    assert len(desk.queries) == requests
    assert jobs.part(MIDDLE).success
    assert f"{MIDDLE} (loaded too long ago" in error_of(jobs.verify(most_age_days=0))
    file = tmp_path / "desk.yaml"
    file.write_text(file.read_text().replace("created_since", "created_from"))
    assert f"{FIRST} (loaded with another profile)" in error_of(jobs.verify())
    file.write_text(file.read_text().replace("created_from", "created_since"))
    assert jobs.verify().success


@pytest.mark.long
def test_tickets_that_come_and_go_meanwhile_are_loaded_and_deleted(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    assert jobs.sync().success
    jobs.parts()
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    (gone, *_), (moved, *_) = created_in(desk, MIDDLE), created_in(desk, LAST)
    desk.desk.tickets = [t for t in desk.desk.tickets if t["id"] != gone]
    add(desk.desk, 1001, now)
    add(desk.desk, 1002, None)
    # As many as before in the last part, so that numbers alone do not tell.
    # An incremental sync loads some of them before, and one that is deleted soon.
    add(desk.desk, 1003, now)
    assert jobs.sync().success
    desk.desk.tickets = [t for t in desk.desk.tickets if t["id"] not in (1003, moved)]
    result = jobs.verify()

    assert result.success, error_of(result)
    assert {(1001,), (1002,)} <= set(living(warehouse))
    # What only a later sync has loaded is left to the next full sync.
    assert living(warehouse) == sorted([*in_desk(desk), (1003,)])
    assert deleted(warehouse) == sorted([(gone,), (moved,)])
    assert metadata_of(result)["api_total"] == TICKETS


@pytest.mark.long
def test_tickets_added_all_the_time_do_not_fail_the_verification(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    jobs.parts()
    number = 2000

    async def busy(request: Request, answer: Answer) -> Response:
        nonlocal number
        # A ticket comes with every read of the last part, until it takes a single page.
        is_last = "created_before" not in request.query_params
        if "created_since" in request.query_params and is_last and number < 2003:
            number += 1
            add(desk.desk, number, f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}")
        return await answer(request)

    desk.fault = busy
    result = jobs.verify()

    assert result.success, error_of(result)
    assert living(warehouse) == in_desk(desk)
    assert len(living(warehouse)) == TICKETS + 3


@pytest.mark.long
def test_killed_part_leaves_no_record_and_is_resumed(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    jobs.parts(MIDDLE)
    desk.fault = FAULTS["503-always"].make()
    assert not jobs.part(MIDDLE).success
    desk.fault = None
    assert f"{MIDDLE} (not loaded)" in error_of(jobs.verify())
    desk.queries.clear()
    assert jobs.part(MIDDLE).success
    # Only this part is read.
    assert {query["created_since"][:10] for query in desk.queries} == {MIDDLE}
    assert jobs.verify().success
    assert living(warehouse) == in_desk(desk)


@pytest.mark.long
def test_tickets_without_a_date_that_cannot_be_asked_for_fail_with_counts(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(file.read_text().replace(FILTER + UNDATED, FILTER))
    assert jobs.sync().success
    undated = sum(ticket["created_at"] is None for ticket in desk.desk.tickets)
    jobs.parts()
    said = error_of(jobs.verify())

    assert (
        f"reports {TICKETS} tickets without a filter, and its {len(jobs.keys) + 1} parts have"
        in said
    )
    assert f" {TICKETS - undated:,}. " in said
    assert f"{undated} tickets of earlier loads that are in no part, {undated} of them" in said
    assert deleted(warehouse) == []


@pytest.mark.long
def test_filter_that_omits_tickets_fails_with_counts_even_if_others_are_deleted(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    assert jobs.sync().success
    omitted = created_in(desk, MIDDLE)[3]

    async def omits(request: Request, answer: Answer) -> Response:
        if "created_since" not in request.query_params:
            return await answer(request)
        tickets = desk.desk.tickets
        desk.desk.tickets = [t for t in tickets if t["id"] != omitted]
        response = await answer(request)
        desk.desk.tickets = tickets
        return response

    desk.fault = omits
    jobs.parts()
    # A ticket that a part has read is deleted: the sum is now that of the API.
    gone = created_in(desk, MIDDLE)[0]
    desk.desk.tickets = [t for t in desk.desk.tickets if t["id"] != gone]
    said = error_of(jobs.verify())

    assert f"reports {TICKETS - 1} tickets without a filter" in said
    assert f" parts have {TICKETS - 2}. " in said
    assert "2 tickets of earlier loads" in said or "1 tickets of earlier loads" in said
    assert MIDDLE[:7] in said
    assert deleted(warehouse) == []


@pytest.mark.long
def test_rows_lost_from_the_table_are_loaded_again(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    jobs.parts()
    warehouse.query("delete from help_desk.help_desk_tickets where id = 7")
    assert jobs.verify().success
    assert living(warehouse) == in_desk(desk)


@pytest.mark.long
def test_rejected_tickets_are_counted_and_not_deleted(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__REJECTED_SHARE", "0.1")
    assert jobs.sync().success
    rejected = created_in(desk, MIDDLE)[0]
    next(t for t in desk.desk.tickets if t["id"] == rejected)["subject"] = {"not": "a text"}
    jobs.parts()
    result = jobs.verify()

    assert result.success
    assert metadata_of(result)["rows_rejected"] == 1
    assert deleted(warehouse) == []
    assert metadata_of(result)["api_total"] == TICKETS


@pytest.mark.long
def test_api_whose_windows_overlap_is_counted_once(
    desk: Sandbox, jobs: Jobs, warehouse: Warehouse
) -> None:
    first = created_in(desk, MIDDLE)[0]
    next(t for t in desk.desk.tickets if t["id"] == first)["created_at"] = f"{LAST}T00:00:00Z"

    async def inclusive(request: Request, answer: Answer) -> Response:
        query = dict(request.query_params)
        if "created_before" in query:
            query["created_before"] = query["created_before"].replace(":00Z", ":01Z")
            scope = {
                **request.scope,
                "query_string": "&".join(
                    f"{name}={value}" for name, value in query.items()
                ).encode(),
            }
            request = Request(scope, request.receive)
        return await answer(request)

    desk.fault = inclusive
    jobs.parts()
    result = jobs.verify()

    assert result.success, error_of(result)
    found = metadata_of(result)
    assert (found["rows_read"], found["api_total"]) == (TICKETS + 1, TICKETS)
    assert living(warehouse) == in_desk(desk)


@pytest.mark.long
def test_two_verifications_in_a_row(desk: Sandbox, jobs: Jobs, warehouse: Warehouse) -> None:
    for _ in range(2):
        jobs.parts()
        desk.desk.tickets = desk.desk.tickets[1:]
        assert jobs.verify().success
        assert living(warehouse) == in_desk(desk)
    assert deleted(warehouse) == [(1,), (2,)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("        end_param: created_before\n", "", "has no end in its date_filter"),
        (FILTER + UNDATED, "", "has no date_filter"),
    ],
)
def test_profile_that_cannot_be_split_is_refused_without_a_request(
    before: str, after: str, said: str, desk: Sandbox, jobs: Jobs, tmp_path: Path
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(file.read_text().replace(before, after))
    assert said in error_of(jobs.part(MIDDLE))
    assert said in error_of(jobs.verify())
    assert desk.queries == []


def test_api_without_totals_is_refused(desk: Sandbox, jobs: Jobs) -> None:
    async def without_total(request: Request, answer: Answer) -> Response:
        response = await answer(request)
        body = json.loads(bytes(response.body))
        body.pop("total", None)
        return JSONResponse(body)

    desk.fault = without_total
    assert "reports no total number of tickets" in error_of(jobs.part(MIDDLE))
    assert "(not loaded)" in error_of(jobs.verify())


def test_run_without_a_part_fails_without_a_request(desk: Sandbox, jobs: Jobs) -> None:
    result = jobs.defs.resolve_job_def("help_desk_parts").execute_in_process(
        run_config={"ops": {"help_desk_part": {"config": {}}}},
        instance=jobs.instance,
        raise_on_error=False,
    )
    assert "No part is selected" in error_of(result)
    assert desk.queries == []
