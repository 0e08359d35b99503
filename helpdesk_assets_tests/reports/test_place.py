"""The page is written to a file, or to any address that fsspec knows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest

from helpdesk_assets.reports.place import write_to
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of

SETTING = "REPORTS__HELP_DESK__PATH"
Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def storage() -> Iterator[Any]:
    """Return an object store in memory."""
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/pages", recursive=True)


@pytest.fixture
def desk(sandbox: Callable[..., Sandbox], connect: Callable[[Sandbox], None]) -> Sandbox:
    started = sandbox(tickets=20)
    connect(started)
    return started


def test_page_is_written_to_an_address(
    desk: Sandbox,
    whole_sync: Sync,
    warehouse: Warehouse,
    storage: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage.pipe_file("/pages/report.html", b"the page before")
    monkeypatch.setenv(SETTING, "memory://pages/report.html")
    result = whole_sync()
    (event,) = result.asset_materializations_for_node("help_desk_report")
    page = storage.cat_file("/pages/report.html").decode()

    assert result.success
    assert page.rstrip().endswith("</html>")
    assert event.metadata["report"].value == "memory://pages/report.html"
    assert event.metadata["path"].value == "memory://pages/report.html"
    assert event.metadata["bytes"].value == len(page.encode())
    assert not list(warehouse.path.parent.glob("*.html"))


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_page_is_written_to_a_local_path(
    scheme: str,
    desk: Sandbox,
    whole_sync: Sync,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "pages of today" / "report.html"
    page.parent.mkdir()
    page.write_text("the page before")
    page.chmod(0o644)
    monkeypatch.setenv(SETTING, page.as_uri() if scheme else str(page))
    result = whole_sync()
    (event,) = result.asset_materializations_for_node("help_desk_report")

    assert event.metadata["report"].value == page.as_uri()
    assert event.metadata["path"].value == str(page)
    assert page.read_text().rstrip().endswith("</html>")
    assert page.stat().st_mode & 0o777 == 0o644
    assert list(page.parent.iterdir()) == [page]


def test_password_in_the_address_is_refused_and_not_shown(
    desk: Sandbox, whole_sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "sftp://reports:planted-7Qx9@example.com/report.html")
    said = error_of(whole_sync())

    assert "contains a password" in said
    assert "[reports.help_desk.credentials]" in said
    assert "planted" not in said


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/nowhere/report.html", "(No such file or directory): set REPORTS__EU__PATH to a file"),
        ("unknown://pages/report.html", "(ValueError): check that REPORTS__EU__PATH"),
        ("gs://pages/report.html", "credentials"),
        ("sftp://127.0.0.1/report.html", "pip install 'dlt[sftp]'"),
    ],
)
def test_error_message_says_why_the_page_cannot_be_written(address: str, reason: str) -> None:
    with pytest.raises(dg.Failure) as caught:
        write_to(address, b"<html></html>", desk="eu")

    assert address in str(caught.value.description)
    assert reason in str(caught.value.description)
