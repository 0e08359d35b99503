"""Special behavior of Kustomer."""

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, at_length, error_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.kustomer import ARCHIVED_AFTER, MOST_ROWS
from helpdesk_assets_tests.vendors.some_tables import differences, load
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor


@pytest.mark.parametrize("tickets", at_length([25_000, 10_600], short=[10_600]))
def test_rows_beyond_the_limit_of_a_search_are_loaded(
    tickets: int, open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert tickets > MOST_ROWS
    served = open_vendor("kustomer", World(tickets=tickets, comments=1))
    result = load(instance, "help_desk_tickets")

    assert result.success, error_of(result)
    assert differences(served, warehouse, "help_desk_tickets") == []
    assert max(asked.status for asked in served.asked) == 200


def test_archived_rows_are_loaded_and_not_marked(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = open_vendor("kustomer")
    before, after = served.world.listed()[:2]
    before.updated_at -= ARCHIVED_AFTER
    assert load(instance, "help_desk_tickets").success
    assert differences(served, warehouse, "help_desk_tickets") == []

    after.updated_at -= ARCHIVED_AFTER
    result = load(instance, "help_desk_tickets", full_refresh=True)

    assert result.success, error_of(result)
    assert differences(served, warehouse, "help_desk_tickets") == []
    assert warehouse.query(
        "select _pass, count(*) from help_desk.help_desk_tickets"
        " where deleted_at is null group by all order by all"
    ) == [("archive", 2), ("current", 118)]
