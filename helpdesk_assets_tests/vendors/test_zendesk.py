"""Special behavior of Zendesk."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from helpdesk_assets.build import build_defs
from helpdesk_assets.profiles import load_profile
from helpdesk_assets_tests.conftest import Warehouse, error_of, execute, job_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.zendesk import ARCHIVED, EXPORTS, Zendesk, ZendeskOAuth

open_vendor = test_vendors.open_vendor

Sync = Callable[[], dg.ExecuteInProcessResult]

TICKETS = f"{EXPORTS}tickets/cursor.json"
TABLE = "help_desk.help_desk_tickets"
# The built-in profile of the version before the export was used.
LISTED = """
client:
  auth:
    type: http_basic
    username: dlt.secrets["zendesk_email"]/token
    password: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /api/v2/tickets
      params: {"page[size]": 100}
      data_selector: tickets
      paginator:
        type: cursor
        cursor_path: meta.after_cursor
        cursor_param: page[after]
        has_more_path: meta.has_more
    fields:
      id: id
      subject: subject
      status: status
      created_at: created_at
      updated_at: updated_at
"""


def filled(warehouse: Warehouse) -> dict[str, int]:
    """Return the number of values in each column of the tickets."""
    names = [name for name, *_ in warehouse.query(f"describe {TABLE}")]
    listed = ", ".join(f'count("{name}")' for name in names)
    ((*counts,),) = warehouse.query(f"select {listed} from {TABLE}")
    return dict(zip(names, counts, strict=True))


@pytest.fixture
def served(open_vendor: Open) -> Zendesk:
    vendor = open_vendor("zendesk")
    assert isinstance(vendor, Zendesk)
    return vendor


def asked(served: Zendesk) -> list[dict[str, str]]:
    """Return the queries of the requests for the export of tickets."""
    return [dict(each.query) for each in served.asked if each.path == TICKETS]


def test_archived_tickets_are_loaded(served: Zendesk, sync: Sync, warehouse: Warehouse) -> None:
    old = {
        ticket.number
        for ticket in served.world.listed()
        if ticket.state == "closed" and ticket.updated_at < served.world.began - ARCHIVED
    }
    result = sync()

    assert result.success, error_of(result)
    stored = {number for (number,) in warehouse.query(f"select id from {TABLE}")}
    assert len(stored) == 120
    assert len(old) > 10
    assert stored >= old


def test_deleted_ticket_is_marked_by_the_next_sync(
    served: Zendesk, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    ticket = served.world.listed()[5]
    served.world.delete(ticket)
    assert sync().success

    marked = f"select id from {TABLE} where deleted_at is not null"
    assert warehouse.query(marked) == [(ticket.number,)]

    ticket.is_deleted = False
    served.world.reply(ticket)
    assert sync().success
    assert warehouse.query(marked) == []


def test_sync_continues_at_the_end_of_the_last_one(
    served: Zendesk, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    assert asked(served)[0]["start_time"] == "0"

    before = len(asked(served))
    # Changed by the system: its updated_at is earlier than the requested time.
    touched = served.world.listed()[0]
    served.touched[touched.number] = served.world.began
    touched.subject = "Merged"
    assert sync().success

    assert all("cursor" in query for query in asked(served)[before:])
    assert len(asked(served)) - before <= 2
    stored = warehouse.query(f"select subject from {TABLE} where id = {touched.number}")
    assert stored == [("Merged",)]


def test_changes_of_the_last_minute_are_loaded_by_the_next_sync(
    served: Zendesk, sync: Sync, warehouse: Warehouse
) -> None:
    served.ahead = timedelta(0)
    assert sync().success
    served.world.move(served.world.listed()[3], "open")
    served.world.add(2)
    # Two syncs with an empty page, which has no cursor to continue from.
    for _ in range(2):
        assert sync().success
        assert warehouse.query(f"select count(*) from {TABLE}") == [(120,)]

    served.ahead = timedelta(seconds=62)
    assert sync().success
    assert sorted(warehouse.query(f"select id, status from {TABLE}")) == [
        (ticket.number, ticket.state) for ticket in served.world.listed()
    ]


def test_export_that_grows_while_it_is_read_is_read_completely(
    served: Zendesk, sync: Sync, warehouse: Warehouse
) -> None:
    served.page_limit = 25
    changing = iter(served.world.listed()[::9])

    def change_between_pages(request: Request) -> None:
        if ticket := next(changing, None):
            served.world.reply(ticket)
            served.world.add()

    served.fault = change_between_pages
    result = sync()

    assert result.success, error_of(result)
    stored = {number for (number,) in warehouse.query(f"select id from {TABLE}")}
    assert stored >= set(range(1, 121))
    assert len(asked(served)) > 5


def test_error_instead_of_a_page_does_not_end_the_list(served: Zendesk, sync: Sync) -> None:
    served.page_limit = 25
    served.fault = lambda request: (
        JSONResponse({"description": "The list is being rebuilt."})
        if len(asked(served)) == 3
        else None
    )

    assert "The help desk at" in error_of(sync())


def test_rate_limit_of_exports_is_respected(
    served: Zendesk, sync: Sync, warehouse: Warehouse
) -> None:
    served.exports, served.minute, served.page_limit = 3, 1, 25
    result = sync()

    assert result.success, error_of(result)
    assert warehouse.query(f"select count(*) from {TABLE}") == [(120,)]
    assert 429 in {each.status for each in served.asked}


def test_key_of_an_agent_is_rejected_by_exports(
    served: Zendesk, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    served.is_admin = False

    assert "HTTP 403" in error_of(sync())
    assert warehouse.query(f"select count(*) from {TABLE}") == [(120,)]


def test_custom_fields_have_their_names_in_a_view(
    served: Zendesk, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assets = dg.AssetSelection.assets("help_desk_tickets", "field_definitions")
    assert execute(job_of(assets, build_defs()), instance).success

    named = "select building, count(*) from help_desk.help_desk_tickets_named group by 1"
    assert warehouse.query(named) == [("North", 120)]


def test_table_loaded_from_the_list_is_continued_with_the_export(
    open_vendor: Open,
    sync: Sync,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = open_vendor("zendesk")
    file = tmp_path / "zendesk.yaml"
    file.write_text(LISTED)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    assert sync().success
    assert warehouse.query(f"select count(*) from {TABLE}") < [(120,)]
    before = filled(warehouse)

    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", "zendesk")
    result = sync()
    assert result.success, error_of(result)
    expected = served.expected()["help_desk_tickets"]
    names = sorted(expected[0])
    assert sorted(warehouse.query(f"select id, {', '.join(names)} from {TABLE}")) == sorted(
        (row["id"], *(row[name] for name in names)) for row in expected
    )
    after = filled(warehouse)
    assert {name for name, values in before.items() if after[name] < values} == set()
    assert not [name for name in after if "__v_" in name]


def test_revoked_token_is_renewed(open_vendor: Open, sync: Sync, warehouse: Warehouse) -> None:
    served = open_vendor("zendesk_oauth")
    assert isinstance(served, ZendeskOAuth)
    served.page_limit = 25

    def revoke(request: object) -> None:
        if len(served.asked) == 3:
            served.token = "another"

    served.fault = revoke
    result = sync()

    assert result.success, error_of(result)
    assert 401 in {each.status for each in served.asked}
    assert warehouse.query(f"select count(*) from {TABLE}") == [(120,)]
    assert metadata_of(result)["profile"] == "zendesk_oauth"


def test_both_profiles_load_the_same() -> None:
    token, oauth = load_profile("zendesk"), load_profile("zendesk_oauth")

    assert token.resources == oauth.resources
    assert token.solved_statuses == oauth.solved_statuses
