"""Shipped profiles, each against a server that answers as its vendor documents it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from helpdesk_assets.profiles import built_in_profiles, load_profile
from helpdesk_assets.profiles.client import secrets_of
from helpdesk_assets.sandbox.desk import Desk, Ticket
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    PROJECT,
    SETTINGS,
    Warehouse,
    at_length,
    everything_logged,
    metadata_of,
    sentence_of,
)
from helpdesk_assets_tests.support.vendors import SECRETS, VENDORS, Served, Vendor, once
from helpdesk_assets_tests.vendors.standin import all_standins

Sync = Callable[[], dg.ExecuteInProcessResult]
Open = Callable[..., Served]
NAMES = sorted(VENDORS)


@pytest.fixture
def open_desk(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Serve a vendor's help desk, and set what a run needs to read it."""
    with ExitStack() as running:

        def start(name: str, tickets: int = 350, **options: Any) -> Served:
            vendor: Vendor = VENDORS[name]
            desk = Desk(tickets, **options.pop("desk", {}))
            served = Served(vendor, desk, **options)
            served.base_url = running.enter_context(serve(served.app))
            monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", name)
            monkeypatch.setenv("SOURCES__HELP_DESK__BASE_URL", served.base_url)
            monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
            for secret, value in SECRETS.items():
                monkeypatch.setenv(secret, value)
            return served

        yield start


def test_each_vendor_that_is_shipped_is_tested() -> None:
    names = [name for name in built_in_profiles() if name != "default"]
    # Those in helpdesk_assets_tests/vendors have tests there.
    assert names == sorted({*NAMES, *all_standins()})
    assert all(load_profile(name).documentation for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_every_ticket_arrives_with_its_fields(
    name: str, open_desk: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_desk(name)
    result = sync()

    assert result.success, sentence_of(result)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    expected = [VENDORS[name].row(ticket) for ticket in served.desk.tickets]
    stored = warehouse.query(
        "select subject, created_at is null, status from help_desk.help_desk_tickets order by"
        " try_cast(id as bigint), id"
    )
    assert len(stored) == len(expected) == 350
    assert [subject for subject, _, _ in stored] == [t["subject"] for t in served.desk.tickets]
    assert [missing for _, missing, _ in stored] == [
        ticket["created_at"] is None for ticket in served.desk.tickets
    ]
    if name not in ("freshdesk",):
        assert [status for _, _, status in stored] == [t["status"] for t in served.desk.tickets]
    metadata = metadata_of(result)
    assert metadata["profile"] == name
    assert metadata["completeness_verified"] == VENDORS[name].is_verified


@pytest.mark.parametrize("name", at_length(NAMES, short=NAMES[:1]))
def test_a_second_sync_brings_what_has_changed(
    name: str, open_desk: Open, sync: Sync, warehouse: Warehouse
) -> None:
    served = open_desk(name)
    assert sync().success
    served.desk.tickets[200].update(subject="another one", updated_at="2027-01-01T00:00:00Z")
    assert sync().success

    assert warehouse.query(
        "select count(*), count(*) filter (subject = 'another one')"
        " from help_desk.help_desk_tickets"
    ) == [(350, 1)]


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_secret_is_said_and_not_shown(
    name: str,
    open_desk: Open,
    sync: Sync,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_desk(name)
    wrong = "wrong-planted-1Zz"
    monkeypatch.setenv("API_KEY", wrong)
    result = sync()

    assert "HTTP 401" in sentence_of(result)
    for secret in (wrong, *SECRETS.values()):
        assert secret not in everything_logged(instance, result)


@pytest.mark.parametrize("name", at_length(NAMES, short=["zendesk"]))
def test_too_many_requests_are_waited_for(name: str, open_desk: Open, sync: Sync) -> None:
    def patience() -> Response:
        return PlainTextResponse("slow down", status_code=429, headers={"Retry-After": "1"})

    open_desk(name, fault=once(patience))
    result = sync()

    assert result.success
    assert metadata_of(result)["retries"] >= 1


@pytest.mark.parametrize("name", at_length(NAMES, short=NAMES[:1]))
def test_an_error_in_the_place_of_a_page_is_no_end(
    name: str, open_desk: Open, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(request: Request) -> Response:
        return JSONResponse({"message": "The list is being rebuilt."})

    # One after the other, so that the second is a page, and not one past the end.
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "1")
    pages = iter(range(100))
    open_desk(name, fault=lambda request: nothing(request) if next(pages) == 1 else None)

    assert "The help desk at" in sentence_of(sync())


COUNTED = [name for name in NAMES if VENDORS[name].is_verified]


@pytest.mark.parametrize("desks", at_length([1, 3], short=[1]))
@pytest.mark.parametrize("name", at_length([*COUNTED, "zendesk"], short=[COUNTED[0], "zendesk"]))
def test_a_busy_desk_loses_nothing(
    name: str, desks: int, open_desk: Open, sync: Sync, warehouse: Warehouse
) -> None:
    for seed in range(desks):
        served = open_desk(name, 2000, desk={"seed": seed, "churn": 1})
        before = {ticket["subject"] and ticket["id"] for ticket in served.desk.tickets}
        warehouse.path.unlink(missing_ok=True)
        result = sync()
        assert result.success, sentence_of(result)
        stored = {
            str(number)
            for (number,) in warehouse.query("select id from help_desk.help_desk_tickets")
        }
        lived = before & {ticket["id"] for ticket in served.desk.tickets} - {None}
        rows = [
            VENDORS[name].row(ticket) for ticket in served.desk.tickets if ticket["id"] in lived
        ]

        assert {str(row["id"]) for row in rows} <= stored
        assert len(rows) > 1000


def test_freshdesk_says_where_its_list_cannot_be_read_further(
    open_desk: Open, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "16")
    open_desk("freshdesk", 31_000)

    assert "no pages after page 300" in sentence_of(sync())


def test_the_profile_in_the_documentation_reads_the_api_that_it_is_for(
    sync: Sync, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT / "docs" / "your-own-help-desk.md").read_text()
    (written,) = re.findall(r"```yaml\n(client:.*?)```", page, re.S)
    assert len(written.splitlines()) < 20

    def row(ticket: Ticket) -> dict[str, Any]:
        return {
            "number": ticket["id"],
            "title": ticket["subject"],
            "state": {"code": 7, "name": ticket["status"]},
            "opened": ticket["created_at"],
        }

    def cases(request: Request, desk: Desk) -> Response:
        page, size = (int(request.query_params[name]) for name in ("page", "size"))
        rows, total = desk.page(page * size, size)
        return JSONResponse({"result": {"count": total, "cases": [row(each) for each in rows]}})

    served = Served(Vendor("/cases", f"Bearer {SECRETS['API_KEY']}", cases), Desk(321))
    file = tmp_path / "desk.yaml"
    file.write_text(written)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    monkeypatch.setenv("API_KEY", SECRETS["API_KEY"])
    monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
    with serve(served.app) as base_url:
        monkeypatch.setenv("SOURCES__HELP_DESK__BASE_URL", base_url)
        result = sync()

    assert result.success, sentence_of(result)
    assert warehouse.tickets() == [
        (ticket["id"], ticket["subject"], ticket["status"]) for ticket in served.desk.tickets
    ]
    assert warehouse.query("select distinct state__code from help_desk.help_desk_tickets") == [(7,)]


def test_the_documentation_lists_the_built_in_profiles() -> None:
    text = (PROJECT / "docs" / "profiles.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(\.\./helpdesk_assets/profiles/\1\.yaml\) ", text, re.M)

    assert sorted(listed) == built_in_profiles()
    for name in built_in_profiles():
        client = load_profile(name).client
        (line,) = [line for line in text.splitlines() if line.startswith(f"| [{name}]")]
        assert [secret.upper() for secret in secrets_of(client)] == re.findall(r"`([A-Z_]+)`", line)
