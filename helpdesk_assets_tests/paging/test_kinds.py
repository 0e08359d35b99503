"""Every kind of paging with every problem: the outcomes are those in docs/profiles.md."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    API_KEY,
    PROJECT,
    SETTINGS,
    Warehouse,
    at_length,
    metadata_of,
)
from helpdesk_assets_tests.support.kinds import (
    COUNTED,
    NUMBERED,
    PAGINATORS,
    TROUBLES,
    Api,
    profile,
)

Sync = Callable[[], dg.ExecuteInProcessResult]
Read = Callable[..., tuple[Api, dg.ExecuteInProcessResult]]

DOCUMENTED = (PROJECT / "docs" / "profiles.md").read_text()
# Each problem with some kinds of pages, and each kind with a quarter of the problems.
SHORT = [
    (kind, trouble)
    for (column, kind), (row, trouble) in product(enumerate(PAGINATORS), enumerate(TROUBLES))
    if (column + row) % 4 == 0
]


@pytest.fixture
def read(sync: Sync, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Sync a help desk with a kind of paging and a problem, into an empty file."""

    def run(kind: str, trouble: str, seed: int = 1) -> tuple[Api, dg.ExecuteInProcessResult]:
        warehouse.path.unlink(missing_ok=True)
        file = tmp_path / "desk.yaml"
        file.write_text(profile(kind))
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
        monkeypatch.setenv("SOURCES__HELP_DESK__PAGES_IN_FLIGHT", "8")
        monkeypatch.setenv(SETTINGS[1], API_KEY)
        monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
        api = Api(kind, TROUBLES[trouble], seed)
        with serve(api.app) as base_url:
            monkeypatch.setenv(SETTINGS[0], base_url)
            return api, sync()

    return run


def outcome(api: Api, result: dg.ExecuteInProcessResult, warehouse: Warehouse) -> str:
    """Return the outcome of a sync; all tickets that exist after it existed before it."""
    if not result.success:
        return "fails"
    stored = {number for number, _, _ in warehouse.tickets()}
    lost = {ticket["id"] for ticket in api.desk.tickets if ticket["id"] <= api.trouble.tickets}
    lost -= stored
    return f"**succeeds, but loses {len(lost)}**" if lost else "all tickets"


def documented(trouble: str, kind: str) -> str:
    header = next(line for line in DOCUMENTED.splitlines() if line.startswith("| the API |"))
    (row,) = [line for line in DOCUMENTED.splitlines() if line.startswith(f"| {trouble} |")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, row)]
    return cells[1][cells[0].index(kind)]


@pytest.mark.parametrize(("kind", "trouble"), at_length(product(PAGINATORS, TROUBLES), short=SHORT))
def test_outcome_of_each_problem_is_documented(
    kind: str, trouble: str, read: Read, warehouse: Warehouse
) -> None:
    api, result = read(kind, trouble)

    assert outcome(api, result, warehouse) == documented(trouble, kind)


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("seed", at_length(range(2, 5), short=[2]))
def test_changing_list_with_counted_pages_is_read_completely(
    kind: str, seed: int, read: Read, warehouse: Warehouse
) -> None:
    api, result = read(kind, next(name for name in TROUBLES if name.startswith("changes")), seed)

    assert outcome(api, result, warehouse) == "all tickets"


@pytest.mark.parametrize("kind", at_length(PAGINATORS, short=4))
def test_metadata_states_whether_completeness_is_verified(kind: str, read: Read) -> None:
    _, with_total = read(kind, "works as documented")
    _, without_total = read(kind, "reports no total")

    # If the number of rows matches the total, they may still not be the same rows.
    assert metadata_of(with_total)["completeness_verified"] == (kind in NUMBERED)
    assert metadata_of(without_total)["completeness_verified"] == (kind in COUNTED)


@pytest.mark.parametrize("kind", COUNTED)
def test_counted_pages_need_few_additional_requests(kind: str, read: Read) -> None:
    api, result = read(kind, "reports no total")

    assert result.success
    # Three pages; a part of the last one again, the end, and the top; requests in flight; and four
    # beyond the end, because no total confirms it.
    assert len(api.queries) <= 3 + 3 + 8 + 4
