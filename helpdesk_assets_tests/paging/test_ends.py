"""If each page names the next one, the end of the list must be indicated correctly."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from helpdesk_assets.sandbox.server import serve
from helpdesk_assets.transport.links import linked
from helpdesk_assets_tests.conftest import SETTINGS, Warehouse, at_length, error_of

Sync = Callable[[], dg.ExecuteInProcessResult]
Check = Callable[..., subprocess.CompletedProcess[str]]

PROFILE = """\
client:
  auth: {{type: bearer, token: 'dlt.secrets["api_key"]'}}
resources:
  - name: help_desk_tickets
    endpoint:
      path: /tickets
      params: {params}
      data_selector: data
      paginator: {paginator}
    fields: {{id: id, subject: subject, status: status, created_at: created_at}}
"""


class Api:
    """A list of tickets whose pages name the next one.

    Args:
        tickets: the number of tickets.
        size: the number of rows per page.
        envelope: creates the body, or the response, from the rows and the cursor of the next page.
    """

    def __init__(
        self, tickets: int, envelope: Callable[[list[Any], str | None], Any], size: int = 100
    ) -> None:
        self._tickets = tickets
        self._envelope = envelope
        self._size = size
        self.requests = 0

    async def answer(self, request: Request) -> Response:
        self.requests += 1
        first = int(request.query_params.get("cursor", 0))
        end = first + self._size
        rows = [
            {"id": number, "subject": "s", "status": "open", "created_at": None}
            for number in range(first + 1, min(end, self._tickets) + 1)
        ]
        made = self._envelope(rows, str(end) if end < self._tickets else None)
        return made if isinstance(made, Response) else JSONResponse(made)

    @contextmanager
    def served(self) -> Iterator[str]:
        with serve(Starlette(routes=[Route("/tickets", self.answer)])) as base_url:
            yield base_url


Serve = Callable[..., Any]


@pytest.fixture
def served(
    tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Api, str, str], Any]:
    """Serve an API, with a profile that has the given paginator."""

    @contextmanager
    def start(api: Api, paginator: str, params: str = "{}") -> Iterator[None]:
        file = tmp_path / "desk.yaml"
        file.write_text(PROFILE.format(paginator=paginator, params=params))
        with api.served() as base_url:
            for name, value in zip(SETTINGS, (base_url, "key", str(warehouse.path)), strict=True):
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
            yield

    return start


def odata(rows: list[Any], following: str | None) -> Any:
    more = {"@odata.nextLink": f"/tickets?cursor={following}"} if following else {}
    return {"data": rows, **more}


def nulled(rows: list[Any], following: str | None) -> Any:
    return {"data": rows, "paging": {"next": following}}


def last_flag(rows: list[Any], following: str | None) -> Any:
    return {"data": rows, "isLast": following is None, "token": following}


def more_flag(rows: list[Any], following: str | None) -> Any:
    """Return a body as Zendesk's: there is always a cursor, and only the flag indicates the end."""
    end = rows[-1]["id"] if rows else 10**6
    return {"data": rows, "more": following is not None, "token": following or str(end)}


@pytest.mark.parametrize(
    ("envelope", "paginator", "expected"),
    [
        # A path that is split at its dot, one with a typo, and a flag with the opposite meaning.
        (
            odata,
            "{type: json_link, next_url_path: '@odata.nextLink'}",
            "rows without a link to the next page",
        ),
        (
            nulled,
            "{type: cursor, cursor_path: pagings.next}",
            "rows without a link to the next page",
        ),
        (nulled, "{type: cursor, cursor_path: paging.nxt}", "rows without a link to the next page"),
        (
            last_flag,
            "{type: cursor, cursor_path: token, has_more_path: isLast}",
            "may refer to a flag with the opposite meaning",
        ),
    ],
)
def test_unclear_end_of_a_list_fails_the_run_and_the_check(
    envelope: Any, paginator: str, expected: str, served: Serve, sync: Sync, check: Check
) -> None:
    with served(Api(250, envelope), paginator):
        sentence = error_of(sync())
        checked = check()

    assert expected in sentence
    assert "The table is as it was before." in sentence
    assert checked.returncode == 1
    assert expected in checked.stdout


@pytest.mark.parametrize("tickets", at_length([0, 7, 100, 101, 250], short=[0, 250]))
@pytest.mark.parametrize(
    ("envelope", "paginator"),
    [
        (odata, "{type: json_link, next_url_path: \"['@odata.nextLink']\"}"),
        (nulled, "{type: cursor, cursor_path: paging.next}"),
        (nulled, "{type: cursor, cursor_path: \"$.paging['next']\"}"),
        (more_flag, "{type: cursor, cursor_path: token, has_more_path: more}"),
    ],
)
def test_end_of_a_list_is_recognized_by_link_cursor_or_flag(
    tickets: int,
    envelope: Any,
    paginator: str,
    served: Serve,
    sync: Sync,
    warehouse: Warehouse,
) -> None:
    # OData omits the link at the end, so the page size has to be known.
    known = "{limit: 101}" if envelope is odata else "{}"
    with served(Api(tickets, envelope), paginator, known):
        assert sync().success

    assert len(warehouse.tickets()) == tickets


def test_requested_page_size_determines_whether_a_page_is_full(
    served: Serve, sync: Sync, warehouse: Warehouse
) -> None:
    # 20 rows of 100 are not a full page, although 20 is a round number.
    with served(Api(20, odata), "{type: json_link, next_url_path: next}", "{per_page: 100}"):
        assert sync().success
    with served(Api(20, odata, size=20), "{type: json_link, next_url_path: next}", "{top: 20}"):
        assert "a full first page of 20 rows" in error_of(sync())

    assert len(warehouse.tickets()) == 20


@pytest.mark.parametrize(
    "header",
    at_length(
        [
            '<{}>; rel="next"',
            "<{}>; Rel=next",
            '<{}>; REL="NEXT"',
            '<{}>; rel="last next"',
            '<{}>;rel = "next"; title="a; b, c"',
            '</tickets?cursor=0>; rel="first", <{}>; title="x\\"y"; rel="next"',
            '</self>; rel="next"; anchor="/other", <{}>; rel="next"',
            '<{}>; type="text/html"; rel=next',
        ],
        short=['<{}>; rel="next"', '<{}>;rel = "next"; title="a; b, c"'],
    ),
)
def test_link_headers_are_parsed_according_to_rfc_8288(
    header: str, served: Serve, sync: Sync, warehouse: Warehouse
) -> None:
    def envelope(rows: list[Any], following: str | None) -> Response:
        # A URL may contain the separators of links and parameters.
        address = f"/tickets?cursor={following}&columns=a;b,c"
        headers = {"Link": header.replace("{}", address)} if following else {}
        return JSONResponse({"data": rows}, headers=headers)

    with served(Api(250, envelope), "{type: header_link}"):
        assert sync().success

    assert len(warehouse.tickets()) == 250


@pytest.mark.parametrize(
    "header",
    [
        "",
        "next",
        '<a>; rel="nextish"',
        '<a>; title="rel=next"',
        '<a>; rel="prev"; rel="next"',
        '<a; rel="next"',
        "<" * 50_000,
        "<a>" + '; rel="' * 20_000,
        "<a>" + ";" * 50_000,
    ],
)
def test_header_without_a_next_page_contains_no_link(header: str) -> None:
    assert linked(header, "next") is None
