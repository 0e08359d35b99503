"""Feeds random input to everything that parses untrusted data. See `make fuzz`.

Each parser may only raise its own errors. Any other error ends the program, with the input.
"""

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import PreparedRequest, Request, RequestException, Response
from requests.structures import CaseInsensitiveDict

from helpdesk_assets.errors import UnusableAnswerError
from helpdesk_assets.paging.positions import ChainPaging
from helpdesk_assets.paging.requests import PageRequests
from helpdesk_assets.profiles import BUILT_IN, load_profile
from helpdesk_assets.shown import MOST, shown
from helpdesk_assets.tables.columns import OtherColumns, typed_columns
from helpdesk_assets.tables.times import FORMATS, Times
from helpdesk_assets.transport.links import linked
from helpdesk_assets.transport.pages import Page, PageFormat
from helpdesk_assets.transport.redirects import redirected
from helpdesk_assets.transport.unpacking import Unpacker
from helpdesk_assets.transport.waits import HEADERS, seconds_asked

# Number of inputs for a parser before the next parser.
AT_ONCE = 200
HOME = "https://desk.example"
PROFILES = [file.read_text() for file in sorted(BUILT_IN.glob("*.yaml"))]

Scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
Values = st.recursive(
    Scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
Bodies = st.binary() | st.builds(
    lambda value, cut: json.dumps(value).encode()[: cut or None],
    st.fixed_dictionaries(
        {"data": st.lists(st.dictionaries(st.text(), Values), max_size=4) | Values},
        optional={"total": Values, "has_more": Values, "next": Values},
    ),
    st.integers(0, 200),
)
# The alphabet of URLs and headers, so that random texts often resemble them.
Spelled = st.text(alphabet="<>;,=\"'\\ \t\r\nab:/?#[]@%.-_*0123456789relnxtéא\x00\x1b") | st.text()
Rows = st.lists(st.dictionaries(st.text(max_size=6), Values, max_size=5), min_size=1, max_size=6)

count: Counter[str] = Counter()


def answers(body: bytes, content_type: str, status: int) -> None:
    response = Response()
    response.status_code = status
    vars(response)["_content"] = body
    response.headers["Content-Type"] = content_type
    page_format = PageFormat(following=("next",))
    try:
        page = page_format.page(response, "offset 0")
    except (UnusableAnswerError, RequestException):
        return
    assert isinstance(page, Page)


def links(header: str) -> None:
    found = linked(header, "next")
    assert found is None or found in header


class _Chain:
    paging = ChainPaging()


def next_addresses(link: str) -> None:
    text, address = "", HOME
    try:
        first = Request("GET", f"{HOME}/v1/tickets?a=1").prepare()
        address = str(PageRequests(first, _Chain()).at(link).url)
    except UnusableAnswerError as error:
        text = str(error)
    assert address.startswith(HOME)
    assert text.isprintable()


def redirects(location: str) -> None:
    request, response = PreparedRequest(), Response()
    request.prepare("GET", f"{HOME}/v1/tickets")
    response.headers["Location"] = location
    text, to = "", request
    try:
        to = redirected(request, response)
    except UnusableAnswerError as error:
        text = str(error)
    assert str(to.url).startswith(HOME)
    assert text.isprintable()


def waits(status: int, name: str, text: str) -> None:
    assert seconds_asked(status, CaseInsensitiveDict({name: text})) >= 0


def packed(encoding: str, pieces: list[bytes]) -> None:
    try:
        unpacker = Unpacker(encoding)
        for piece in pieces:
            assert len(unpacker.unpack(piece, 1000)) <= max(1001, len(piece))
    except (UnusableAnswerError, zlib.error):
        return


def words(text: str) -> None:
    visible = shown(text)
    assert visible.isprintable()
    assert len(visible) <= MOST + len("...")


def rows(made_up: list[dict[str, Any]]) -> None:
    arrays, rejected = typed_columns(made_up)
    assert all(len(array) == len(made_up) - len(rejected) for array in arrays.values())
    others = OtherColumns({}, NamingConvention(), most_new=10)
    for _ in range(2):
        assert all(len(array) == len(made_up) for array in others.of(made_up).values())


def times(value: Any, spelled: str) -> None:
    try:
        assert Times(spelled).instant(value).tzinfo
    except (TypeError, ValueError, OverflowError):
        return


def profiles(text: str, at: int, what: str, length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "desk.yaml"
        place = at % len(text)
        file.write_text(text[:place] + what + text[place + length :], errors="replace")
        message = ""
        try:
            load_profile(str(file))
        except dg.Failure as failure:
            message = str(failure.description)
        assert "\n" not in message


PARSERS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    answers: (Bodies, Spelled, st.sampled_from((200, 201, 204, 206))),
    links: (Spelled,),
    next_addresses: (Spelled,),
    redirects: (Spelled,),
    waits: (st.sampled_from((429, 503)), st.sampled_from((*HEADERS, "RateLimit")), Spelled),
    packed: (st.sampled_from(("", "gzip", "deflate", "x-gzip", "br")), st.lists(st.binary())),
    words: (st.text(),),
    rows: (Rows,),
    times: (Scalars, st.sampled_from((*FORMATS, "%Y-%m-%d", "%d/%m/%Y %H:%M"))),
    profiles: (
        st.sampled_from(PROFILES),
        st.integers(0, 10_000),
        st.text() | st.sampled_from(("[" * 500, "- ", "&a ", "*a", "!!python/name:os", "'")),
        st.integers(0, 20),
    ),
}


def run(parser: Callable[..., None], inputs: int) -> None:
    """Feed a number of inputs to a parser. Raises its unexpected errors, and shows the input."""

    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*PARSERS[parser]))
    def fed(given_: tuple[Any, ...]) -> None:
        count[parser.__name__] += 1
        parser(*given_)

    fed()


def main() -> int:
    """Print the number of inputs of each parser; fail with the first unexpected error."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10, help="duration [%(default)s]")
    until = time.monotonic() + 60 * options.parse_args().minutes
    while time.monotonic() < until:
        for parser in PARSERS:
            run(parser, AT_ONCE)
    for name, inputs in count.items():
        sys.stdout.write(f"{name:16}{inputs:12,}\n")
    sys.stdout.write(f"{'total':16}{count.total():12,} inputs without an unexpected error\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
