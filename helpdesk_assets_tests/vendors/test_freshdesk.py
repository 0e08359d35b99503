"""Special behavior of Freshdesk: 300 pages per list, spam and trash in separate lists."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from helpdesk_assets.build import build_defs
from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets_tests.conftest import (
    Warehouse,
    at_length,
    error_of,
    execute,
    job_of,
    metadata_of,
)
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.freshdesk import Freshdesk
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor

Sync = Callable[[], dg.ExecuteInProcessResult]
# The fields of the built-in profile of earlier versions.
EARLIER = """
client:
  auth:
    type: http_basic
    username: dlt.secrets["api_key"]
    password: X
resources:
  - name: help_desk_tickets
    endpoint:
      path: /api/v2/tickets
      params: {updated_since: "2000-01-01T00:00:00Z", order_by: created_at, order_type: asc}
      data_selector: $
      paginator: {type: page_number, base_page: 1, limit: 100, limit_param: per_page}
    fields:
      id: id
      subject: subject
      status: status
      created_at: created_at
      updated_at: updated_at
"""
IDS = "select count(*), count(distinct id) from help_desk.help_desk_tickets"


@pytest.fixture
def served(open_vendor: Open) -> Freshdesk:
    vendor = open_vendor("freshdesk")
    assert isinstance(vendor, Freshdesk)
    return vendor


@pytest.fixture
def lowered(
    open_vendor: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int, World], Freshdesk]:
    """Serve Freshdesk with a lower number of the last page, which its profile contains."""

    def start(last_page: int, world: World) -> Freshdesk:
        served = open_vendor("freshdesk", world)
        assert isinstance(served, Freshdesk)
        served.last_page = last_page
        file = tmp_path / "freshdesk.yaml"
        built_in = (BUILT_IN / "freshdesk.yaml").read_text()
        file.write_text(built_in.replace("maximum_page: 300", f"maximum_page: {last_page}"))
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
        return served

    return start


def furthest(served: Freshdesk) -> int:
    """Return the highest page number that was requested."""
    return max(
        int(dict(each.query).get("page", 1))
        for each in served.asked
        if each.path == "/api/v2/tickets"
    )


def test_tickets_beyond_the_last_page_are_loaded(
    lowered: Callable[[int, World], Freshdesk], sync: Sync, warehouse: Warehouse
) -> None:
    served = lowered(3, World(tickets=850, comments=1))
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    assert warehouse.query(IDS) == [(850, 850)]
    assert furthest(served) == 3


@pytest.mark.long
def test_31_000_tickets_are_loaded(open_vendor: Open, sync: Sync, warehouse: Warehouse) -> None:
    served = open_vendor("freshdesk", World(tickets=31_000, comments=1))
    assert isinstance(served, Freshdesk)
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    assert warehouse.query(IDS) == [(31_000, 31_000)]
    assert 290 < furthest(served) <= 300


@pytest.mark.parametrize("first", at_length([180, 250, 299], short=[250]))
def test_tickets_with_equal_times_at_the_end_of_a_slice_are_loaded(
    first: int,
    lowered: Callable[[int, World], Freshdesk],
    sync: Sync,
    warehouse: Warehouse,
) -> None:
    served = lowered(3, World(tickets=700, comments=1))
    tickets = sorted(served.world.listed(), key=lambda ticket: ticket.updated_at)
    for ticket in tickets[first : first + 150]:
        ticket.updated_at = tickets[first].updated_at
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    assert warehouse.query(IDS) == [(700, 700)]


def test_more_tickets_with_equal_times_than_a_slice_has_fail_the_run(
    lowered: Callable[[int, World], Freshdesk], sync: Sync
) -> None:
    served = lowered(3, World(tickets=700, comments=1))
    tickets = sorted(served.world.listed(), key=lambda ticket: ticket.updated_at)
    for ticket in tickets[100:500]:
        ticket.updated_at = tickets[100].updated_at

    assert not sync().success


def test_changing_list_in_slices_is_read_completely(
    lowered: Callable[[int, World], Freshdesk], sync: Sync, warehouse: Warehouse
) -> None:
    served = lowered(3, World(tickets=850, comments=1))
    world = served.world
    lived = {ticket.number for ticket in world.listed()}
    changing = cycle(world.listed()[::7])

    def change_between_pages(request: Request) -> None:
        world.reply(next(changing))
        gone = next(changing)
        if gone.number in lived:
            world.purge(gone)
            lived.discard(gone.number)

    served.fault = change_between_pages
    result = sync()

    assert result.success, error_of(result)
    stored = {number for (number,) in warehouse.query("select id from help_desk.help_desk_tickets")}
    assert lived <= stored


def test_tickets_that_are_moved_to_spam_or_trash_are_marked(
    served: Freshdesk, sync: Sync, warehouse: Warehouse
) -> None:
    world = served.world
    assert sync().success
    spam, trash, gone = world.listed()[10:13]
    spam.is_spam = True
    world.reply(spam)
    world.delete(trash)
    world.purge(gone)
    assert sync().success
    marked = (
        "select id, _pass from help_desk.help_desk_tickets where deleted_at is not null order by id"
    )
    assert warehouse.query(marked) == [(spam.number, "spam"), (trash.number, "deleted")]

    trash.is_deleted = False
    world.reply(trash)
    result = sync()
    assert result.success, error_of(result)
    assert warehouse.query(marked) == [(spam.number, "spam")]


def test_full_refresh_detects_permanently_deleted_tickets(
    served: Freshdesk, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    job = job_of(dg.AssetSelection.assets("help_desk_tickets"), build_defs())
    assert execute(job, instance).success
    served.world.purge(gone := served.world.listed()[12])
    config = {"ops": {"help_desk_tickets": {"config": {"full_refresh": True}}}}
    result = job.execute_in_process(instance=instance, run_config=config)

    assert metadata_of(result)["completeness_verified"]
    marked = "select id from help_desk.help_desk_tickets where deleted_at is not null"
    assert warehouse.query(marked) == [(gone.number,)]


def test_rate_limit_is_respected(served: Freshdesk, sync: Sync) -> None:
    def patience(request: Request) -> Response | None:
        if len(served.asked) != 2:
            return None
        return PlainTextResponse("slow down", status_code=429, headers={"Retry-After": "1"})

    served.fault = patience
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["retries"] >= 1


def test_error_instead_of_a_page_does_not_end_the_list(
    served: Freshdesk, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One page at a time, so that the second request is for a page before the end.
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "1")
    served.fault = lambda request: (
        JSONResponse({"message": "The list is being rebuilt."}) if len(served.asked) == 2 else None
    )

    assert "The help desk at" in error_of(sync())


def test_sync_requests_changes_only(
    served: Freshdesk, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    job = job_of(dg.AssetSelection.assets("help_desk_tickets", "conversations"), build_defs())
    assert execute(job, instance).success
    before = len(served.asked)
    served.world.reply(served.world.listed()[3])
    assert execute(job, instance).success

    ((stored,),) = warehouse.query("select count(*) from help_desk.conversations")
    assert stored == len(served.expected()["conversations"])
    paths = [each.path for each in served.asked[before:]]
    assert 1 <= sum("conversations" in path for path in paths) <= 2
    assert len(paths) < 10


@pytest.mark.long
def test_table_of_the_earlier_profile_is_continued(
    served: Freshdesk,
    sync: Sync,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "freshdesk.yaml"
    file.write_text(EARLIER)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    assert sync().success
    names = [name for name, *_ in warehouse.query("describe help_desk.help_desk_tickets")]
    theirs = [name for name in names if not name.startswith("_") and name != "priority"]
    listed = ", ".join(f'"{name}"' for name in theirs)
    number = "priority, " + listed
    before = sorted(warehouse.query(f"select {number} from help_desk.help_desk_tickets"), key=repr)

    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", "freshdesk")
    result = sync()
    assert result.success, error_of(result)
    # The priority has become a name, and its number is in another column; see docs/upgrading.md.
    number = "priority_number, " + listed
    after = warehouse.query(f"select {number} from help_desk.help_desk_tickets")
    assert sorted(after, key=repr) == before
    assert warehouse.query(
        "select typeof(any_value(priority)) from help_desk.help_desk_tickets"
    ) == [("VARCHAR",)]
    columns = warehouse.query("describe help_desk.help_desk_tickets")
    assert not [name for name, *_ in columns if "__v_" in name]
