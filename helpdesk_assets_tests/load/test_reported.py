"""Rows that the API reports as deleted."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.profiles import BUILT_IN, load_profile
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of

Sync = Callable[[], dg.ExecuteInProcessResult]
Use = Callable[[str], None]

DELETES = "SOURCES__HELP_DESK__DELETES"
MARKED = """
    select id, deleted_at from help_desk.help_desk_tickets where deleted_at is not null order by id
"""


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


def test_row_that_is_reported_as_deleted_is_marked_once(
    desk: Sandbox, sync: Sync, warehouse: Warehouse, use: Use
) -> None:
    use("deleted_rows: {status: [trash, shredded]}")
    desk.desk.tickets[7]["status"] = "trash"
    result = sync()

    assert result.success, error_of(result)
    ((number, since),) = warehouse.query(MARKED)
    assert number == 8
    assert metadata_of(result)["rows_reported_deleted"] == 1
    assert metadata_of(result)["rows_deleted"] == 0
    assert check(result, "is_complete").passed

    # The ticket changes, and another one is deleted; the first keeps its time of deletion.
    desk.desk.tickets[7].update(status="shredded", subject="SCRUBBED")
    desk.desk.tickets[9]["status"] = "trash"
    assert sync().success
    marked = dict(warehouse.query(MARKED))
    assert marked.keys() == {8, 10}
    assert marked[8] == since < marked[10]

    desk.desk.tickets[7]["status"] = "open"
    assert sync().success
    assert [number for number, _ in warehouse.query(MARKED)] == [10]


def test_any_value_can_mean_that_a_row_is_deleted(
    desk: Sandbox, sync: Sync, warehouse: Warehouse, use: Use
) -> None:
    use('deleted_rows: {status: ["*"]}')
    for ticket in desk.desk.tickets:
        ticket["status"] = "2026-11-25" if ticket["id"] in (3, 5) else None
    assert sync().success
    assert [number for number, _ in warehouse.query(MARKED)] == [3, 5]

    desk.desk.tickets[2]["status"] = None
    assert sync().success
    assert [number for number, _ in warehouse.query(MARKED)] == [5]


def test_rows_that_are_reported_as_deleted_can_be_removed_or_kept(
    desk: Sandbox,
    sync: Sync,
    warehouse: Warehouse,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use("deleted_rows: {status: [trash]}")
    for place in (7, 9):
        desk.desk.tickets[place]["status"] = "trash"
    monkeypatch.setenv(DELETES, "off")
    assert sync().success
    assert warehouse.query(MARKED) == []
    assert len(warehouse.tickets()) == 250

    monkeypatch.setenv(DELETES, "hard")
    result = sync()
    assert {number for number, _, _ in warehouse.tickets()}.isdisjoint({8, 10})
    assert len(warehouse.tickets()) == 248
    assert check(result, "is_complete").passed
    assert metadata_of(result)["rows_walked"] == 248


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ("deleted_rows: {state: [trash]}", "state is not one of them"),
        ("deleted_rows: {status: []}", "deleted_rows.status must be"),
    ],
)
def test_a_mistake_is_located(further: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(f"{(BUILT_IN / 'default.yaml').read_text()}    {further}\n")

    with pytest.raises(dg.Failure, match=message):
        load_profile(str(file))
