"""The report page as people see it, in a real browser. See ``make test-ui``.

Pictures are stored where those of ``test_ui.py`` are.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from helpdesk_assets import build_defs
from helpdesk_assets.sandbox.__main__ import PROFILE, SPAN
from helpdesk_assets.sandbox.app import build_app
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import API_KEY, PROJECT, SETTINGS, Sandbox, execute
from helpdesk_assets_tests.support.webserver import Webserver, dagster_dev

pytestmark = pytest.mark.ui

PICTURES = PROJECT / "pictures"
TARGETS = '{"first_reply": {"urgent": "1h", "high": "4h", "*": "8h"}, "hours": "business"}'
DESKTOP, PHONE = (1280, 800), (375, 812)
SCHEMES = ("light", "dark")


@dataclass(frozen=True)
class Report:
    """A report page that a run has written, and a browser.

    Attributes:
        path: the file of the page.
        folder: the Dagster instance and the DuckDB file.
        browser: for opening it.
    """

    path: Path
    folder: Path
    browser: Browser

    @contextmanager
    def opened(
        self, *, size: tuple[int, int] = DESKTOP, scheme: Any = "light", scripts: bool = True
    ) -> Iterator[Page]:
        """Open the page from disk, without a network. Nothing may be requested or reported."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            offline=True,
            java_script_enabled=scripts,
        )
        page = context.new_page()
        requests, messages = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(self.path.as_uri())
        yield page
        assert requests == [self.path.as_uri()]
        assert messages == []
        context.close()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "tickets.duckdb"), read_only=True) as connection:
            connection.execute("use help_desk")
            return connection.execute(text).fetchall()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """Load the sandbox's tickets, and start a browser."""

    folder = tmp_path_factory.mktemp("page")
    PICTURES.mkdir(exist_ok=True)
    shutil.copy(PROJECT / ".dagster" / "dagster.yaml", folder)
    now = datetime.now(timezone.utc)
    desk = Sandbox(Desk(2500, clock=lambda: now, end=now, span=SPAN))
    chromium = shutil.which("chromium")
    assert chromium, "There is no chromium: make test-ui installs Debian's."
    with (
        pytest.MonkeyPatch.context() as patch,
        serve(build_app(desk.desk, api_key=API_KEY, fault=desk)) as base_url,
        sync_playwright() as playwright,
    ):
        values = (base_url, API_KEY, str(folder / "tickets.duckdb"))
        for name, value in zip(SETTINGS, values, strict=True):
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(folder))
        patch.setenv("SOURCES__HELP_DESK__PROFILE", str(PROFILE))
        patch.setenv("REPORTS__HELP_DESK__SLA_TARGETS", TARGETS)
        with dg.DagsterInstance.get() as instance:
            assert execute(build_defs().resolve_job_def("help_desk_sync"), instance).success
        # Chromium's sandbox does not work for root in a container. Only local pages are opened.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield Report(folder / "help_desk_report.html", folder, browser)
        browser.close()


@pytest.fixture(scope="module")
def server(report: Report) -> Iterator[Webserver]:
    """Start ``dg dev`` with the instance of the run."""
    with dagster_dev(report.folder / "log", program="dg") as running:
        yield running


def number_in(page: Page, selector: str) -> int:
    return int(re.sub(r"\D", "", page.locator(selector).inner_text().split()[0]))


def test_page_opens_from_the_ui_over_http(report: Report, server: Webserver) -> None:
    page = report.browser.new_page()
    page.goto(f"{server.url}/assets/help_desk_report")
    link = page.locator("a[href='/logs/help_desk_report/html']").first
    expect(link).to_be_visible(timeout=60_000)
    with page.expect_download() as downloading:
        link.click()
    download = downloading.value
    saved = report.folder / download.suggested_filename
    download.save_as(saved)

    assert download.url == f"{server.url}/logs/help_desk_report/html"
    assert saved.name == "help_desk_report.html.html" or saved.suffix == ".html"
    assert saved.read_bytes() == report.path.read_bytes()
    page.goto(saved.as_uri())
    expect(page.get_by_role("heading", name="Help desk report")).to_be_visible()
    page.close()


def test_first_screen_shows_the_answers(report: Report) -> None:
    with report.opened() as page:
        for name in (
            "Open now", "Opened and solved", "First reply", "Resolution", "Service levels (SLA)",
            "Busiest hour",
        ):  # fmt: skip
            heading = page.get_by_role("heading", name=name)
            expect(heading).to_be_in_viewport()
            card = page.locator("section", has=heading)
            expect(card.locator("svg[role=img]")).to_be_in_viewport(ratio=0.7)
        assert number_in(page, "#open .big") == report.query(
            "select count(*) from ticket_metrics where not is_solved"
        )[0][0]  # fmt: skip


def test_filters_show_the_numbers_of_the_group_and_priority(report: Report) -> None:
    ((group, priority, open_now, opened),) = report.query(
        "select group_name, priority, count(*) filter (not is_solved), count(*) filter"
        " (created_at::date > current_date - 30 and created_at <= now()) from ticket_metrics"
        " where group_name is not null and priority is not null group by all"
        " having count(*) filter (not is_solved) > 1 order by all limit 1"
    )
    with report.opened() as page:
        page.get_by_label("Group", exact=True).select_option(label=group)
        page.get_by_label("Priority", exact=True).select_option(label=priority)
        page.get_by_label("Period", exact=True).select_option(label="Last 30 days")

        expect(page.locator("#selected")).to_have_text(f"Last 30 days, {group}, {priority}")
        assert number_in(page, "#open .big") == open_now
        assert number_in(page, "#flow .big") == opened
        cells = page.locator("#oldest tbody tr td:nth-child(4)").all_inner_texts()
        assert set(cells) == {group}
        rows = page.locator("#flow tbody tr")
        assert rows.count() == 30
        counted = rows.locator("td:nth-child(2)").all_text_contents()
        assert sum(map(int, counted)) == opened
        page.get_by_label("Period", exact=True).select_option(label="Last 52 weeks")
        assert rows.count() == 52


def test_page_without_scripts_shows_the_same_numbers(report: Report) -> None:
    selectors = ("#open .big", "#flow .big", "#reply .big", "#resolution .big", "#breaches .big",
                 "#hours .big")  # fmt: skip
    tables = ("#groups", "#oldest", "#ages", "#flow table", "#reply table", "#hours table")
    with report.opened(scripts=False) as page:
        plain = [page.locator(each).inner_text() for each in selectors]
        cells = [page.locator(f"{each} :is(th, td)").all_text_contents() for each in tables]
        expect(page.locator("#flow table")).to_be_visible()
        expect(page.get_by_label("Period", exact=True)).to_be_hidden()
    with report.opened() as page:
        assert [page.locator(each).inner_text() for each in selectors] == plain
        for each, expected in zip(tables, cells, strict=True):
            shown = page.locator(f"{each} :is(th, td)").all_text_contents()
            assert list(map(str.strip, shown)) == list(map(str.strip, expected))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_fits_on_a_phone(scheme: str, report: Report) -> None:
    with report.opened(size=PHONE, scheme=scheme) as page:
        open_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        beyond = page.evaluate(
            """[...document.querySelectorAll("main *, header *")].filter((each) =>
            each.getBoundingClientRect().right > innerWidth + 1 && each.checkVisibility()
            && !each.closest(".hidden, thead")).map((each) => each.outerHTML.slice(0, 80))"""
        )
        assert beyond == []
    if scheme == "light":
        with report.opened(size=PHONE) as page:
            page.screenshot(path=PICTURES / "page-phone.png")


def test_page_is_usable_by_keyboard_alone(report: Report) -> None:
    with report.opened() as page:
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(
                "[document.activeElement.id || document.activeElement.tagName,"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
            if name == "BODY":
                break
            assert outline != "none", name
            reached.append(name)
            if name == "period":
                page.keyboard.press("ArrowUp")
        assert [each for each in reached if each in ("period", "group", "priority")] == [
            "period", "group", "priority"
        ]  # fmt: skip
        expect(page.locator("#selected")).to_contain_text("Last 30 days")
        summary = page.locator("#flow summary")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#flow table")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_accessibility_checker_finds_nothing(
    size: tuple[int, int], scheme: str, report: Report
) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    with report.opened(size=size, scheme=scheme) as page:
        for is_open in (False, True):
            if is_open:
                open_all(page)
            page.evaluate(axe)
            found = page.evaluate("axe.run()")
            assert [
                (each["impact"], each["id"], [node["target"] for node in each["nodes"]][:3])
                for each in found["violations"]
            ] == []
            assert len(found["passes"]) > 20


def test_page_is_legible_in_print(report: Report) -> None:
    with report.opened(scheme="dark") as page:
        page.emulate_media(media="print")
        expect(page.locator("form")).to_be_hidden()
        expect(page.locator("#flow svg")).to_be_visible()
        expect(page.locator("#flow summary")).to_be_hidden()
        expect(page.locator("#selected")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_policy_refuses_requests_and_other_scripts(report: Report) -> None:
    context = report.browser.new_context()
    page = context.new_page()
    page.goto(report.path.as_uri())
    refused = page.evaluate(
        """async () => {
            const refused = [];
            document.addEventListener("securitypolicyviolation",
                (event) => refused.push(event.effectiveDirective));
            await fetch("http://127.0.0.1:9/").catch(() => null);
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            const image = document.createElement("img");
            image.src = "http://127.0.0.1:9/";
            document.body.append(image);
            await new Promise((wait) => setTimeout(wait, 200));
            return [window.ran, ...refused.sort()];
        }"""
    )

    assert refused == [None, "connect-src", "img-src", "script-src-elem"]
    context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pictures_are_taken(scheme: str, report: Report) -> None:
    with report.opened(size=(1280, 900), scheme=scheme) as page:
        page.screenshot(path=PICTURES / f"page-{scheme}.png")


def open_all(page: Page) -> None:
    """Open all tables that are closed at first."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
