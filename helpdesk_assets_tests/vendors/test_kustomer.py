"""What Kustomer does that a load has to know."""

from datetime import timedelta

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, at_length, sentence_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.kustomer import ARCHIVED_AFTER, MOST_ROWS
from helpdesk_assets_tests.vendors.some_tables import differences, load
from helpdesk_assets_tests.vendors.test_vendors import Open
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor


@pytest.mark.parametrize("tickets", at_length([25_000, 10_600], short=[10_600]))
def test_more_rows_than_a_search_shows_are_read(
    tickets: int, open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    assert tickets > MOST_ROWS
    served = open_vendor("kustomer", World(tickets=tickets, comments=1))
    result = load(instance, "help_desk_tickets")

    assert result.success, sentence_of(result)
    assert differences(served, warehouse, "help_desk_tickets") == []
    assert max(asked.status for asked in served.asked) == 200


def test_what_ages_out_of_the_search_stays_in_the_table(
    open_vendor: Open,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__DELETES", "off")
    served = open_vendor("kustomer")
    assert load(instance, "help_desk_tickets").success
    aged = served.world.listed()[0]
    aged.updated_at -= ARCHIVED_AFTER + timedelta(days=1)
    result = load(instance, "help_desk_tickets", full_refresh=True)

    assert result.success, sentence_of(result)
    assert differences(served, warehouse, "help_desk_tickets") == []
