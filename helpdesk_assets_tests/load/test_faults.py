"""What becomes of the tickets under every fault: the table in docs/faults.md, measured again."""

import re

import pytest

from helpdesk_assets.sandbox.faults import FAULTS, NamedFault
from helpdesk_assets_tests.conftest import PROJECT
from helpdesk_assets_tests.support.faults import ENVIRONMENT, HEADER, TICKETS, line

DOCUMENT = (PROJECT / "docs" / "faults.md").read_text()
LINES = {
    row.split(" | ")[0].strip("| "): row
    for row in DOCUMENT.splitlines()[len(HEADER.splitlines()) :]
}


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_every_fault_is_in_the_table() -> None:
    assert DOCUMENT.startswith(HEADER)
    assert list(LINES) == list(FAULTS)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_does_what_the_table_says(fault: NamedFault) -> None:
    assert line(fault) == LINES[fault.name]


@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_loses_a_ticket_in_silence(name: str) -> None:
    ours = LINES[name].split(" | ")[2]
    loaded = re.match(r"loads (\d+)(?:, sets (\d+) aside with a warning)?$", ours)

    assert loaded or ours.startswith("red: ")
    if loaded and name != "id-text":
        assert int(loaded.group(1)) + int(loaded.group(2) or 0) == TICKETS
