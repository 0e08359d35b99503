"""From an empty table to a failed run, by clicking through a real ``dg dev``.

The tests are one visit: each continues where the previous one ended. Screenshots are stored in a
folder that is not committed; `make pictures` copies those in the README and the docs from there.
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import API_KEY, PROJECT, SETTINGS, Sandbox
from helpdesk_assets_tests.support.profile import with_date_filter
from helpdesk_assets_tests.support.webhook import Webhook, webhook
from helpdesk_assets_tests.support.webserver import Webserver, dagster_dev

pytestmark = pytest.mark.ui

PICTURES = PROJECT / "pictures"
SECONDS = 1000
# The daemon evaluates sensors every 30 seconds, and may have started an evaluation just before.
UNTIL_TOLD = 120
UNTIL_BACKFILLED = 180
ASSETS = (
    "help_desk_api",
    "help_desk_tickets",
    "ticket_volume_daily",
    "ticket_backlog",
    "ticket_status_changes",
    "help_desk_report",
)


RUNS = """
query {
  runsOrError(filter: {pipelineName: "help_desk_backfill"}) {
    ... on Runs { results { status tags { key value } } }
  }
}
"""


class Visit:
    """A browser page on the Dagster UI, and the servers behind it."""

    def __init__(
        self, page: Page, server: Webserver, desk: Sandbox, hook: Webhook, log: Path
    ) -> None:
        self.page = page
        self.server = server
        self.desk = desk
        self.hook = hook
        self.log = log

    def go(self, path: str) -> None:
        self.page.goto(self.server.url + path)

    def picture(self, name: str, *, down_to: Locator | None = None) -> None:
        """Take a screenshot of the page, or of its top down to an element and a few rows below."""
        # Wait until animations have ended.
        self.page.wait_for_timeout(2 * SECONDS)
        size = self.page.viewport_size
        assert size
        box = down_to.bounding_box() if down_to else None
        height = min(size["height"], box["y"] + box["height"] + 40) if box else size["height"]
        self.page.screenshot(
            path=PICTURES / f"{name}.png",
            clip={"x": 0, "y": 0, "width": size["width"], "height": height},
        )

    def materialize_all(self) -> str:
        """Materialize all assets, and wait for the run to end; return its id."""
        self.go("/asset-groups/")
        self.page.get_by_role("button", name=re.compile("Materialize all")).click()
        self.page.get_by_text("View", exact=True).click()
        return self.until_run_ends()

    def backfilled(self) -> dict[str, str]:
        """Return the status of each ended run of the backfill by partition."""
        data = self.server.ask(RUNS)
        return {
            tag["value"]: run["status"]
            for run in data["runsOrError"]["results"]
            for tag in run["tags"]
            if tag["key"] == "dagster/partition" and run["status"] in ("SUCCESS", "FAILURE")
        }

    def until_run_ends(self) -> str:
        """Wait for the page of a run and for the end of the run; return its id."""
        self.page.wait_for_url(re.compile(r"/runs/[0-9a-f-]+"))
        run_id = re.findall(r"/runs/([0-9a-f-]{36})", self.page.url)[0]
        expect(self.page.get_by_text(re.compile(r"^(Success|Failure)$")).first).to_be_visible(
            timeout=120 * SECONDS
        )
        return str(run_id)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Start a help desk, a webhook, ``dg dev`` with its daemon, and a browser."""
    folder = tmp_path_factory.mktemp("ui")
    PICTURES.mkdir(exist_ok=True)
    shutil.copy(PROJECT / ".dagster" / "dagster.yaml", folder)
    desk = Sandbox(Desk(2500))
    chromium = shutil.which("chromium")
    assert chromium, "There is no chromium: make test-ui installs Debian's."
    with (
        pytest.MonkeyPatch.context() as patch,
        serve(build_app(desk.desk, api_key=API_KEY, fault=desk)) as base_url,
        webhook() as hook,
        sync_playwright() as playwright,
    ):
        values = (base_url, API_KEY, str(folder / "tickets.duckdb"))
        for name, value in zip(SETTINGS, values, strict=True):
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(folder))
        patch.setenv("ALERTS__HELP_DESK__WEBHOOK_URL", hook.url)
        patch.setenv("SOURCES__HELP_DESK__PROFILE", str(with_date_filter(folder / "desk.yaml")))
        patch.setenv("SCHEDULES__HELP_DESK_BACKFILL__START", "2026-01-01")
        with dagster_dev(folder / "log", program="dg") as server:
            # Chromium's sandbox does not work for root in a container. Only local pages are opened.
            browser: Browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(60 * SECONDS)
            expect.set_options(timeout=60 * SECONDS)
            yield Visit(page, server, desk, hook, folder / "log")
            browser.close()


def test_lineage_page_shows_the_api_and_the_reports(
    visit: Visit,
) -> None:
    visit.go("/asset-groups/")

    for name in ASSETS:
        expect(visit.page.get_by_text(name, exact=True).first).to_be_visible()


def test_all_assets_can_be_materialized(visit: Visit) -> None:
    visit.materialize_all()

    expect(visit.page.get_by_text("Success", exact=True).first).to_be_visible()
    visit.go("/asset-groups/")
    expect(visit.page.get_by_text("help_desk_report", exact=True).first).to_be_visible()
    visit.picture("lineage")


def test_tickets_page_shows_columns_and_checks(visit: Visit) -> None:
    visit.go("/assets/help_desk_tickets")
    page = visit.page

    for text in ("Columns", "subject", "TIMESTAMP WITH TIME ZONE", "2,500"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_text("The ticket's title, as written by the requester.")).to_be_visible()
    expect(page.get_by_text("support-data")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1150})
    visit.picture("tickets")
    page.set_viewport_size({"width": 1280, "height": 800})
    visit.go("/assets/help_desk_tickets?view=checks")
    expect(page.get_by_text("Checks (7)")).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(7)
    visit.picture("checks")


def test_metadata_is_plotted_and_charts_are_shown(visit: Visit) -> None:
    page = visit.page
    for ticket in visit.desk.desk.tickets[-40:-20]:
        ticket["status"] = "closed"
    visit.materialize_all()
    visit.go("/assets/help_desk_tickets")
    page.get_by_text("Plots", exact=True).first.click()

    for name in ("rows_read", "rows_rejected", "lag_seconds", "requests", "retries", "seconds"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    assert page.locator("canvas").count() >= 6
    visit.go("/assets/ticket_volume_daily")
    chart = page.locator("img[src^='data:image/svg+xml']")
    expect(chart).to_be_visible()
    chart.scroll_into_view_if_needed()
    assert chart.evaluate("image => image.naturalWidth") > 300
    visit.picture("plot")


def test_run_with_the_prefilled_launchpad_succeeds(visit: Visit) -> None:
    page = visit.page
    visit.go("/locations/helpdesk_assets/jobs/help_desk_sync/playground")

    expect(page.get_by_text("api_key: '********'")).to_be_visible()
    visit.picture("launchpad")
    page.get_by_role("button", name="Launch Run").click()
    visit.until_run_ends()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    visit.picture("launched")


def test_two_months_can_be_backfilled_on_the_job_page(visit: Visit) -> None:
    page = visit.page
    visit.go("/locations/helpdesk_assets/jobs/help_desk_backfill/partitions")

    total = page.get_by_text("Total partitions").locator("..")
    expect(total).to_contain_text(re.compile(r"^[1-9]\d*"))
    page.get_by_role("button", name=re.compile("Launch backfill")).click()
    chosen = page.get_by_placeholder(re.compile("^ex: "))
    chosen.fill("2026-01-01, 2026-02-01")
    chosen.press("Enter")
    visit.desk.queries.clear()
    page.get_by_role("button", name=re.compile("Submit 2 runs")).click()
    deadline = time.monotonic() + UNTIL_BACKFILLED
    ended: dict[str, str] = {}
    while len(ended) < 2 and time.monotonic() < deadline:
        time.sleep(1)
        ended = visit.backfilled()
    assert ended == {"2026-01-01": "SUCCESS", "2026-02-01": "SUCCESS"}
    # Each run requested only its month.
    asked = {(query["created_since"], query["created_before"]) for query in visit.desk.queries}
    assert asked == {
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
    }
    visit.go("/locations/helpdesk_assets/jobs/help_desk_backfill/partitions")
    expect(page.get_by_text("Missing partitions").locator("..")).to_be_visible()
    visit.picture("backfill")


def test_failed_check_is_shown_with_its_description(visit: Visit) -> None:
    visit.desk.fault = FAULTS["created-at-text"].make()
    visit.materialize_all()
    visit.go("/assets/help_desk_tickets?view=checks")
    visit.page.get_by_text("no_rejected_rows", exact=True).first.click()

    expect(
        visit.page.get_by_text(
            "could not be loaded: see the reasons in help_desk.help_desk_tickets_rejected"
        )
    ).to_be_visible()
    visit.picture("warning")


def test_failed_run_is_shown_with_its_error_message(visit: Visit) -> None:
    visit.desk.fault = FAULTS["ends-early"].make()
    run_id = visit.materialize_all()

    expect(visit.page.get_by_text("Failure", exact=True).first).to_be_visible()
    sentence = visit.page.get_by_text(re.compile("the end of its list was not reached")).first
    expect(sentence).to_be_visible()
    # The log has scrolled down to the skipped steps.
    sentence.scroll_into_view_if_needed()
    # Without the stack trace below it.
    visit.picture("red-run", down_to=sentence)
    deadline = time.monotonic() + UNTIL_TOLD
    while len(visit.hook.posted) < 2 and time.monotonic() < deadline:
        time.sleep(1)
    # Long enough for a second evaluation, which must not send another alert.
    time.sleep(40)
    told = visit.hook.posted
    assert len({alert["run_url"] for alert in told}) == len(told), told
    warned, failed = told[-2:]
    assert "Check no_rejected_rows on help_desk_tickets failed" in warned["title"]
    assert failed["title"] == "Step help_desk_tickets failed"
    assert "the end of its list was not reached" in failed["sentence"]
    assert failed["run_url"] == f"http://localhost:3000/runs/{run_id}"


def test_check_fails_after_another_program_has_inserted_a_row(visit: Visit) -> None:
    with duckdb.connect(str(visit.log.with_name("tickets.duckdb"))) as connection:
        connection.execute(
            "insert into help_desk.help_desk_tickets from help_desk.help_desk_tickets limit 1"
        )
    visit.go("/assets/help_desk_tickets?view=checks")
    visit.page.get_by_role("button", name="Execute all").click()
    visit.page.get_by_text("id_is_unique", exact=True).first.click()

    expect(visit.page.get_by_text("1 duplicate id.")).to_be_visible()
    visit.picture("red-check")


def test_backfill_without_a_partition_fails_without_a_request(visit: Visit) -> None:
    page = visit.page
    visit.desk.queries.clear()
    visit.go("/locations/helpdesk_assets/jobs/help_desk_backfill/playground")
    page.get_by_role("button", name="Launch Run").click()
    page.get_by_role("button", name="Confirm").click()
    visit.until_run_ends()

    expect(page.get_by_text("Failure", exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile("No month is selected")).first).to_be_visible()
    assert visit.desk.queries == []


def test_dagster_starts_without_warnings(visit: Visit) -> None:
    started = visit.log.read_text().split("Serving dagster-webserver")[0]

    assert "helpdesk_assets" not in started
    warnings = [line for line in started.splitlines() if "Warning" in line]
    assert warnings == []
    assert Path(PICTURES / "lineage.png").stat().st_size > 10_000
