"""Special behavior of Salesforce: relative links, expired sessions, deleted rows, errors."""

from collections.abc import Callable

import dagster as dg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk_assets_tests.conftest import Warehouse, error_of
from helpdesk_assets_tests.vendors.salesforce import Salesforce
from helpdesk_assets_tests.vendors.test_vendors import Open, open_vendor
from helpdesk_assets_tests.vendors.world import World

__all__ = ["open_vendor"]

Sync = Callable[[], dg.ExecuteInProcessResult]
COUNT = "select count(*) from help_desk.help_desk_tickets"


def test_links_to_the_next_page_are_relative_to_the_host(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_vendor("salesforce", World(tickets=130))
    result = sync()

    assert result.success, error_of(result)
    assert warehouse.query(COUNT) == [(130,)]
    followed = [asked for asked in served.asked if "/query/01g" in asked.path]
    assert any(asked.path.endswith("-100") for asked in followed)
    # The link contains the whole request.
    assert not any(asked.query for asked in followed)


def test_expired_session_is_renewed(open_vendor: Open, sync: Sync, warehouse: Warehouse) -> None:
    served = open_vendor("salesforce", World(tickets=130))
    assert isinstance(served, Salesforce)
    expired: list[str] = []

    def expire(request: Request) -> Response | None:
        if request.url.path.endswith("-50") and not expired:
            expired.extend(served.sessions)
            served.sessions.clear()
            return served.refused()
        return None

    served.fault = expire
    result = sync()

    assert result.success, error_of(result)
    assert len(expired) == len(served.sessions) == 1
    assert warehouse.query(COUNT) == [(130,)]


def test_cases_in_the_recycle_bin_are_marked(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    world = World(tickets=30)
    open_vendor("salesforce", world)
    world.delete(world.tickets[9])
    assert sync().success
    world.delete(world.tickets[4])
    assert sync().success

    deleted = (
        "select number from help_desk.help_desk_tickets where deleted_at is not null order by 1"
    )
    assert warehouse.query(deleted) == [("00000004",), ("00000009",)]


def test_error_in_a_list_does_not_count_as_a_page(open_vendor: Open, sync: Sync) -> None:
    served = open_vendor("salesforce", World(tickets=10))
    limit = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    served.fault = lambda request: (
        None if "oauth2" in request.url.path else JSONResponse(limit, status_code=403)
    )

    assert "HTTP 403" in error_of(sync())
