"""Rows that are stored or skipped by a value."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.profiles import BUILT_IN, load_profile
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of

Sync = Callable[[], dg.ExecuteInProcessResult]
Use = Callable[[str], None]

MARKED = "select id, deleted_at from help_desk.help_desk_tickets where deleted_at is not null"


@pytest.fixture
def desk(sandbox: Callable[..., Sandbox], connect: Callable[[Sandbox], None]) -> Sandbox:
    """Serve a desk of 250 tickets that are all open."""
    desk = sandbox(tickets=250)
    connect(desk)
    for ticket in desk.desk.tickets:
        ticket.update(status="open", has_due_date=ticket["id"] % 2 == 0)
    return desk


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Load with the default profile and further settings of its resource."""

    def write(further: str) -> None:
        file = tmp_path / "desk.yaml"
        file.write_text(f"{(BUILT_IN / 'default.yaml').read_text()}    {further}\n")
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))

    return write


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [c for c in result.get_asset_check_evaluations() if c.check_name == name]
    return found


def test_only_rows_with_the_given_value_are_stored(
    desk: Sandbox, sync: Sync, warehouse: Warehouse, use: Use
) -> None:
    use("only_rows: {has_due_date: [true], status: [open, null]}")
    desk.desk.tickets[1]["status"] = "closed"
    desk.desk.tickets[3]["status"] = None
    result = sync()

    assert result.success, error_of(result)
    stored = [number for number, _, _ in warehouse.tickets()]
    assert stored == list(range(4, 251, 2))
    assert check(result, "is_complete").passed
    assert metadata_of(result)["rows_walked"] == len(stored)
    assert metadata_of(result)["api_total"] == 250

    # A row that no longer has the value counts as deleted.
    desk.desk.tickets[5]["has_due_date"] = False
    result = sync()
    assert [number for number, _ in warehouse.query(MARKED)] == [6]
    assert check(result, "is_complete").passed


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ("only_rows: {status: []}", "only_rows.status must be"),
        ("only_rows: {status: {open: true}}", "only_rows.status must be"),
    ],
)
def test_a_mistake_is_located(further: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(f"{(BUILT_IN / 'default.yaml').read_text()}    {further}\n")

    with pytest.raises(dg.Failure, match=message):
        load_profile(str(file))
