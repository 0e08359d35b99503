"""Tokens: renewed when they are rejected, and requested from the URL in the profile."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests import HTTPError, PreparedRequest, Request

from helpdesk_assets.errors import NoTokenError
from helpdesk_assets.profiles.client import Client, ClientCredentialsAuth, secrets_of
from helpdesk_assets.resources.alerts import _post
from helpdesk_assets.transport.authentication import authentication
from helpdesk_assets.transport.redaction import Redaction
from helpdesk_assets.transport.retries import RetryPolicy
from helpdesk_assets.transport.session import HelpDeskSession

SECRETS = {"id": "client", "secret": "planted"}


class Api(BaseHTTPRequestHandler):
    """Accepts only the newest token, and none if ``refuses`` is set."""

    server: "Server"

    def do_POST(self) -> None:
        self.server.tokens += 1
        self.server.headers.append(dict(self.headers))
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.bodies.append(dict(parse_qs(body)))
        if self.server.redirects:
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return
        token = f"token-{self.server.tokens}"
        self._send({"access_token": token, "token_type": "bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        self.server.asked += 1
        newest = f"{self.server.prefix} token-{self.server.tokens}"
        if self.server.refuses or self.headers.get("Authorization") != newest:
            self._send({"error": "no"}, 401)
            return
        offset = int(parse_qs(urlsplit(self.path).query)["offset"][0])
        self._send({"data": [{"id": offset}], "total": 1})

    def _send(self, body: object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.tokens = self.asked = 0
        self.refuses = self.redirects = False
        self.prefix = "Bearer"
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, list[str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def session(server: Server) -> HelpDeskSession:
    redaction = Redaction(*SECRETS.values())
    made = HelpDeskSession(redaction, RetryPolicy(request_backoff_factor=0.01))
    auth = ClientCredentialsAuth(
        type="oauth2_client_credentials",
        access_token_url=f"{server.url}/token",
        client_id='dlt.secrets["id"]',
        client_secret='dlt.secrets["secret"]',
    )
    made.auth = authentication(
        auth,
        base_url=server.url,
        secret=SECRETS.__getitem__,
        redaction=redaction,
        session=made.token_session,
    )
    return made


def page_at(server: Server, offset: int) -> PreparedRequest:
    return Request("GET", f"{server.url}/tickets?offset={offset}").prepare()


def test_token_rejected_before_its_expiry_is_renewed_once(
    server: Server, session: HelpDeskSession
) -> None:
    assert session.send(page_at(server, 0), "offset 0").rows == [{"id": 0}]
    # The token becomes invalid, as if it had been revoked.
    server.tokens += 1
    assert session.send(page_at(server, 1), "offset 1").rows == [{"id": 1}]

    assert (server.tokens, server.asked) == (3, 3)
    assert session.requests == 5


def test_rejected_client_fails_after_one_renewal(server: Server, session: HelpDeskSession) -> None:
    server.refuses = True
    with pytest.raises(HTTPError, match="401"):
        session.send(page_at(server, 0), "offset 0")

    assert (server.tokens, server.asked) == (2, 2)


def test_secrets_are_not_sent_to_the_target_of_a_redirected_token_request(
    server: Server, session: HelpDeskSession
) -> None:
    server.redirects = True
    with pytest.raises(NoTokenError, match="check access_token_url in the profile"):
        session.send(page_at(server, 0), "offset 0")

    assert server.tokens == 1


def test_password_in_a_netrc_file_is_never_sent(
    server: Server, session: HelpDeskSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password planted-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session.send(page_at(server, 0), "offset 0")
    _post(f"{server.url}/hook", {"title": "x"})

    assert len(server.headers) == 2
    assert all("Authorization" not in headers for headers in server.headers)
    # Without the session's precautions, it would be sent.
    requests.post(f"{server.url}/hook", json={}, timeout=5)
    assert "Authorization" in server.headers[-1]


def test_alert_is_posted_only_to_its_url(server: Server) -> None:
    server.redirects = True
    with pytest.raises(HTTPError):
        _post(f"{server.url}/hook", {"title": "x"})

    assert server.tokens == 1


def test_token_with_a_vendor_specific_prefix_url_and_grant_is_obtained(server: Server) -> None:
    # Zoho's tokens have a special prefix and come from a regional URL; GLPI issues them for a
    # password.
    secrets = {**SECRETS, "accounts_url": server.url, "password": "planted-password"}
    server.prefix = "Zoho-oauthtoken"
    redaction = Redaction(*secrets.values())
    made = HelpDeskSession(redaction, RetryPolicy(request_backoff_factor=0.01))
    auth = ClientCredentialsAuth(
        type="oauth2_client_credentials",
        access_token_url='dlt.secrets["accounts_url"]/oauth/v2/token',
        client_id='dlt.secrets["id"]',
        client_secret='dlt.secrets["secret"]',
        access_token_request_data={
            "grant_type": "password",
            "password": 'dlt.secrets["password"]',
        },
        token_prefix="Zoho-oauthtoken",
    )
    made.auth = authentication(
        auth,
        base_url="http://127.0.0.1:9",
        secret=secrets.__getitem__,
        redaction=redaction,
        session=made.token_session,
    )

    assert set(secrets_of(Client(auth=auth))) == set(secrets)
    assert made.send(page_at(server, 7), "offset 7").rows == [{"id": 7}]
    server.tokens += 1
    assert made.send(page_at(server, 8), "offset 8").rows == [{"id": 8}]
    assert [body["password"] for body in server.bodies] == [["planted-password"]] * 2
    assert [body["grant_type"] for body in server.bodies] == [["password"]] * 2
