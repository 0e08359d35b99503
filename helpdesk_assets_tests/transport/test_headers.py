"""Profiles without authentication, and secrets in headers, which are sent only to the API."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import SETTINGS, Warehouse, error_of, everything_logged
from helpdesk_assets_tests.support.oauth import (
    CLIENT,
    SECRETS,
    TICKETS,
    TokenDesk,
    profile,
    serving,
)

OPEN = "client: {}\n"
BY_HEADERS = """\
client:
  headers:
    X-Key: dlt.secrets["client_secret"]
    X-Account: 'Account dlt.secrets["client_id"]/dlt.secrets["account"]'
    Accept: application/json
"""
Sync = Callable[[], dg.ExecuteInProcessResult]
Check = Callable[..., "subprocess.CompletedProcess[str]"]
Open = Callable[..., TokenDesk]


@pytest.fixture
def open_desk(
    tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Serve a help desk, and configure runs to load from it."""
    with ExitStack() as served:

        def start(client: str, *, is_open: bool = True) -> TokenDesk:
            desk = served.enter_context(serving())
            desk.is_open = is_open
            monkeypatch.setenv(
                "SOURCES__HELP_DESK__PROFILE", profile(tmp_path / "desk.yaml", client)
            )
            monkeypatch.setenv(SETTINGS[0], desk.url)
            monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
            for name, value in SECRETS.items():
                monkeypatch.setenv(name, value)
            return desk

        yield start


def test_requests_without_auth_have_only_the_headers_of_the_profile(
    open_desk: Open,
    sync: Sync,
    check: Check,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password planted-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    desk = open_desk(OPEN)
    assert check().stdout.count("none is needed") == 1
    result = sync()

    assert result.success, error_of(result)
    assert len(warehouse.tickets()) == TICKETS
    assert not any("Authorization" in headers for headers in desk.gets)


def test_missing_authentication_is_reported(open_desk: Open, sync: Sync, check: Check) -> None:
    open_desk(OPEN, is_open=False)

    assert "requires authentication (HTTP 401): add auth to client in its profile" in error_of(
        sync()
    )
    assert "FAILED  key       The help desk at" in check().stdout


def test_secrets_are_filled_into_headers(
    open_desk: Open, sync: Sync, check: Check, instance: dg.DagsterInstance
) -> None:
    desk = open_desk(BY_HEADERS)
    result = sync()
    assert result.success, error_of(result)
    assert "key       accepted" in check().stdout

    sent = {(each["X-Key"], each["X-Account"], each["Accept"]) for each in desk.gets}
    assert sent == {
        ("planted-secret", "Account planted-client/planted-account", "application/json")
    }
    assert "planted" not in everything_logged(instance, result)


def test_missing_secret_of_a_header_is_reported(
    open_desk: Open, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(BY_HEADERS)
    monkeypatch.delenv("ACCOUNT")

    assert "The help desk's secret account is missing: set ACCOUNT" in error_of(sync())
    assert desk.gets == []


def test_rejected_header_is_reported_with_the_names_of_its_secrets(
    open_desk: Open, sync: Sync
) -> None:
    open_desk(BY_HEADERS, is_open=False)

    assert "(HTTP 401): set CLIENT_SECRET and CLIENT_ID and ACCOUNT, or" in error_of(sync())


def test_error_message_for_an_invalid_secret_does_not_contain_it(
    open_desk: Open, sync: Sync, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(BY_HEADERS)
    monkeypatch.setenv("ACCOUNT", "planted\nin two lines")
    result = sync()

    assert "The help desk's secret account contains a line break or" in error_of(result)
    assert desk.gets == []
    logged = everything_logged(instance, result)
    assert "planted" not in logged
    assert "in two lines" not in logged


def test_headers_are_not_sent_to_the_target_of_a_redirect(
    open_desk: Open, sync: Sync, instance: dg.DagsterInstance
) -> None:
    other = open_desk(BY_HEADERS)
    desk = open_desk(BY_HEADERS)
    desk.redirects_to = other.url
    result = sync()

    assert "redirects to http://127.0.0.1, which must not receive the API key" in error_of(result)
    assert other.gets == []
    assert "planted" not in everything_logged(instance, result)


def test_headers_are_not_sent_with_token_requests(open_desk: Open, sync: Sync) -> None:
    desk = open_desk(CLIENT, is_open=False)
    assert sync().success
    ((_, headers, _),) = desk.posts

    assert "X-Account" not in headers
    assert {each["X-Account"] for each in desk.gets} == {"account planted-account"}
