"""Special behavior of Redmine: the operator in the value, keys without rights, deleted issues."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.copies import copy_of
from helpdesk_assets_tests.vendors.redmine import PUBLIC, Redmine
from helpdesk_assets_tests.vendors.test_vendors import Open, load
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor
TICKETS = "help_desk.help_desk_tickets"
Reduced = Callable[..., Redmine]


def without_names(resource: Any) -> None:
    """Remove the settings that need the list of custom fields."""
    resource.pop("field_names", None)


@pytest.fixture
def reduced(open_vendor: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reduced:
    """Serve Redmine with a copy of the profile that has only some tables."""

    def start(*more: str, tickets: int = 120) -> Redmine:
        served = open_vendor("redmine", World(tickets=tickets))
        assert isinstance(served, Redmine)
        change = None if "custom_fields" in more else without_names
        copy = copy_of("redmine", tmp_path, "help_desk_tickets", *more, change=change)
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(copy))
        return served

    return start


def failed(result: dg.ExecuteInProcessResult) -> set[str]:
    """Return the names of the steps that failed."""
    return {str(event.step_key) for event in result.all_events if event.is_step_failure}


def test_filter_has_its_operator_in_the_value(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced("journals")
    assert load(instance).success
    before = len(served.asked)
    served.world.move(served.world.listed()[3], "closed")
    assert load(instance).success

    lists = [dict(each.query) for each in served.asked[before:] if each.path == "/issues.json"]
    assert lists
    for query in lists:
        assert re.fullmatch(r">=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", query["updated_on"])
        assert query["status_id"] == "*"
    journals = [each for each in served.asked[before:] if each.path.startswith("/issues/")]
    assert 1 <= len(journals) < 10


def test_custom_fields_have_their_names_in_a_view(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced("custom_fields")
    assert load(instance).success

    assert warehouse.query(f"select id, customer from {TICKETS}_named order by id") == [
        (ticket.number, f"Organization {ticket.organization}") for ticket in served.world.listed()
    ]


def test_date_range_is_loaded(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    listed = reduced().world.listed()
    first, last = listed[40].created_at.date(), listed[80].created_at.date()
    result = load(instance, start=f"{first}", end=f"{last}")

    assert result.success, error_of(result)
    wanted = [each.number for each in listed if first <= each.created_at.date() < last]
    assert len(wanted) > 30
    assert warehouse.query(f"select id from {TICKETS} order by id") == [
        (number,) for number in wanted
    ]


def test_deleted_issues_are_marked_by_a_full_refresh(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced(tickets=350)
    assert load(instance).success
    for ticket in served.world.listed()[100:104]:
        served.world.purge(ticket)
    result = load(instance, full_refresh=True)

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    assert warehouse.query(f"select count(*) from {TICKETS} where deleted_at is not null") == [(4,)]


def test_key_without_admin_rights_loads_all_tables_except_users(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced("users", "statuses")
    served.is_admin = False

    assert failed(load(instance)) == {"users"}
    assert warehouse.query(f"select count(*) from {TICKETS}") == [(120,)]


def test_wrong_key_of_a_public_redmine_fails_for_users_only(
    reduced: Reduced,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = reduced("users")
    served.requires_login = False
    monkeypatch.setenv("API_KEY", "wrong-planted-1Zz")

    assert failed(load(instance)) == {"users"}
    # The page on Redmine warns about this.
    assert warehouse.query(f"select distinct group_id from {TICKETS}") == [(PUBLIC,)]
