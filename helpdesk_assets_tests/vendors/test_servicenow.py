"""Special behavior of ServiceNow: rows hidden after counting, equal sort keys, and empty texts."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors.servicenow import ServiceNow
from helpdesk_assets_tests.vendors.test_vendors import Open, open_vendor
from helpdesk_assets_tests.vendors.world import World

__all__ = ["open_vendor"]

Sync = Callable[[], dg.ExecuteInProcessResult]
KEPT = "select count(*), count(deleted_at) from help_desk.help_desk_tickets"


def test_rows_that_are_hidden_after_counting_fail_the_load(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_vendor("servicenow", World(tickets=60))
    assert isinstance(served, ServiceNow)
    served.hidden = {5, 17, 33}
    result = sync()

    assert "it counts rows that it omits from its pages" in error_of(result)
    served.hidden.clear()
    assert sync().success
    assert warehouse.query(KEPT) == [(60, 0)]


def test_tickets_imported_in_the_same_second_are_loaded(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    world = World(tickets=700, comments=1)
    at = world.began - timedelta(days=30)
    for ticket in world.tickets.values():
        ticket.created_at = ticket.updated_at = at
    open_vendor("servicenow", world)
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    assert warehouse.query(KEPT) == [(700, 0)]


def test_empty_texts_become_null(open_vendor: Open, sync: Sync, warehouse: Warehouse) -> None:
    open_vendor("servicenow", World(tickets=40))
    result = sync()

    assert result.success, error_of(result)
    ((due, solved, assigned),) = warehouse.query(
        "select count(due_at), count(solved_at), count(assignee_id)"
        " from help_desk.help_desk_tickets"
    )
    assert due == 0
    assert 0 < solved < 40
    assert 0 < assigned < 40
