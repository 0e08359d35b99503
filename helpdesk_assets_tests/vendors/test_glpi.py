"""Special behavior of GLPI: tokens that expire, the trash, days in another time zone."""

import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets_tests.conftest import Warehouse, error_of, metadata_of
from helpdesk_assets_tests.vendors import test_vendors
from helpdesk_assets_tests.vendors.copies import copy_of
from helpdesk_assets_tests.vendors.glpi import Glpi
from helpdesk_assets_tests.vendors.test_vendors import Open, load
from helpdesk_assets_tests.vendors.world import World

open_vendor = test_vendors.open_vendor
TICKETS = "help_desk.help_desk_tickets"
Reduced = Callable[..., Glpi]


@pytest.fixture
def reduced(open_vendor: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reduced:
    """Serve GLPI with a copy of the profile that has only some tables."""

    def start(*more: str, tickets: int = 120) -> Glpi:
        served = open_vendor("glpi", World(tickets=tickets))
        assert isinstance(served, Glpi)
        copy = copy_of("glpi", tmp_path, "help_desk_tickets", *more)
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(copy))
        return served

    return start


def test_expired_token_is_renewed(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced(tickets=350)
    pages = iter(range(1_000))

    def expire(request: Request) -> Response | None:
        if next(pages) == 1:
            served.tokens.clear()
            return served.refused()
        return None

    served.fault = expire
    result = load(instance)

    assert result.success, error_of(result)
    assert served.given == 2
    assert warehouse.query(f"select count(*) from {TICKETS}") == [(350,)]


def test_sync_requests_changes_since_a_day(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced("timeline", tickets=350)
    result = load(instance)
    assert result.success, error_of(result)
    assert metadata_of(result)["completeness_verified"]
    before = len(served.asked)
    served.world.reply(served.world.listed()[3])
    assert load(instance).success

    lists = [each for each in served.asked[before:] if each.path.endswith("/Ticket")]
    assert lists
    for each in lists:
        assert re.fullmatch(r"date_mod=ge=\d{4}-\d\d-\d\d", dict(each.query)["filter"])
    timelines = [each for each in served.asked[before:] if each.path.endswith("/Timeline")]
    assert 1 <= len(timelines) < 10


def test_tickets_in_the_trash_and_purged_ones_are_marked(
    reduced: Reduced, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    served = reduced()
    assert load(instance).success
    in_trash, purged = served.world.listed()[7], served.world.listed()[8]
    served.world.delete(in_trash)
    served.world.purge(purged)
    result = load(instance, full_refresh=True)

    assert result.success, error_of(result)
    assert warehouse.query(
        f"select id, is_deleted from {TICKETS} where deleted_at is not null order by id"
    ) == [(in_trash.number, True), (purged.number, False)]
