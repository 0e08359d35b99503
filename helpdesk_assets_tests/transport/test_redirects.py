"""Redirects that are followed with the key, and others."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
from requests import PreparedRequest, Request, Response
from starlette.requests import Request as Asked
from starlette.responses import RedirectResponse
from starlette.responses import Response as Answered

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.sandbox.app import Answer
from helpdesk_assets.transport.redirects import redirected
from helpdesk_assets_tests.conftest import API_KEY, Sandbox, Warehouse, at_length, error_of


def following(url: str, location: str) -> PreparedRequest:
    """Return the request for a redirect."""
    request = Request("GET", url, headers={"Authorization": "Bearer key"}).prepare()
    response = Response()
    response.status_code = 301
    response.headers["Location"] = location
    return redirected(request, response)


@pytest.mark.parametrize(
    ("url", "location", "to"),
    [
        ("http://desk/v1/tickets?a=1", "/v1/tickets/?a=1", "http://desk/v1/tickets/?a=1"),
        ("http://desk/v1/tickets", "tickets/", "http://desk/v1/tickets/"),
        ("http://desk/v1/tickets", "//desk/v2", "http://desk/v2"),
        ("http://desk:80/v1", "http://desk/v2", "http://desk/v2"),
        ("http://Desk/v1", "http://dESK/v2", "http://dESK/v2"),
        ("http://desk/v1", "https://desk/v1", "https://desk/v1"),
        ("http://desk:8080/v1", "https://desk/v1", "https://desk/v1"),
        ("https://desk:8443/v1", "https://desk:8443/v2#part", "https://desk:8443/v2"),
        ("http://desk/v1", "http://other@desk/v2", "http://desk/v2"),
        ("http://desk/v1", "?page=2", "http://desk/v1?page=2"),
    ],
)
def test_redirect_on_the_same_host_is_followed_with_the_key(
    url: str, location: str, to: str
) -> None:
    request = following(url, location)

    assert request.url == to
    assert request.headers["Authorization"] == "Bearer key"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://desk/v1", "http://desk/v1"),
        ("https://desk/v1", "https://desk.example/v1"),
        ("https://desk/v1", "https://desk:8443/v1"),
        ("http://desk/v1", "http://desk:8080/v1"),
        ("https://desk/v1", "//other/v1"),
        ("https://desk/v1", "https://desk@other/v1"),
        ("https://desk/v1", "ftp://desk/v1"),
        ("https://desk/v1", "file:///etc/passwd"),
        ("https://desk/v1", "http://[::1/"),
        ("https://desk/v1", "https://desk:port/"),
        ("https://desk/v1", "https://\x1b[31mother/"),
    ],
)
def test_redirect_to_another_host_is_rejected(url: str, location: str) -> None:
    with pytest.raises(UnusableAnswerError) as refused:
        following(url, location)

    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("status", at_length([301, 302, 303, 307, 308], short=[301, 307]))
def test_redirected_list_is_read_completely(
    status: int,
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
    warehouse: Warehouse,
) -> None:
    """Even if the redirect omits the key, which is common."""

    async def moved(request: Asked, answer: Answer) -> Answered:
        query = parse_qs(request.url.query)
        if "moved" in query:
            return await answer(request)
        kept = "&".join(f"{name}={query[name][0]}" for name in ("limit", "offset"))
        return RedirectResponse(f"{request.url.path}?{kept}&moved=1", status)

    desk = sandbox(fault=moved)
    connect(desk)
    sync()

    assert len(warehouse.tickets()) == 250
    assert {query.get("api_key") for query in desk.queries} == {API_KEY}


def test_endless_redirects_fail(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
) -> None:
    async def again(request: Asked, answer: Answer) -> Answered:
        return RedirectResponse(urlsplit(str(request.url)).path)

    desk = sandbox(fault=again)
    connect(desk)

    assert "redirects more than 5 times for offset 0" in error_of(sync())
    assert len(desk.queries) == 6
