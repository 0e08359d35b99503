"""Values in JSON are stored as they were sent, or rejected: numbers, text, invalid bytes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets.sandbox.app import Answer, Fault
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Send = Callable[..., dg.ExecuteInProcessResult]

BIG = 123456789012345678901
JSON = "application/json"


def answering(rows: list[bytes], content_type: str) -> Fault:
    """Return an API with these rows, each given as the bytes to send."""

    async def answer(request: Request, _: Answer) -> Response:
        offset, limit = (int(request.query_params[name]) for name in ("offset", "limit"))
        page = b", ".join(rows[offset : offset + limit])
        body = b'{"total": %d, "data": [%s]}' % (len(rows), page)
        return Response(body, headers={"Content-Type": content_type})

    return answer


@pytest.fixture
def send(sandbox: StartSandbox, connect: Connect, sync: Sync) -> Send:
    """Sync with an API that sends rows as given, already in JSON."""

    def run(*rows: bytes, content_type: str = JSON) -> dg.ExecuteInProcessResult:
        connect(sandbox(fault=answering(list(rows), content_type)))
        return sync()

    return run


def row(number: object, **fields: Any) -> bytes:
    known = {"id": number, "subject": "s", "status": "open", "created_at": None}
    return json.dumps({**known, **fields}, ensure_ascii=False).encode()


@pytest.fixture
def text_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (BUILT_IN / "default.yaml").read_text()
    (tmp_path / "desk.yaml").write_text(
        text.replace("      id: id\n", "      id: {path: id, type: text}\n")
    )
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(tmp_path / "desk.yaml"))


@pytest.mark.usefixtures("text_ids")
def test_ids_of_more_than_64_bits_stay_distinct(send: Send, warehouse: Warehouse) -> None:
    assert send(row(BIG), row(BIG + 1), row(-BIG), row(2**63)).success

    ids = warehouse.query("select id from help_desk.help_desk_tickets order by id")
    assert ids == [(str(number),) for number in (-BIG, BIG, BIG + 1, 2**63)]


def test_id_out_of_range_of_its_column_is_rejected(send: Send, warehouse: Warehouse) -> None:
    result = send(*(row(number) for number in range(1, 40)), row(BIG), row(2**63))

    assert result.success
    assert metadata_of(result)["rows_rejected"] == 2
    assert len(warehouse.tickets()) == 39
    rejected = warehouse.query("select reason, row from help_desk.help_desk_tickets_rejected")
    assert {reason for reason, _ in rejected} == {"id cannot be read as bigint"}
    assert {json.loads(kept)["id"] for _, kept in rejected} == {BIG, 2**63}


def test_other_numbers_of_any_size_are_stored_exactly(send: Send, warehouse: Warehouse) -> None:
    assert send(row(1, account=BIG), row(2, account=BIG + 1)).success

    stored = warehouse.query("select account from help_desk.help_desk_tickets order by id")
    assert stored == [(str(BIG),), (str(BIG + 1),)]


@pytest.mark.parametrize("content_type", [JSON, "application/vnd.api+json", "text/html"])
def test_invalid_byte_is_replaced_without_affecting_other_text(
    content_type: str, send: Send, warehouse: Warehouse
) -> None:
    broken = row(2, subject="caf!").replace(b"!", b"\xe9")
    assert send(row(1, subject="Zoë 🙏"), broken, content_type=content_type).success

    assert warehouse.tickets() == [(1, "Zoë 🙏", "open"), (2, "caf\ufffd", "open")]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("iso-8859-1", "latin-1"),
        ('"Windows-1252"', "cp1252"),
        ("utf-8", "utf-8"),
        ("none-such", "utf-8"),
    ],
)
def test_declared_encoding_is_used(
    charset: str, encoding: str, send: Send, warehouse: Warehouse
) -> None:
    sent = row(1, subject="größer").decode().encode(encoding)
    assert send(sent, content_type=f"application/json; Charset={charset}").success

    assert warehouse.tickets() == [(1, "größer", "open")]


def test_lone_surrogate_is_replaced_without_affecting_other_text(
    send: Send, warehouse: Warehouse
) -> None:
    half = row(1, subject="!").replace(b'"!"', b'"cut \\ud83d"')
    # Also in a row that is rejected for another reason.
    rejected = row(3, created_at="not yet", subject="!").replace(b'"!"', b'"cut \\ud83d"')
    whole = row(2, note="!").replace(b'"!"', b'"\\ud83d\\ude4f"')
    assert send(half, whole, *(row(number) for number in range(4, 40)), rejected).success

    assert warehouse.tickets()[0] == (1, "cut \ufffd", "open")
    assert warehouse.query("select note from help_desk.help_desk_tickets where id = 2") == [("🙏",)]
    (kept,) = warehouse.query("select row from help_desk.help_desk_tickets_rejected")
    assert json.loads(kept[0])["subject"] == "cut \ufffd"


def test_nan_and_infinity_are_read(send: Send, warehouse: Warehouse) -> None:
    assert send(row(1, score=float("nan")), row(2, score=0.5)).success

    assert warehouse.query("select isnan(score) from help_desk.help_desk_tickets order by id") == [
        (True,),
        (False,),
    ]


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"a":' * 100_000])
def test_excessive_nesting_is_reported(nested: bytes, send: Send) -> None:
    sentence = error_of(send(b'{"id": 1, "deep": ' + nested))

    assert "sent JSON that is nested too deeply to be read" in sentence
