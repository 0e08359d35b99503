"""Special behavior of django-helpdesk."""

from typing import Any

import dagster as dg

from helpdesk_assets_tests.conftest import Warehouse, everything_logged
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.django_helpdesk import SECRET
from helpdesk_assets_tests.vendors.test_vendors import Open, load

open_vendor = test_vendors.open_vendor


def test_secret_keys_of_tickets_are_not_stored(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = open_vendor("django_helpdesk")
    unreadable: Any = {"text": "not a title"}
    served.world.listed()[5].subject = unreadable
    result = load(instance)

    assert result.success
    columns = [name for name, *_ in warehouse.query("describe help_desk.help_desk_tickets")]
    assert "submitter" in columns
    assert "secret_key" not in columns
    ((row,),) = warehouse.query("select row from help_desk.help_desk_tickets_rejected")
    assert SECRET not in row
    assert SECRET not in everything_logged(instance, result)
