"""A help desk that issues tokens. Each refresh token can be used once, as at Zendesk and Jira."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from helpdesk_assets.profiles import BUILT_IN

TICKETS = 250
SECRETS = {
    "CLIENT_ID": "planted-client",
    "CLIENT_SECRET": "planted-secret",
    "REFRESH_TOKEN": "planted-refresh-0",
    "ACCOUNT": "planted-account",
}
CLIENT = """\
client:
  headers: {X-Account: 'account dlt.secrets["account"]'}
  auth:
    type: oauth2_refresh_token
    access_token_url: /oauth/token
    client_id: dlt.secrets["client_id"]
    client_secret: dlt.secrets["client_secret"]
    refresh_token: dlt.secrets["refresh_token"]
"""


def profile(file: Path, client: str = CLIENT) -> str:
    """Write the default profile with another client section; return its path."""
    text = (BUILT_IN / "default.yaml").read_text()
    file.write_text(client + text[text.index("resource_defaults:") :])
    return str(file)


class _Api(BaseHTTPRequestHandler):
    server: "TokenDesk"

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        with self.server.lock:
            self.server.posts.append(
                (self.path, dict(self.headers), {name: value for name, (value,) in form.items()})
            )
            status, body = self.server.issue(form.get("refresh_token", [""])[0])
        self.server.issued.set()
        self.server.may_issue.wait(30)
        self._send(status, body)

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.gets.append(dict(self.headers))
            is_allowed = self.headers.get("Authorization") == f"Bearer {self.server.access}"
        self.server.asked.set()
        self.server.may_answer.wait(30)
        if self.server.redirects_to:
            self.send_response(302)
            self.send_header("Location", f"{self.server.redirects_to}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if not (is_allowed or self.server.is_open):
            self._send(401, {"error": "invalid_token"})
            return
        query = parse_qs(urlsplit(self.path).query)
        first, limit = int(query["offset"][0]), int(query["limit"][0])
        rows = [
            {"id": id, "subject": "x", "status": "open", "created_at": "2026-01-01T00:00:00Z"}
            for id in range(first, min(first + limit, TICKETS))
        ]
        self._send(200, {"data": rows, "total": TICKETS})

    def _send(self, status: int, body: Mapping[str, object]) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            """Whoever asked has been killed."""

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


class TokenDesk(ThreadingHTTPServer):
    """The server, and the requests that it received.

    Attributes:
        refresh, access: the only valid tokens.
        rotates: whether a refresh token can be used once only.
        expires: the fields of a response that state its expiry.
        refuses: the status and the body of the response in place of tokens.
        is_open: whether any request may read tickets.
        redirects_to: where requests for tickets are redirected.
        posts: path, headers and form of each request for a token.
        gets: the headers of each request for tickets.
        issued, asked: set when a token was issued, and when tickets were requested.
        may_issue, may_answer: cleared to hold the responses back.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.refresh, self.access = SECRETS["REFRESH_TOKEN"], ""
        self.rotates, self.is_open, self.redirects_to = True, False, ""
        self.expires: Mapping[str, object] = {"expires_in": 3600}
        self.refuses: tuple[int, Mapping[str, object]] | None = None
        self.posts: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.gets: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.issued, self.asked = threading.Event(), threading.Event()
        self.may_issue, self.may_answer = threading.Event(), threading.Event()
        self.may_issue.set()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def issue(self, refresh: str) -> tuple[int, Mapping[str, object]]:
        if self.refuses:
            return self.refuses
        if refresh != self.refresh:
            return 400, {"error": "invalid_grant", "error_description": f"{refresh} is unknown"}
        number = len(self.posts)
        self.access = f"planted-access-{number}"
        if self.rotates:
            self.refresh = f"planted-refresh-{number}"
        return 200, {
            "access_token": self.access,
            "refresh_token": self.refresh,
            "token_type": "bearer",
            **self.expires,
        }


@contextmanager
def serving() -> Iterator[TokenDesk]:
    """Serve a desk inside a ``with`` block."""
    with TokenDesk() as desk:
        threading.Thread(target=desk.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield desk
        finally:
            desk.may_issue.set()
            desk.may_answer.set()
            desk.shutdown()
