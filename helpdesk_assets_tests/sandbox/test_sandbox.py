"""The sandbox, as a command and as an API."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from helpdesk_assets.sandbox.__main__ import SPAN, main, parser
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.faults import FAULTS
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, at_length, command

StartSandbox = Callable[..., Sandbox]
RUN = ("python", "-m", "helpdesk_assets.sandbox")


def get(url: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the sandbox as a process; the base URL is the one that it prints."""
    with subprocess.Popen(
        [sys.executable, *RUN[1:], "--port", "0", *arguments], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found
        yield process, found.group()
        process.kill()


@pytest.mark.parametrize("stop", at_length([signal.SIGINT, signal.SIGTERM], short=1))
def test_sandbox_serves_until_it_is_stopped(stop: signal.Signals) -> None:
    now = "2026-10-31T18:00Z"
    with served("--tickets", "12", "--seed", "7", "--now", now) as (process, base_url):
        status, body = get(f"{base_url}/v1/tickets?offset=10&limit=100&api_key=sandbox-key")
        process.send_signal(stop)
        _, said = process.communicate(timeout=30)

    assert status == 200
    assert body == {"data": Desk(12, 7, span=SPAN).tickets[10:], "total": 12}
    assert process.returncode == 0
    assert said == "Help desk stopped.\n"


@pytest.mark.long
def test_no_total_omits_the_total() -> None:
    with served("--tickets", "12", "--no-total", "--api-key", "other") as (_, base_url):
        _, body = get(f"{base_url}/v1/tickets?api_key=other")

    assert set(body) == {"data"}


def test_wrong_key_gets_a_json_error(sandbox: StartSandbox) -> None:
    desk = sandbox()

    for query in ("", "?api_key=", "?api_key=wrong", "?api_key=%C3%A9"):
        assert get(f"{desk.base_url}/v1/tickets{query}") == (
            401,
            {"error": "The API key is missing or wrong."},
        )


@pytest.mark.parametrize("query", ["offset=-1", "limit=0", "limit=1001", "limit=many"])
def test_invalid_page_gets_a_json_error(query: str, sandbox: StartSandbox) -> None:
    desk = sandbox()
    status, body = get(f"{desk.base_url}/v1/tickets?api_key={API_KEY}&{query}")

    assert status == 400
    assert "offset starts at 0" in str(body["error"])


def test_tickets_are_reproducible_and_realistic() -> None:
    tickets = Desk(2500, seed=1).tickets

    assert tickets == Desk(2500, seed=1).tickets
    assert tickets != Desk(2500, seed=2).tickets
    assert [ticket["id"] for ticket in tickets] == list(range(1, 2501))
    for field in ("subject", "status", "created_at"):
        nulls = sum(ticket[field] is None for ticket in tickets)
        assert 0 < nulls < 250
    subjects = "".join(ticket["subject"] or "" for ticket in tickets)
    for letters in ("'", '"', "ö", "🔥", "起", "ال", "т"):
        assert letters in subjects
    days = {ticket["created_at"][:10] for ticket in tickets if ticket["created_at"]}
    assert min(days) < "2024-11-15"
    assert max(days) > "2026-10-15"


def test_command_runs_with_settings_and_its_exit_code_is_returned() -> None:
    ask = (
        "import os, sys, urllib.request as u; e = os.environ;"
        "u.urlopen(e['SOURCES__HELP_DESK__BASE_URL'] + '/v1/tickets?api_key=' + e['API_KEY']);"
        "sys.exit(5)"
    )
    finished = command(*RUN, "--port", "0", "--", sys.executable, "-c", ask)

    assert finished.returncode == 5, finished.stdout


def test_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = command(*RUN, "--port", str(port))

    assert finished.returncode == 1
    assert finished.stdout.startswith(f"The sandbox cannot listen on 127.0.0.1:{port}")
    assert "Choose another --port" in finished.stdout


def test_help_lists_every_option() -> None:
    finished = command(*RUN, "--help")

    assert finished.returncode == 0
    for action in parser()._actions:
        for option in action.option_strings:
            assert option in finished.stdout


def test_every_fault_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-faults"]) == 0

    said = capsys.readouterr().out
    for fault in FAULTS.values():
        assert re.search(rf"^{fault.name} +{re.escape(fault.description)}$", said, re.M)


@pytest.mark.long
def test_options_set_fault_churn_and_order() -> None:
    options = ("--fault", "cap-50", "--churn", "3", "--order=-id")
    with served(*options) as (_, base_url):
        first, second = (
            get(f"{base_url}/v1/tickets?limit=100&offset=0&api_key=sandbox-key")[1]["data"]
            for _ in range(2)
        )

    assert isinstance(first, list)
    assert [ticket["id"] for ticket in first] == list(range(2500, 2450, -1))
    assert first != second


def test_invalid_number_of_tickets_is_rejected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--tickets", "-1"])

    assert ended.value.code == 2
    assert "must be 0 or more" in capsys.readouterr().err
