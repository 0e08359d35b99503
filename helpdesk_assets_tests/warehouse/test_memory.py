"""The default memory limit of DuckDB."""

import re
from pathlib import Path

import pytest

from helpdesk_assets.warehouse import memory
from helpdesk_assets.warehouse.memory import default_limit, machine_memory


def test_the_memory_of_the_machine_is_known() -> None:
    with Path("/proc/meminfo").open() as lines:
        total = next(int(line.split()[1]) * 1024 for line in lines if "MemTotal" in line)

    # Or less, in a container.
    assert 2**28 < machine_memory() < 1.05 * total


@pytest.mark.parametrize(
    ("gigabytes", "rows", "limit"),
    [
        (24, 0, "400MB"),
        (24, 10_000_000, "400MB"),
        (24, 100_000_000, "4000MB"),
        (4, 100_000_000, "2000MB"),
        (0.75, 10_000_000, "375MB"),
        (0.25, 10_000_000, "200MB"),
    ],
)
def test_the_limit_follows_the_rows_and_the_machine(
    gigabytes: float, rows: int, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: int(gigabytes * 1e9))

    assert default_limit(rows) == limit
    assert re.fullmatch(r"\d+MB", limit)
