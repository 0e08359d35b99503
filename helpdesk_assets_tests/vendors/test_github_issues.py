"""Special behavior of GitHub: pull requests, links with cursors, rate limits, 404."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets_tests.conftest import SETTINGS, Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.copies import copy_of
from helpdesk_assets_tests.vendors.github_issues import GitHubIssues, is_pull_request, refusal
from helpdesk_assets_tests.vendors.test_vendors import Open, load
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor
TICKETS = "help_desk.help_desk_tickets"
Reduced = Callable[..., GitHubIssues]


@pytest.fixture
def reduced(open_vendor: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reduced:
    """Serve GitHub with a copy of the profile that has only some tables."""

    def start(*more: str, tickets: int = 120) -> GitHubIssues:
        served = open_vendor("github_issues", World(tickets=tickets, comments=3))
        assert isinstance(served, GitHubIssues)
        copy = copy_of("github_issues", tmp_path, "help_desk_tickets", *more)
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(copy))
        return served

    return start


def test_pull_requests_are_not_loaded(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced()
    assert load(instance).success
    served.world.add(20)
    assert load(instance).success

    listed = served.world.listed()
    issues = [each.number for each in listed if not is_pull_request(each)]
    assert len(issues) < len(listed)
    assert warehouse.query(f"select number from {TICKETS} order by number") == [
        (number,) for number in issues
    ]
    columns = [name for name, *_ in warehouse.query(f"describe {TICKETS}")]
    assert not [name for name in columns if name.startswith("pull_request")]


def test_issues_beyond_the_last_page_number_are_loaded(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced(tickets=650)
    served.numbered = 200
    result = load(instance)

    assert result.success, error_of(result)
    issues = [each for each in served.world.listed() if not is_pull_request(each)]
    assert warehouse.query(f"select count(*) from {TICKETS}") == [(len(issues),)]
    # A list that is read by links cannot be verified.
    assert not metadata_of(result)["completeness_verified"]


def test_comments_belong_to_their_issues(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced("comments")
    assert load(instance).success

    assert warehouse.query(
        f"select number, count(*) from {TICKETS} as tickets join help_desk.comments as comments"
        " on comments.ticket_url = tickets.url group by all order by number"
    ) == [
        (ticket.number, len(ticket.comments) - 1)
        for ticket in served.world.listed()
        if len(ticket.comments) > 1 and not is_pull_request(ticket)
    ]


def test_rate_limit_is_respected(reduced: Reduced, instance: dg.DagsterInstance) -> None:
    served = reduced()
    left = [1]

    def limit(request: Request) -> Response | None:
        if not left or not request.url.path.endswith("/issues"):
            return None
        left.pop()
        response = refusal("You have exceeded a secondary rate limit", 403)
        response.headers["Retry-After"] = "1"
        return response

    served.fault = limit
    result = load(instance)

    assert result.success, error_of(result)
    assert metadata_of(result)["retries"] >= 1


def test_inaccessible_repository_is_reported_as_not_found(
    reduced: Reduced, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = reduced()
    monkeypatch.setenv(SETTINGS[0], f"{served.base_url}/repos/planted/another")

    assert "(HTTP 404): check that SOURCES__HELP_DESK__BASE_URL" in error_of(load(instance))
