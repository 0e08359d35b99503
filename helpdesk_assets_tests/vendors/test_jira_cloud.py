"""Special behavior of Jira Cloud: page tokens, times in JQL, limits, issues without SLAs."""

import re
from collections.abc import Callable

import dagster as dg

from helpdesk_assets_tests.conftest import Warehouse, error_of, execute, job_of
from helpdesk_assets_tests.vendors import jira
from helpdesk_assets_tests.vendors.test_vendors import Open, open_vendor
from helpdesk_assets_tests.vendors.world import World

__all__ = ["open_vendor"]

Sync = Callable[[], dg.ExecuteInProcessResult]


def test_each_token_is_followed(open_vendor: Open, sync: Sync, warehouse: Warehouse) -> None:
    served = open_vendor("jira_cloud", World(tickets=230, comments=1))
    result = sync()
    assert result.success, error_of(result)

    assert warehouse.query("select count(*) from help_desk.help_desk_tickets") == [(230,)]
    assert len({dict(asked.query).get("nextPageToken") for asked in served.asked}) == 3


def test_changes_are_requested_with_a_timestamp(
    open_vendor: Open, sync: Sync, warehouse: Warehouse
) -> None:
    # The user's time zone is hours behind UTC, so a date would be in the future.
    served = open_vendor("jira_cloud", World(tickets=30))
    assert sync().success
    served.world.move(served.world.tickets[7], "closed")
    first = len(served.asked)
    assert sync().success

    (asked,) = served.asked[first:]
    assert re.search(r"updated >= \d{13} ", dict(asked.query)["jql"])
    assert warehouse.query(
        f"select status from help_desk.help_desk_tickets where id = {jira.ISSUE_BASE + 7}"
    ) == [(jira.STATUSES["closed"][1],)]


def test_comments_and_changes_beyond_the_limits_of_the_search_are_loaded(
    open_vendor: Open, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    world = World(tickets=8)
    served = open_vendor("jira_cloud", world)
    for _ in range(60):
        world.reply(world.tickets[3])
        world.move(world.tickets[3], "open")
        world.move(world.tickets[3], "pending")
    by_issue = dg.AssetSelection.assets("help_desk_tickets", "comments", "changelogs")
    result = execute(job_of(by_issue.without_checks()), instance)
    assert result.success, error_of(result)

    for table, count in (("comments", 60), ("changelogs", 120)):
        ids = [row["id"] for row in served.expected()[table]]
        assert len(ids) > count
        assert warehouse.query(f"select id from help_desk.{table} order by id") == [
            (each,) for each in sorted(ids)
        ]
