"""For any response of an API, a run ends in bounded time and memory, complete or with an error."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets_tests.conftest import (
    API_KEY,
    BIN,
    EXECUTE,
    SETTINGS,
    Sandbox,
    Warehouse,
    at_length,
    command,
    error_of,
    failure_of,
)
from helpdesk_assets_tests.support import hostile as sent
from helpdesk_assets_tests.support.hostile import MODES, TICKETS, Mode, hostile

Sync = Callable[[], dg.ExecuteInProcessResult]
Connect = Callable[[Sandbox], None]
# Maximum memory of a whole `dagster job execute`, in megabytes.
MOST_MEMORY = 700
MEASURED = (
    "import resource, subprocess, sys; "
    "code = subprocess.run(sys.argv[1:]).returncode; "
    "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); "
    "sys.exit(code)"
)


@pytest.fixture(autouse=True)
def check_for_leaks(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    instance: dg.DagsterInstance,
) -> Iterator[None]:
    """Search all logs at all levels and all output for the key and for text of a customer."""
    loggers = [logging.getLogger(name) for name in ("dlt", "urllib3")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
        caplog.set_level(logging.DEBUG, logger=logger.name)
    with caplog.at_level(logging.DEBUG):
        yield
    printed = capfd.readouterr()
    kept = "".join(
        str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)
    )
    for secret in (API_KEY, sent.CUSTOMER):
        assert secret not in caplog.text + printed.out + printed.err + kept
    for logger in loggers:
        logger.removeHandler(caplog.handler)


def test_search_for_leaks_finds_one(
    against: Callable[[str], None],
    sync: Sync,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch, hostile(sent.packed_and_broken_off) as base_url:
        patch.setattr(Redaction, "text", lambda self, text: text)
        against(base_url)
        sync()

    assert API_KEY in caplog.text
    caplog.clear()


@pytest.fixture
def against(
    sandbox: Callable[..., Sandbox], connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Set the base URL to that of another server than the sandbox."""

    def point(base_url: str) -> None:
        desk = sandbox()
        desk.base_url = base_url
        connect(desk)

    monkeypatch.setenv("RUNTIME__REQUEST_ANSWER_TIMEOUT", "1")
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "2")
    return point


@pytest.mark.parametrize(
    "mode",
    at_length(
        MODES,
        short=["headers a byte at a time"],
    ),
)
def test_endless_response_is_ended(mode: str, against: Callable[[str], None], sync: Sync) -> None:
    with hostile(MODES[mode]) as base_url:
        against(base_url)
        began = time.monotonic()
        result = sync()

    assert not result.success
    assert time.monotonic() - began < 20
    assert re.search("did not respond in time|closed the connection", error_of(result))


@pytest.mark.parametrize(
    "mode",
    [
        sent.packed_and_broken_off,
        sent.without_a_length_and_broken_off,
        sent.chunked_and_broken_off,
        sent.whole_by_its_length_and_broken_off,
    ],
)
def test_truncated_response_is_requested_again(
    mode: Mode, against: Callable[[str], None], sync: Sync, warehouse: Warehouse
) -> None:
    with hostile(mode) as base_url:
        against(base_url)
        result = sync()

    assert result.success
    assert len(warehouse.tickets()) == TICKETS


@pytest.mark.parametrize(
    ("mode", "expected"),
    at_length(
        [
            (sent.a_body_without_an_end, "sent more than 32 MB in one response"),
            (sent.a_gigabyte_packed, "sent more than 32 MB in one response"),
            (sent.packed_twice, "sent a response with the encoding gzip, gzip"),
            (sent.many_rows, "sent 100,000 rows in one response"),
            (sent.many_values, "sent more than 2,000,000 values in one response"),
        ],
        short=1,
    ),
)
def test_oversized_response_is_rejected(mode: Mode, expected: str, warehouse: Warehouse) -> None:
    with hostile(mode) as base_url:
        values = (base_url, API_KEY, str(warehouse.path))
        finished = command(
            "python",
            "-c",
            MEASURED,
            str(BIN / EXECUTE[0]),
            *EXECUTE[1:],
            env={**dict(zip(SETTINGS, values, strict=True)), "RUNTIME__REQUEST_MAX_ATTEMPTS": "1"},
        )

    assert finished.returncode != 0
    assert expected in finished.stdout
    (peak,) = re.findall(r"^peak (\d+)$", finished.stdout, re.MULTILINE)
    assert int(peak) < MOST_MEMORY


def test_maximum_size_of_a_response_can_be_set(
    against: Callable[[str], None], sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    def large(number: int, path: str, line: sent.Line) -> None:
        line.answer(sent.page(path) + b" " * 2_000_000)

    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ANSWER_MB", "1")
    with hostile(large) as base_url:
        against(base_url)
        assert "increase RUNTIME__REQUEST_MAX_ANSWER_MB" in error_of(sync())
        monkeypatch.setenv("RUNTIME__REQUEST_MAX_ANSWER_MB", "3")
        assert sync().success


def test_failed_run_leaves_no_threads(against: Callable[[str], None], sync: Sync) -> None:
    """A page fails while others are in flight, which must not outlive the run."""

    def one_fails(number: int, path: str, line: sent.Line) -> None:
        if "offset=0" in path:
            line.answer(sent.page(path).replace(b'"total": 30', b'"total": 3000'))
        elif number < 4:
            sent.nothing_at_all(number, path, line)
        else:
            line.answer(b"no", status="404 Not Found")

    with hostile(one_fails) as base_url:
        against(base_url)
        result = sync()

    assert not result.success
    assert [thread.name for thread in threading.enumerate() if "page" in thread.name] == []
    assert failure_of(result)
