"""The ids of loads grow in the order in which loads end, whatever the clocks say."""

import time
from collections.abc import Callable

import dagster as dg

from helpdesk_assets_tests.conftest import Sandbox, Warehouse, metadata_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

NEWEST = "select max(_dlt_load_id) from help_desk.help_desk_tickets"


def test_load_that_began_before_another_one_gets_a_later_id(
    sandbox: StartSandbox, connect: Connect, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=20)
    connect(desk)
    assert sync().success
    # A load of a machine whose clock is an hour ahead; the next full sync does not read its ticket.
    ahead = f"{time.time() + 3600:.6f}"
    warehouse.query(
        f"update help_desk.help_desk_tickets set _dlt_load_id = '{ahead}' where id = 20"
    )
    desk.desk.tickets.pop()
    result = sync()

    assert result.success
    load_id = metadata_of(result)["load_id"]
    assert warehouse.query(NEWEST) == [(load_id,)]
    assert float(load_id) > float(ahead)
    loads = warehouse.query(
        f"select count(*) from help_desk._dlt_loads where load_id = '{load_id}'"
    )
    assert loads == [(1,)]
    assert warehouse.query(
        "select id from help_desk.help_desk_tickets where deleted_at is not null"
    ) == [(20,)]
