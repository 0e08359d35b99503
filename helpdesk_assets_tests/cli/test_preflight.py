"""`python -m helpdesk_assets check`: its findings for help desks with and without problems."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, command

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Check = Callable[..., subprocess.CompletedProcess[str]]

CHECK = ("python", "-m", "helpdesk_assets", "check")
GOOD = (BUILT_IN / "default.yaml").read_text()


def findings(printed: str) -> dict[str, tuple[str, str]]:
    """Return the findings by subject: ok, note or FAILED, and the text."""
    lines = [
        line.split(maxsplit=2) for line in printed.splitlines() if line[:2] in ("ok", "no", "FA")
    ]
    return {what: (word, said) for word, what, said in lines}


def test_check_succeeds_with_four_requests(sandbox: StartSandbox, connect: Connect) -> None:
    desk = sandbox(tickets=2500)
    connect(desk)
    finished = command(*CHECK)
    found = findings(finished.stdout)

    assert finished.returncode == 0
    assert list(found) == [
        "profile", "address", "host", "key", "clock", "rows", "fields", "types", "order", "end",
        "cost",
    ]  # fmt: skip
    assert {word for word, _ in found.values()} == {"ok"}
    assert found["rows"][1] == "100 at data on the first page"
    assert "the second page continues the first" in found["order"][1]
    assert "2,500 tickets takes about 29 requests" in found["cost"][1]
    assert found["end"][1] == "no rows past the last page, at offset 2600"
    # The first two pages, one between them, and one past the end.
    assert [int(query["offset"]) for query in desk.queries] == [0, 99, 50, 2600]
    assert API_KEY not in finished.stdout


def test_check_reads_the_settings_of_the_given_desk(
    sandbox: StartSandbox, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__EU__BASE_URL", sandbox().base_url)
    missing = check("--desk", "eu")
    monkeypatch.setenv("SOURCES__EU__API_KEY", API_KEY)
    well = check("--desk", "eu")

    assert missing.returncode == 1
    assert "set SOURCES__EU__API_KEY" in missing.stdout
    assert well.returncode == 0, well.stdout


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([None], "ok"),
        ([None, {}], "ok"),
        ([{"id": None}], "ok"),
        ([{}], "FAILED"),
        (["yes"], "FAILED"),
    ],
)
def test_field_path_below_a_null_passes_but_a_missing_one_fails(
    values: list[Any],
    word: str,
    sandbox: StartSandbox,
    connect: Connect,
    check: Check,
    tmp_path: Path,
) -> None:
    desk = sandbox(tickets=50)
    for number, ticket in enumerate(desk.desk.tickets):
        ticket["agent"] = values[number % len(values)]
    connect(desk)
    file = tmp_path / "desk.yaml"
    file.write_text(f"{GOOD.rstrip()}\n      agent_id: {{path: agent.id, type: bigint}}\n")
    finished = check("--profile", str(file))

    assert findings(finished.stdout)["fields"][0] == word


def test_estimated_requests_match_a_sync(
    sandbox: StartSandbox, connect: Connect, check: Check, whole_sync: Sync
) -> None:
    desk = sandbox(tickets=2500)
    connect(desk)
    check()
    desk.queries.clear()
    assert whole_sync().success

    assert len(desk.queries) == 29


def test_wrong_key_fails_without_being_shown(
    sandbox: StartSandbox, connect: Connect, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(sandbox())
    monkeypatch.setenv("API_KEY", "wrong-planted")
    finished = check()
    found = findings(finished.stdout)

    assert finished.returncode == 1
    assert found["host"][0] == "ok"
    assert found["key"] == ("FAILED", found["key"][1])
    assert "rejected the API key (HTTP 401): set API_KEY" in found["key"][1]
    assert "wrong-planted" not in finished.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "what", "said"),
    [
        ("data_selector: data", "data_selector: rows", "rows", "and that data_selector in its"),
        ("path: /v1/tickets", "path: /v2/tickets", "path", "rejected the request (HTTP 404)"),
        ("subject: subject", "subject: title", "fields", "no row has subject (at title)"),
        ("id: id", "id: requester", "types", "id cannot be read as bigint in 100 of 100 rows"),
        ("limit: 100", "limit: many", "profile", "must be a valid integer"),
    ],
)
def test_wrong_profile_is_reported(
    right: str,
    wrong: str,
    what: str,
    said: str,
    sandbox: StartSandbox,
    connect: Connect,
    check: Check,
    tmp_path: Path,
) -> None:
    connect(sandbox())
    file = tmp_path / "desk.yaml"
    file.write_text(GOOD.replace(f" {right}\n", f" {wrong}\n"))
    finished = check("--profile", str(file))
    found = findings(finished.stdout)

    assert finished.returncode == 1
    assert found[what][0] == "FAILED"
    assert said in found[what][1]


def test_fields_with_only_nulls_pass_but_missing_fields_are_reported(
    sandbox: StartSandbox, connect: Connect, check: Check, tmp_path: Path
) -> None:
    desk = sandbox()
    desk.desk.tickets = [
        {**ticket, "due": None, "owner": None, "cc": [], "closed": "-"}
        for ticket in desk.desk.tickets
    ]
    connect(desk)
    more = (
        "      due_at: due\n      owner_id: owner.id\n"
        "      cc_id: cc[0].id\n      closed_at: closed\n"
    )
    file = tmp_path / "desk.yaml"
    file.write_text(f"null_values: ['-']\n{GOOD.rstrip()}\n{more}")
    finished = check("--profile", str(file))

    assert finished.returncode == 0, finished.stdout
    assert "due_at in 0, owner_id in 0, cc_id in 0, closed_at in 0 of 100 rows" in finished.stdout

    file.write_text(f"{GOOD.rstrip()}\n{more}      group_id: owner_group.id\n")
    finished = check("--profile", str(file))

    assert "no row has group_id (at owner_group.id)" in finished.stdout
    # Without null_values, a dash is an invalid time.
    assert "closed_at cannot be read as timestamp in 100 of 100 rows" in finished.stdout


def test_unreachable_host_is_reported(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__HELP_DESK__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("API_KEY", API_KEY)
    finished = check()

    assert finished.returncode == 1
    assert "could not be reached" in findings(finished.stdout)["host"][1]


def test_empty_help_desk_passes(sandbox: StartSandbox, connect: Connect, check: Check) -> None:
    connect(sandbox(tickets=0))
    finished = check()

    assert finished.returncode == 0
    assert "the help desk is empty" in findings(finished.stdout)["rows"][1]
