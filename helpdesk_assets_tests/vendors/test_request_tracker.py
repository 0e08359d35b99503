"""Special behavior of Request Tracker."""

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, error_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.request_tracker import RequestTracker
from helpdesk_assets_tests.vendors.test_vendors import Open, compare, load

open_vendor = test_vendors.open_vendor


@pytest.fixture
def served(open_vendor: Open) -> RequestTracker:
    vendor = open_vendor("request_tracker")
    assert isinstance(vendor, RequestTracker)
    return vendor


def test_incremental_sync_allows_for_any_time_zone_of_the_user(
    served: RequestTracker, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance).success
    changed = served.world.listed()[17]
    served.world.reply(changed)
    result = load(instance)

    assert result.success, error_of(result)
    compare(served, warehouse)
    # Times in queries are in the user's time zone; no other ticket has changed for a day.
    (tickets,) = result.asset_materializations_for_node("help_desk_tickets")
    assert tickets.metadata["rows_read"].value == 1
    (history,) = result.asset_materializations_for_node("history")
    assert history.metadata["rows_read"].value == 1


def test_comments_removed_from_pages_hide_no_other_rows(
    served: RequestTracker, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served.sees_comments = False
    result = load(instance)

    assert result.success, error_of(result)
    compare(served, warehouse)


def test_deleted_tickets_are_detected_by_a_full_refresh(
    served: RequestTracker, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert load(instance).success
    gone = served.world.listed()[5]
    served.world.delete(gone)
    result = load(instance, full_refresh=True)

    assert result.success, error_of(result)
    compare(served, warehouse)
    assert warehouse.query(
        "select id from help_desk.help_desk_tickets where deleted_at is not null"
    ) == [(gone.number,)]
