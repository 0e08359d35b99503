"""Untrusted text from tickets, in the report tables, charts and page."""

import os
import stat
import time
from collections.abc import Callable
from xml.etree import ElementTree

import dagster as dg
import pytest

from helpdesk_assets.models.charts import as_address, chart_of_bars
from helpdesk_assets.shown import MOST, shown
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, at_length

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

HOSTILE = {
    "a terminal's escape": "\x1b[31mred\x1b[0m",
    "a null": "a\x00b",
    "a vertical tab": "a\x0bb",
    "a direction mark": "a\u202eb",
    "lines": "open\n2026-01-01 - dagster - ERROR - made up",
    "half an emoji": "\ud83d",
    "not a character": "\ufffe",
    "markup": "<script>alert(1)</script>",
    "mathematics": r"$\frac{1}{0}$",
    "an underscore": "_hidden",
    "a million letters": "x" * 1_000_000,
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_shown_text_is_one_short_printable_line(said: str) -> None:
    text = shown(said)

    assert len(text) <= MOST + 3
    assert text.isprintable()
    image = chart_of_bars("what", [(said, 1)])
    ElementTree.fromstring(image)
    assert not set("<>&() \\") & set(as_address(image))


@pytest.mark.parametrize("what", at_length(HOSTILE, short=["a terminal's escape", "half an emoji"]))
def test_reports_are_built_with_any_status(
    what: str, sandbox: StartSandbox, connect: Connect, whole_sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=40)
    connect(desk)
    assert whole_sync().success
    for ticket in desk.desk.tickets[-20:]:
        ticket["status"] = (
            HOSTILE[what].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    began = time.monotonic()

    assert whole_sync().success
    # Takes a few seconds; drawing a million characters would take much longer.
    assert time.monotonic() - began < 60
    page = (warehouse.path.parent / "help_desk_report.html").read_text()
    assert len(page) < 1_000_000
    assert "\x1b" not in page
    assert "\x00" not in page
    # The data and the script of the page.
    assert page.count("<script") == 2


def test_many_statuses_over_many_years_result_in_few_rows(
    sandbox: StartSandbox, connect: Connect, whole_sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(tickets=2000)
    for number, ticket in enumerate(desk.desk.tickets):
        ticket["status"] = f"made up {number}"
    desk.desk.tickets[0]["created_at"] = "2007-01-01T00:00:00Z"
    connect(desk)

    assert whole_sync().success
    ((rows, days, tickets),) = warehouse.query(
        "select count(*), count(distinct day), sum(tickets) from help_desk.ticket_volume_daily"
    )
    assert rows < 40 * days
    assert days > 365 * 19
    # All tickets except those without a date.
    assert 1950 < tickets <= 2000


def test_files_are_private_and_written_safely(
    sandbox: StartSandbox, connect: Connect, whole_sync: Sync, warehouse: Warehouse
) -> None:
    connect(sandbox(tickets=5))
    folder = warehouse.path.parent
    # An attacker could create this link if the name of the temporary file were predictable.
    victim = folder / "victim"
    victim.write_text("mine")
    (folder / ".help_desk_report.html.new").symlink_to(victim)
    # The temporary file of a run that was killed a day ago, and that of a concurrent run.
    left, new = (folder / f".help_desk_report.html.{name}" for name in ("abc_1", "abc_2"))
    for file in (left, new):
        file.write_text("<html>")
    os.utime(left, (time.time() - 86400,) * 2)
    assert whole_sync().success
    assert not left.exists()
    assert new.exists()

    report = folder / "help_desk_report.html"
    for file in (warehouse.path, report):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert victim.read_text() == "mine"
    # Permissions that the owner has set are kept.
    report.chmod(0o644)
    assert whole_sync().success
    assert stat.S_IMODE(report.stat().st_mode) == 0o644


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-03"])
@pytest.mark.parametrize(
    "zone", at_length(["America/Los_Angeles", "Pacific/Kiritimati"], short=["Pacific/Kiritimati"])
)
def test_reports_are_built_with_the_earliest_and_latest_dates(
    created: str,
    zone: str,
    sandbox: StartSandbox,
    connect: Connect,
    whole_sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPORTS__HELP_DESK__TIMEZONE", zone)
    desk = sandbox(tickets=40)
    desk.desk.tickets[3]["created_at"] = created
    connect(desk)

    assert whole_sync().success
