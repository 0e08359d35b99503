"""The common vocabulary: types, descriptions and replaced values of columns, and roles of lists."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.profiles import BUILT_IN, load_profile
from helpdesk_assets.profiles.ticket_url import url_of
from helpdesk_assets.resources import HelpDeskApi
from helpdesk_assets.tables.schema import Table
from helpdesk_assets.tables.vocabulary import TICKETS
from helpdesk_assets_tests.conftest import Sandbox, Warehouse, error_of, metadata_of
from helpdesk_assets_tests.profiles.vocabulary_tables import PAGE, roles, tickets

DEFAULT = (BUILT_IN / "default.yaml").read_text()
COMMENTS = """\
  - name: NAME
    endpoint: {path: /v1/comments, data_selector: data, paginator: {type: offset}}
    fields: {id: id, FIELDS}
"""


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a profile with further fields of tickets, and further text at its end or its start."""

    def write(fields: str = "", *, end: str = "", start: str = "") -> Path:
        file = tmp_path / "desk.yaml"
        file.write_text(
            start + DEFAULT + "".join(f"      {f}\n" for f in fields.splitlines()) + end
        )
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
        return file

    return write


def test_vocabulary_gives_types_and_descriptions(profile: Callable[..., Path]) -> None:
    fields = "\n".join(f"{name}: api.{name}" for name in TICKETS)
    table = load_profile(str(profile(fields))).table(Table())
    columns = {column.name: column for column in table.columns}

    for name, term in TICKETS.items():
        assert columns[name].description == term.description
        assert columns[name].is_json == (term.types[0] == "json")
        assert columns[name].dlt_type == ("text" if columns[name].is_json else term.types[0])
    spec = "priority: {path: p, description: From 1 to 4.}\nmood: {path: m, description: How.}"
    table = load_profile(str(profile(spec))).table(Table())
    described = {column.name: column.description for column in table.columns}
    assert described["priority"] == f"{TICKETS['priority'].description} From 1 to 4."
    assert described["mood"] == "How."


def test_loads_describe_the_columns_of_the_profile(
    profile: Callable[..., Path],
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
) -> None:
    desk = sandbox(tickets=1)
    desk.desk.tickets[0]["m"] = "fine"
    connect(desk)
    profile("mood: {path: m, description: How.}")
    columns = metadata_of(sync())["dagster/column_schema"].columns

    assert {column.name: column.description for column in columns}["mood"] == "How."


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("solved_at: {path: s, type: text}", "solved_at.type needs the type timestamp, or another"),
        ("is_deleted: {path: s, type: bigint}", "is_deleted.type needs the type bool, or another"),
        ("tags: {path: s, type: bool}", "tags.type needs the type json or text, or another"),
        ("priority: {path: s, type: timestamp}", "priority.type needs the type text or bigint"),
        ("due_at: {path: s, values: {a: b}}", "due_at.values needs to be removed, because only"),
        ("is_deleted: {path: s, values: {1: gone}}", "values of the type bool, or null"),
        ("kind: {path: s, values: {a: true}}", "values of the type text, or null"),
        ("kind: {path: s, values: {}}", "values must be Dictionary should have at least 1 item"),
    ],
)
def test_other_meanings_are_mistakes(fields: str, said: str, profile: Callable[..., Path]) -> None:
    file = profile(fields)
    with pytest.raises(dg.Failure) as failed:
        load_profile(str(file))
    message = str(failed.value.description)

    assert said in message
    assert f"line {len(DEFAULT.splitlines()) + 1}:" in message


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("    role: comments\n", "role needs to be removed, because these are the tickets"),
        (
            COMMENTS.replace("NAME", "comments").replace(
                "FIELDS", "author_role: {path: a, values: {x: robot}}"
            ),
            "values.x needs one of agent, customer, system, or null",
        ),
        (
            COMMENTS.replace("NAME", "notes").replace("FIELDS", "is_public: p")
            + "    role: remarks\n",
            "role must be 'comments', 'status_changes', 'statuses'",
        ),
        (
            COMMENTS.replace("NAME", "notes").replace("FIELDS", "is_public: {path: p, type: text}")
            + "    role: comments\n",
            "is_public.type needs the type bool",
        ),
        (
            COMMENTS.replace("NAME", "notes").replace("{id: id", "{id: {path: id, values: {1: 2}}"),
            "values needs to be removed, because rows are merged on it",
        ),
    ],
)
def test_mistakes_in_roles(end: str, said: str, profile: Callable[..., Path]) -> None:
    with pytest.raises(dg.Failure) as failed:
        load_profile(str(profile(end=end.replace(", FIELDS", ""))))

    assert said in str(failed.value.description)


def test_lists_have_the_role_of_their_name_or_the_given_one(profile: Callable[..., Path]) -> None:
    lists = "".join(
        COMMENTS.replace("NAME", name).replace("FIELDS", "is_public: p") + more
        for name, more in (
            ("comments", ""),
            ("notes", "    role: comments\n"),
            ("remarks", ""),
        )
    )
    loaded = load_profile(str(profile(end=lists)))

    assert [each.name for each in loaded.with_role("comments")] == ["comments", "notes"]
    types = {each.name: each.columns()[1].dlt_type for each in loaded.resources[1:]}
    assert types == {"comments": "bool", "notes": "bool", "remarks": "text"}


def test_values_of_the_api_are_replaced(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
    warehouse: Warehouse,
    profile: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(tickets=6)
    sent = [1, 2, 9, None, "2", True]
    for ticket, value in zip(desk.desk.tickets, sent, strict=True):
        ticket["level"] = value
    connect(desk)
    monkeypatch.setenv("SOURCES__HELP_DESK__INCREMENTAL__START_PARAM", "updated_since")
    profile(
        "level: {path: level, type: text}\n"
        "priority: {path: level, values: {1: low, 2: high, 'true': urgent}}\n"
        "kind: {path: level, values: {1: one, '*': other, null: none}}\n"
        "is_deleted: {path: level, values: {1: true, '*': false}}\n"
        "rank: {path: level, type: bigint, values: {true: 7, 9: null}}"
    )
    result = sync()
    # true is not a text, nor a number; replaced, it is.
    assert result.success is False
    desk.desk.tickets[5]["level"] = "true"
    result = sync()
    assert result.success, error_of(result)
    columns = "level, priority, kind, is_deleted, rank"
    query = f"select {columns} from help_desk.help_desk_tickets order by id"
    assert warehouse.query(query) == [
        ("1", "low", "one", True, 1),
        ("2", "high", "other", False, 2),
        ("9", "9", "other", False, None),
        (None, None, "none", None, None),
        ("2", "high", "other", False, 2),
        ("true", "urgent", "other", False, 7),
    ]

    # The rows from before are read again.
    profile("level: {path: level, type: text}\npriority: {path: level, values: {1: lowest}}")
    result = sync()
    assert result.success, error_of(result)
    assert metadata_of(result)["sync_mode"] == "full"
    assert warehouse.query(query)[0][:2] == ("1", "lowest")


def test_protected_values_are_not_replaced(
    sandbox: Callable[..., Sandbox],
    connect: Callable[[Sandbox], None],
    sync: Callable[[], dg.ExecuteInProcessResult],
    warehouse: Warehouse,
    profile: Callable[..., Path],
) -> None:
    connect(sandbox(tickets=3))
    profile(
        "channel: {path: channel, values: {'*': planted}}",
        end="    columns: {channel: {protect: mask}}\n",
    )
    result = sync()
    assert result.success, error_of(result)
    assert warehouse.query("select distinct channel from help_desk.help_desk_tickets") == [("***",)]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/agent/tickets/{id}", "https://desk.example.com/eu/agent/tickets/17"),
        ("/#ticket/{id}", "https://desk.example.com/eu/#ticket/17"),
        ("https://app.example.com/t?q={subject}", "https://app.example.com/t?q=a%20b%2F%3F"),
        ("{link}", "https://github.com/o/r/issues/1"),
        ("{script}", None),
        ("/x/{empty}", None),
    ],
)
def test_ticket_url(address: str, url: str | None, profile: Callable[..., Path]) -> None:
    file = profile("link: l\nscript: s\nempty: e", start=f'ticket_url: "{address}"\n')
    api = HelpDeskApi(profile=str(file), base_url="https://desk.example.com/eu/")
    resolved = api.resolved_ticket_url(api.resolved_profile())
    ticket = {
        "id": 17,
        "subject": "a b/?",
        "link": "https://github.com/o/r/issues/1",
        "script": "javascript:alert(1)",
        "empty": None,
    }

    assert resolved is not None
    assert url_of(resolved, ticket) == url


@pytest.mark.parametrize(
    "address",
    [
        "/tickets",
        "tickets/{id}",
        "//other.example/{id}",
        "https://{id}.example.com/",
        "https://user:word@example.com/{id}",
        "javascript:{id}",
        "/tickets/{id}?key=dlt.secrets['api_key']",
        "/tickets/{id} x",
        "/tickets/{nothing}",
    ],
)
def test_mistakes_in_the_ticket_url(address: str, profile: Callable[..., Path]) -> None:
    file = profile(start=f'ticket_url: "{address}"\n')
    with pytest.raises(dg.Failure) as failed:
        load_profile(str(file))

    assert "line 1: ticket_url needs" in str(failed.value.description)


def test_profiles_without_a_ticket_url_have_none(profile: Callable[..., Path]) -> None:
    api = HelpDeskApi(profile=str(profile()))

    assert api.resolved_ticket_url(api.resolved_profile()) is None


def test_documented_vocabulary_matches_the_code() -> None:
    page = PAGE.read_text()

    assert tickets() in page
    assert roles() in page
