"""Special behavior of Freshservice: workspaces, the last 30 days, spam and trash."""

from collections.abc import Callable

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.freshservice import Freshservice
from helpdesk_assets_tests.vendors.test_vendors import Open

open_vendor = test_vendors.open_vendor

Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def served(open_vendor: Open) -> Freshservice:
    vendor = open_vendor("freshservice")
    assert isinstance(vendor, Freshservice)
    return vendor


def test_tickets_of_all_workspaces_and_times_are_loaded(
    served: Freshservice, sync: Sync, warehouse: Warehouse
) -> None:
    result = sync()

    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    assert warehouse.query(
        "select workspace_id, count(*) from help_desk.help_desk_tickets group by 1 order by 1"
    ) == [(2, 96), (3, 24)]
    old = "created_at < now() - interval 31 day"
    ((count,),) = warehouse.query(f"select count(*) from help_desk.help_desk_tickets where {old}")
    assert count > 80


def test_tickets_that_are_moved_to_spam_or_trash_are_marked(
    served: Freshservice, sync: Sync, warehouse: Warehouse
) -> None:
    assert sync().success
    spam, trash = served.world.listed()[10:12]
    spam.is_spam = True
    served.world.reply(spam)
    served.world.delete(trash)
    result = sync()

    assert result.success, error_of(result)
    marked = (
        "select id, _pass from help_desk.help_desk_tickets where deleted_at is not null order by id"
    )
    assert warehouse.query(marked) == [(spam.number, "spam"), (trash.number, "deleted")]
