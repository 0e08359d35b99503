"""Refresh tokens: the newest one is kept after any interruption, and stays secret."""

import json
import os
import resource
import signal
import stat
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from requests import Request

from helpdesk_assets.cli.main import main
from helpdesk_assets.errors import NoTokenError
from helpdesk_assets.profiles.client import RefreshTokenAuth
from helpdesk_assets.transport.authentication import authentication
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.retries import RetryPolicy
from helpdesk_assets.transport.session import HelpDeskSession
from helpdesk_assets_tests.conftest import (
    BIN,
    SETTINGS,
    Warehouse,
    error_of,
    everything_logged,
)
from helpdesk_assets_tests.support.leaks import hits
from helpdesk_assets_tests.support.oauth import SECRETS, TICKETS, TokenDesk, profile, serving

CHECK = ("python", "-m", "helpdesk_assets", "check")
Sync = Callable[[], dg.ExecuteInProcessResult]
Check = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def desk(
    tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TokenDesk]:
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", profile(tmp_path / "desk.yaml"))
    monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with serving() as served:
        monkeypatch.setenv(SETTINGS[0], served.url)
        yield served


def folder() -> Path:
    return Path(os.environ["DLT_DATA_DIR"]) / "helpdesk_assets"


def stored() -> dict[str, object]:
    (file,) = folder().glob("*.json")
    content: dict[str, object] = json.loads(file.read_text())
    return content


def used(desk: TokenDesk) -> list[str]:
    """Return the refresh tokens that were used, in order."""
    return [form["refresh_token"] for _, _, form in desk.posts]


def session_of(desk: TokenDesk, base_url: str = "", **changed: str) -> HelpDeskSession:
    """Return a session of this process."""
    secrets = {name.lower(): value for name, value in SECRETS.items()}
    redaction = Redaction(*secrets.values())
    made = HelpDeskSession(redaction, RetryPolicy(request_backoff_factor=0.01))
    named = {name: f'dlt.secrets["{name}"]' for name in secrets if name != "account"}
    auth = RefreshTokenAuth.model_validate(
        {"type": "oauth2_refresh_token", "access_token_url": "/oauth/token", **named, **changed}
    )
    made.auth = authentication(
        auth,
        base_url=base_url or f"{desk.url}/",
        secret=secrets.__getitem__,
        redaction=redaction,
        session=made.token_session,
    )
    return made


def read(desk: TokenDesk, session: HelpDeskSession) -> int:
    request = Request("GET", f"{desk.url}/v1/tickets?offset=0&limit=10").prepare()
    return len(session.send(request, "offset 0").rows)


def test_runs_share_a_token_until_it_is_rejected(
    desk: TokenDesk, sync: Sync, warehouse: Warehouse
) -> None:
    for _ in range(2):
        result = sync()
        assert result.success, error_of(result)
    # The access token becomes invalid, as if it had been revoked.
    desk.access = "another"
    assert sync().success

    assert len(warehouse.tickets()) == TICKETS
    assert used(desk) == ["planted-refresh-0", "planted-refresh-1"]
    assert stored()["refresh_token"] == desk.refresh == "planted-refresh-2"
    assert {headers["X-Account"] for headers in desk.gets} == {"account planted-account"}
    (_, _, form), *_ = desk.posts
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "planted-refresh-0",
        "client_id": "planted-client",
        "client_secret": "planted-secret",
    }


def test_stored_tokens_are_readable_only_by_their_owner(desk: TokenDesk) -> None:
    before = os.umask(0)
    try:
        read(desk, session_of(desk))
    finally:
        os.umask(before)

    assert stat.S_IMODE(folder().stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder().iterdir()} == {0o600}


def test_token_survives_a_kill_before_its_use(desk: TokenDesk, check: Check) -> None:
    desk.may_answer.clear()
    with subprocess.Popen([str(BIN / CHECK[0]), *CHECK[1:]], stdout=subprocess.PIPE) as process:
        assert desk.asked.wait(60)
        process.send_signal(signal.SIGKILL)
    desk.may_answer.set()
    desk.access = "another"
    finished = check()

    assert process.returncode == -signal.SIGKILL
    assert finished.returncode == 0, finished.stdout
    assert used(desk) == ["planted-refresh-0", "planted-refresh-1"]


def test_token_survives_a_kill_during_its_renewal(
    desk: TokenDesk, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.may_issue.clear()
    with subprocess.Popen([str(BIN / CHECK[0]), *CHECK[1:]], stdout=subprocess.PIPE) as process:
        assert desk.issued.wait(60)
        process.send_signal(signal.SIGKILL)
    desk.may_issue.set()
    lost = check()
    # As with vendors that accept the previous token for a while.
    desk.refresh = SECRETS["REFRESH_TOKEN"]
    accepted = check()
    desk.refresh, desk.access = "planted-again-0", "another"
    monkeypatch.setenv("REFRESH_TOKEN", "planted-again-0")
    again = check()

    assert "was lost by a process that was killed, or" in lost.stdout
    assert "authorize again, and set SOURCES__HELP_DESK__REFRESH_TOKEN" in lost.stdout
    assert accepted.returncode == 0, accepted.stdout
    assert again.returncode == 0, again.stdout


def test_token_survives_an_interrupt_during_its_renewal(desk: TokenDesk) -> None:
    desk.may_issue.clear()
    with subprocess.Popen(
        [str(BIN / CHECK[0]), *CHECK[1:]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert desk.issued.wait(60)
        process.send_signal(signal.SIGINT)
        desk.may_issue.set()
        process.wait(60)

    assert process.returncode != 0
    assert desk.gets == []
    assert stored()["refresh_token"] == desk.refresh


def test_token_survives_a_stop_during_its_renewal(desk: TokenDesk) -> None:
    desk.may_issue.clear()
    session = session_of(desk)
    failed: list[Exception] = []

    def ask() -> None:
        try:
            read(desk, session)
        except Exception as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert desk.issued.wait(10)
    session.stop()
    desk.may_issue.set()
    asking.join(10)

    assert len(failed) == 1
    assert desk.gets == []
    assert stored()["refresh_token"] == desk.refresh


def test_token_survives_a_kill_before_its_file_was_moved(desk: TokenDesk) -> None:
    read(desk, session_of(desk))
    (file,) = folder().glob("*.json")
    older = file.read_text().replace(desk.refresh, SECRETS["REFRESH_TOKEN"])
    file.with_suffix(".new").write_text(file.read_text() + " " * 100)
    file.write_text(older)
    desk.access = "another"
    read(desk, session_of(desk))
    # The file is incomplete, as after a kill while it was written.
    file.with_suffix(".new").write_text(" " * 100)
    desk.access = "another"
    read(desk, session_of(desk))

    assert used(desk) == ["planted-refresh-0", "planted-refresh-1", "planted-refresh-2"]
    assert not file.with_suffix(".new").exists()


def test_parallel_processes_share_a_token(desk: TokenDesk) -> None:
    desk.may_issue.clear()
    command_line = [str(BIN / CHECK[0]), *CHECK[1:]]
    with (
        subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) as second,
    ):
        for process in (first, second):
            assert process.stdout
            # The last step before a token is needed.
            while not process.stdout.readline().startswith("ok      address"):
                assert process.poll() is None
        assert desk.issued.wait(60)
        desk.issued.clear()
        # The second process waits for the first one, and does not request a token itself.
        assert not desk.issued.wait(1)
        desk.may_issue.set()
        printed = [process.communicate(timeout=60)[0] for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], printed
    assert used(desk) == ["planted-refresh-0"]


def test_threads_renew_a_rejected_token_once(desk: TokenDesk) -> None:
    sessions = [session_of(desk) for _ in range(4)]
    for session in sessions:
        read(desk, session)
    desk.access = "another"
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda session=session: found.append(read(desk, session)))
        for session in sessions
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == [10] * 8
    assert used(desk) == ["planted-refresh-0", "planted-refresh-1"]


def test_new_token_in_the_configuration_is_used(
    desk: TokenDesk, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check().returncode == 0
    desk.refresh, desk.access = "planted-again-0", "another"
    rejected = check()
    assert "rejected the refresh token (HTTP 400), which has expired" in rejected.stdout
    monkeypatch.setenv("REFRESH_TOKEN", "planted-again-0")
    finished = check()

    assert finished.returncode == 0, finished.stdout
    assert used(desk) == ["planted-refresh-0", "planted-refresh-1", "planted-again-0"]
    # The tokens that descend from the previous one are kept.
    assert len(list(folder().glob("*.json"))) == 2


def test_permanent_refresh_token_is_used_again(desk: TokenDesk) -> None:
    desk.rotates = False
    read(desk, session_of(desk))
    desk.access = "another"
    read(desk, session_of(desk))

    assert used(desk) == ["planted-refresh-0"] * 2


@pytest.mark.parametrize(
    ("expires", "renewals"),
    [
        ({"expires_in": -1}, 1),
        ({"expires_in": "3600"}, 1),
        ({"expires_in": None}, 1),
        ({"expires_in": "soon", "expires_at": 4102444800}, 1),
        ({"expires_in": 1e400}, 1),
        ({}, 1),
        ({"expires_in": 0.0001}, 2),
        ({"expires_at": 1, "expires_in": 0.0001}, 2),
    ],
)
def test_expiry_is_read_from_responses(
    expires: dict[str, object], renewals: int, desk: TokenDesk
) -> None:
    desk.expires = expires
    read(desk, session_of(desk))
    read(desk, session_of(desk))

    assert len(desk.posts) == renewals


def test_path_of_a_token_url_follows_the_base_url(desk: TokenDesk) -> None:
    read(desk, session_of(desk, f"{desk.url}/desks/eu/"))

    assert [path for path, _, _ in desk.posts] == ["/desks/eu/oauth/token"]


def test_token_can_be_requested_from_another_host(desk: TokenDesk) -> None:
    with serving() as other:
        session = session_of(desk, access_token_url=f"{other.url}/login/token")
        desk.access = "planted-access-1"
        read(desk, session)

        assert [path for path, _, _ in other.posts] == ["/login/token"]
    assert desk.posts == []


def test_client_can_be_authenticated_in_a_header(desk: TokenDesk) -> None:
    read(desk, session_of(desk, client_authentication="basic"))
    ((path, headers, form),) = desk.posts

    assert path == "/oauth/token"
    expected = b64encode(b"planted-client:planted-secret").decode()
    assert headers["Authorization"] == f"Basic {expected}"
    assert form == {"grant_type": "refresh_token", "refresh_token": "planted-refresh-0"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": "invalid_grant"}, "rejected the refresh token (HTTP 400)"),
        (403, {"error": "invalid_grant"}, "rejected the refresh token (HTTP 403)"),
        (200, {"error": "invalid_code"}, "rejected the refresh token (HTTP 200)"),
        (400, {"status": "BAD_REFRESH_TOKEN"}, "rejected the refresh token (HTTP 400)"),
        (401, {"error": "invalid_client"}, "rejected the client id and secret (HTTP 401)"),
        (400, {"error": "unauthorized_client"}, "rejected the client id and secret (HTTP 400)"),
        (
            400,
            {"error": "Access Denied", "error_description": "planted-secret: too many requests"},
            "rejected the request for a token (HTTP 400): compare auth in the profile with the "
            'API\'s documentation (it responded: "[redacted]: too many requests")',
        ),
        (503, {}, "could not answer, even after retries (HTTP 503): run again later"),
        (200, {}, "contains none: check access_token_url in the profile"),
        (200, {"access_token": 7}, "contains none: check access_token_url in the profile"),
    ],
)
def test_rejected_token_requests_are_reported(
    status: int, body: dict[str, object], expected: str, desk: TokenDesk
) -> None:
    desk.refuses = status, body
    with pytest.raises(NoTokenError) as refused:
        read(desk, session_of(desk))
    message = str(refused.value)

    assert expected in message
    assert desk.gets == []
    if "rejected the refresh token" in expected:
        assert f"that does not share the folder {folder()}: authorize again, and set " in message
        assert "SOURCES__HELP_DESK__REFRESH_TOKEN to the new refresh token" in message


def test_help_desks_have_separate_refresh_tokens(
    desk: TokenDesk, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__EU__PROFILE", os.environ["SOURCES__HELP_DESK__PROFILE"])
    monkeypatch.setenv("SOURCES__EU__BASE_URL", desk.url)
    desk.refuses = 400, {"error": "invalid_grant"}

    assert "set SOURCES__EU__REFRESH_TOKEN to the new" in check("--desk", "eu").stdout


def test_token_is_not_used_if_the_next_one_cannot_be_stored(desk: TokenDesk, check: Check) -> None:
    Path(os.environ["DLT_DATA_DIR"]).write_text("a file, as nothing is writable to root")
    finished = check()

    assert finished.returncode == 1
    assert f"cannot be stored in {folder()} (Not a directory): set DLT_DATA_DIR" in finished.stdout
    assert "host" not in finished.stdout.split()
    assert desk.posts == []


def test_token_is_not_used_if_the_disk_is_full(desk: TokenDesk) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(NoTokenError, match=r"\(No space left on device\): set DLT_DATA_DIR"):
            read(desk, session_of(desk))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert desk.posts == []
    assert list(folder().glob("*.new")) == []


def test_token_is_not_used_if_the_folder_is_temporary(
    desk: TokenDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlt.common.runtime.run_context.global_dir", lambda: str(tmp_path))
    monkeypatch.delenv("DLT_DATA_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NoTokenError, match=r"a temporary folder, .*: set DLT_DATA_DIR to"):
        read(desk, session_of(desk))

    assert desk.posts == []


def test_damaged_file_is_reported(desk: TokenDesk) -> None:
    read(desk, session_of(desk))
    (file,) = folder().glob("*.json")
    file.write_text("")
    with pytest.raises(NoTokenError, match=f"{file} is damaged"):
        read(desk, session_of(desk))

    assert len(desk.posts) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_secrets_are_only_in_the_store(
    fails: bool,
    desk: TokenDesk,
    sync: Sync,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    if fails:
        desk.refuses = 400, {"error": "invalid_grant", "error_description": "planted-refresh-0"}
    with caplog.at_level("DEBUG"):
        result = sync()
        # The access token becomes invalid, as if it had been revoked.
        desk.access = "another"
        assert main(["check"]) == fails
    printed = capfd.readouterr()

    assert result.success is not fails
    assert {file.parent for file in tmp_path.rglob("*.json") if "planted" in file.read_text()} == (
        set() if fails else {folder()}
    )
    for file in folder().glob("*.json"):
        file.unlink()
    logged = caplog.text + printed.out + printed.err + everything_logged(instance, result)
    basic = b64encode(b"planted-client:planted-secret").decode()
    assert hits({"planted", basic}, folder=tmp_path, printed=logged) == []
