"""The built-in profiles, and the one in the documentation."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.profiles import built_in_profiles, load_profile
from helpdesk_assets.profiles.client import secrets_of
from helpdesk_assets.sandbox.desk import Desk, Ticket
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import API_KEY, PROJECT, SETTINGS, Warehouse, error_of
from helpdesk_assets_tests.vendors.standin import all_standins

Sync = Callable[[], dg.ExecuteInProcessResult]


def test_each_built_in_profile_is_tested_and_names_its_documentation() -> None:
    names = [name for name in built_in_profiles() if name != "default"]

    assert names == sorted(all_standins())
    assert all(load_profile(name).documentation for name in names)


def test_profile_in_the_documentation_loads_its_api(
    sync: Sync, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT / "docs" / "your-own-help-desk.md").read_text()
    (written,) = re.findall(r"```yaml\n(client:.*?)```", page, re.S)
    assert len(written.splitlines()) < 20

    def row(ticket: Ticket) -> dict[str, Any]:
        return {
            "number": ticket["id"],
            "title": ticket["subject"],
            "state": {"code": 7, "name": ticket["status"]},
            "opened": ticket["created_at"],
        }

    desk = Desk(321)

    async def cases(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return JSONResponse({"error": "no"}, status_code=401)
        page, size = (int(request.query_params[name]) for name in ("page", "size"))
        rows, total = desk.page(page * size, size)
        return JSONResponse({"result": {"count": total, "cases": [row(each) for each in rows]}})

    file = tmp_path / "desk.yaml"
    file.write_text(written)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    monkeypatch.setenv("API_KEY", API_KEY)
    monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
    with serve(Starlette(routes=[Route("/cases", cases)])) as base_url:
        monkeypatch.setenv("SOURCES__HELP_DESK__BASE_URL", base_url)
        result = sync()

    assert result.success, error_of(result)
    assert warehouse.tickets() == [
        (ticket["id"], ticket["subject"], ticket["status"]) for ticket in desk.tickets
    ]
    assert warehouse.query("select distinct state__code from help_desk.help_desk_tickets") == [(7,)]


def test_documentation_lists_the_built_in_profiles() -> None:
    text = (PROJECT / "docs" / "profiles.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(\.\./helpdesk_assets/profiles/\1\.yaml\) ", text, re.M)

    assert sorted(listed) == built_in_profiles()
    for name in built_in_profiles():
        client = load_profile(name).client
        (line,) = [line for line in text.splitlines() if line.startswith(f"| [{name}]")]
        assert [secret.upper() for secret in secrets_of(client)] == re.findall(r"`([A-Z_]+)`", line)
