"""Special behavior of Roundup."""

import dagster as dg

from helpdesk_assets_tests.conftest import Warehouse, error_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.test_vendors import Open, compare, load

open_vendor = test_vendors.open_vendor


def test_incremental_sync_allows_for_any_time_zone_of_the_user(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = open_vendor("roundup")
    assert load(instance).success
    changed = served.world.listed()[17]
    served.world.reply(changed)
    result = load(instance)

    assert result.success, error_of(result)
    compare(served, warehouse)
    # Times in filters are in the user's time zone; no other issue has changed for a day.
    for table, rows in {"help_desk_tickets": 1, "messages": 1, "users": 48}.items():
        (loaded,) = result.asset_materializations_for_node(table)
        assert loaded.metadata["rows_read"].value == rows, table


def test_full_refresh_detects_messages_removed_from_an_issue(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = open_vendor("roundup")
    assert load(instance).success
    issue = next(ticket for ticket in served.world.listed() if len(ticket.comments) > 1)
    issue.comments.pop()
    result = load(instance, full_refresh=True)

    assert result.success, error_of(result)
    compare(served, warehouse)
