"""A profile that lists more than tickets: each list becomes an asset, without code."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from helpdesk_assets.build import build_defs
from helpdesk_assets.cli.main import main
from helpdesk_assets.definitions import defs
from helpdesk_assets.sandbox.desk import Desk
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    API_KEY,
    EXECUTE,
    PROJECT,
    SETTINGS,
    Warehouse,
    at_length,
    command,
    everything_logged,
    failure_of,
    job_of,
)
from helpdesk_assets_tests.support.leaks import everything_stored

PROFILE = """\
client:
  auth:
    type: bearer
    token: dlt.secrets["api_key"]
resources:
  - name: help_desk_tickets
    endpoint:
      path: /v1/tickets
      data_selector: data
      paginator: {type: offset}
    fields: {id: id, subject: subject, status: status, created_at: created_at}
  - name: comments
    endpoint:
      path: /v1/tickets/{resources.help_desk_tickets.id}/comments
      data_selector: comments
      paginator: {type: offset, limit: 5}
    fields: {id: id, text: body, at: {path: at, type: timestamp}}
  - name: users
    endpoint:
      path: /v1/users
      data_selector: users
      paginator: {type: cursor, cursor_path: next, cursor_param: after, total_path: count}
    fields: {id: {path: key, type: text}, name: {path: name.full, description: Name in full.}}
"""
INCREMENTAL = """\
      incremental: {cursor_path: updated_at, start_param: updated_since}
"""
TABLES = ("help_desk_tickets", "comments", "users")
Json = dict[str, Any]


class Organization:
    """A help desk with tickets, the comments on them, and the people who write both.

    Attributes:
        desk: its tickets.
        comments: by ticket.
        users: all of them.
        gone: tickets whose comments are answered with 404.
        failing: tickets whose comments are answered with 500.
        asked: how often each path was asked for.
    """

    def __init__(self, tickets: int) -> None:
        self.desk = Desk(tickets)
        numbers = iter(range(1, 10**6))
        self.comments: dict[int, list[Json]] = {
            ticket["id"]: [
                {"id": next(numbers), "body": f"private-{of}", "at": "2026-05-01T10:00:00Z"}
                for of in range(ticket["id"] % 8)
            ]
            for ticket in self.desk.tickets
        }
        self.users: list[Json] = [
            {"key": f"u-{number:03}", "name": {"full": f"person-{number}"}}
            for number in range(1, 251)
        ]
        self.gone: set[int] = set()
        self.failing: set[int] = set()
        self.secret: set[int] = set()
        self.asked: Counter[str] = Counter()
        self.app = Starlette(
            routes=[
                Route("/v1/tickets", self._tickets),
                Route("/v1/tickets/{ticket:int}/comments", self._comments),
                Route("/v1/users", self._users),
            ]
        )

    def of_comments(self) -> list[tuple[Any, ...]]:
        """Return id, ticket and text of each comment, by id."""
        return sorted(
            (comment["id"], ticket, comment["body"])
            for ticket, comments in self.comments.items()
            for comment in comments
        )

    def _refused(self, request: Request, path: str) -> Response | None:
        self.asked[path] += 1
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return PlainTextResponse("no", status_code=401)
        return None

    async def _tickets(self, request: Request) -> Response:
        query = request.query_params
        since = query.get("updated_since", "")
        page, total = self.desk.page(int(query["offset"]), int(query["limit"]), updated_since=since)
        return self._refused(request, "tickets") or JSONResponse({"data": page, "total": total})

    async def _comments(self, request: Request) -> Response:
        ticket, query = request.path_params["ticket"], request.query_params
        refused = self._refused(request, f"comments of {ticket}")
        if refused:
            return refused
        if ticket in self.gone or ticket in self.failing:
            return PlainTextResponse("no", status_code=404 if ticket in self.gone else 500)
        if ticket in self.secret:
            return PlainTextResponse("no", status_code=403)
        found, offset = self.comments[ticket], int(query["offset"])
        page = found[offset : offset + int(query["limit"])]
        return JSONResponse({"comments": page, "total": len(found)})

    async def _users(self, request: Request) -> Response:
        first = int(request.query_params.get("after", 0))
        page, following = self.users[first : first + 100], first + 100
        body = {
            "users": page,
            "count": len(self.users),
            "next": following if following < len(self.users) else None,
        }
        return self._refused(request, "users") or JSONResponse(body)


@pytest.fixture
def organization(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Organization]:
    """Serve a help desk with 60 tickets, and set what a run needs to read all of it."""
    organization = Organization(tickets=60)
    (tmp_path / "desk.yaml").write_text(PROFILE)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(tmp_path / "desk.yaml"))
    with serve(organization.app) as base_url:
        for name, value in zip(SETTINGS, (base_url, API_KEY, str(warehouse.path)), strict=True):
            monkeypatch.setenv(name, value)
        yield organization


Load = Callable[[], dg.ExecuteInProcessResult]
Check = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def load(tmp_path: Path, organization: Organization, instance: dg.DagsterInstance) -> Load:
    """Run the job of definitions that are made from the profile as it is now."""

    def run() -> dg.ExecuteInProcessResult:
        job = build_defs().resolve_job_def("help_desk_sync")
        return job.execute_in_process(instance=instance, raise_on_error=False)

    return run


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (materialization,) = result.asset_materializations_for_node(name)
    return {entry: value.value for entry, value in materialization.metadata.items()}


def comments(warehouse: Warehouse, where: str = "deleted_at is null") -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select id, _help_desk_tickets_id, text from help_desk.comments where {where} order by id"
    )


def test_each_list_becomes_a_table(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    result = load()

    assert result.success
    assert len(warehouse.tickets()) == 60
    assert comments(warehouse) == organization.of_comments()
    assert len(comments(warehouse)) > 200
    assert warehouse.query("select id, name from help_desk.users order by id") == [
        (user["key"], user["name"]["full"]) for user in organization.users
    ]
    types = dict(row[:2] for row in warehouse.query("describe help_desk.comments"))
    assert (types["id"], types["at"]) == ("BIGINT", "TIMESTAMP WITH TIME ZONE")
    assert metadata(result, "comments")["parents"] == 60
    assert metadata(result, "comments")["api_total"] == len(organization.of_comments())
    # A list that fits on a page is one request.
    assert organization.asked["comments of 4"] == 1
    assert organization.asked["comments of 7"] > 1


def test_each_has_checks_of_its_own(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    first = load()
    evaluations = first.get_asset_check_evaluations()
    warehouse.query("insert into help_desk.users from help_desk.users limit 1")
    warehouse.query("alter table help_desk.comments alter column id drop not null")
    warehouse.query("update help_desk.comments set id = null where id = 3")
    result = job_of(dg.AssetSelection.all_asset_checks()).execute_in_process(raise_on_error=False)

    counted = Counter(each.asset_key.to_user_string() for each in evaluations)
    assert {name: counted[name] for name in TABLES} == dict.fromkeys(TABLES, 7)
    assert all(each.passed for each in evaluations)
    assert {
        (each.asset_key.to_user_string(), each.check_name)
        for each in result.get_asset_check_evaluations()
        if not each.passed and each.check_name.startswith("id_")
    } == {("users", "id_is_unique"), ("comments", "id_is_not_null")}


@pytest.mark.parametrize("how", at_length(["hash", "mask", "drop"], short=["hash"]))
def test_protection_that_is_added_reaches_the_rows_of_every_list(
    how: str,
    organization: Organization,
    load: Load,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HASH_KEY", "key-of-the-hashes-0815")
    for comment in chain(*organization.comments.values()):
        comment["writer"] = "person-4"
    assert load().success
    organization.gone = {7}
    organization.desk.tickets = [each for each in organization.desk.tickets if each["id"] != 12]
    columns = "    columns:\n" + "".join(
        f"      {name}: {{protect: {how}}}\n" for name in ("body", "writer", "name")
    )
    # One of the lists does not have some of these fields, which only is a warning.
    text = re.sub(r"(  - name: (comments|users)\n)", rf"\1{columns}", PROFILE)
    (tmp_path / "desk.yaml").write_text(text)
    assert load().success

    stored = everything_stored(warehouse.path)
    assert "private-" not in stored
    assert "person-" not in stored
    if how == "hash":
        joined = warehouse.query(
            "select distinct users.id from help_desk.users"
            " join help_desk.comments on comments.writer = users.name"
        )
        assert joined == [("u-004",)]
    # The comments of a ticket without an answer are kept, but not what is protected in them.
    of_gone = "from help_desk.comments where _help_desk_tickets_id = 7"
    assert len(warehouse.query(f"{of_gone} and deleted_at is null")) == 7
    assert warehouse.query(f"select distinct writer {of_gone}") == [(None,)]


KEYED = """\
  - name: slas
    PRIMARY_KEY
    endpoint:
      path: /v1/tickets/{resources.help_desk_tickets.id}/comments
      data_selector: comments
      paginator: {type: offset, limit: 5}
    fields: {FIELDS}
"""


@pytest.mark.parametrize(
    ("primary_key", "fields", "key"),
    at_length(
        [
            # By default, by parent and id; else by what the profile says.
            ("", "id: id", ["_help_desk_tickets_id", "id"]),
            ("primary_key: [_help_desk_tickets_id, metric]", "metric: metric", None),
            ("primary_key: number", "number: number", ["number"]),
        ],
        short=1,
    ),
)
def test_rows_by_parent_are_merged_on_their_key(
    primary_key: str,
    fields: str,
    key: list[str] | None,
    organization: Organization,
    load: Load,
    warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    numbers = iter(range(1, 10_000))
    for ticket in organization.comments:
        organization.comments[ticket] = [
            {"id": of, "metric": f"m{of}", "number": next(numbers), "body": ""} for of in (1, 2)
        ]
    organization.comments[7].append({"id": None, "metric": None, "number": None})
    only = PROFILE[: PROFILE.index("  - name: comments")]
    text = KEYED.replace("PRIMARY_KEY", primary_key).replace("FIELDS", fields)
    (tmp_path / "desk.yaml").write_text(only + text.replace("    \n", ""))
    for _ in range(2):
        result = load()

        assert result.success
        assert len(warehouse.query("from help_desk.slas where deleted_at is null")) == 120
        assert metadata(result, "slas")["rows_walked"] == 120
    # While a row does not say which it is, nobody knows which are gone.
    organization.comments[7].pop()
    organization.comments[3].pop()
    assert metadata(load(), "slas")["rows_deleted"] == 1
    warehouse.query("insert into help_desk.slas from help_desk.slas limit 1")
    checks = job_of(dg.AssetSelection.all_asset_checks()).execute_in_process(raise_on_error=False)
    failed = {
        each.check_name
        for each in checks.get_asset_check_evaluations()
        if not each.passed and each.asset_key == dg.AssetKey("slas")
    }
    assert "id_is_unique" in failed
    columns = build_defs().resolve_asset_graph().get(dg.AssetKey("slas"))
    assert columns is not None
    assert key is None or set(key) <= {
        column for column, *_ in warehouse.query("describe help_desk.slas")
    }


def test_a_database_that_was_merged_on_ids_alone_gets_all_rows(
    organization: Organization, load: Load, warehouse: Warehouse, tmp_path: Path
) -> None:
    for ticket in organization.comments:
        organization.comments[ticket] = [{"id": of, "body": "", "at": None} for of in (1, 2)]
    before = PROFILE.replace("  - name: comments", "  - name: comments\n    primary_key: id")
    (tmp_path / "desk.yaml").write_text(before)
    load()
    assert len(comments(warehouse)) == 2
    (tmp_path / "desk.yaml").write_text(PROFILE)

    assert load().success
    assert len(comments(warehouse)) == 120


@pytest.mark.parametrize(
    "edit", at_length(["delete from help_desk.comments", "base URL"], short=["base URL"])
)
def test_all_lists_are_asked_for_again_where_what_was_read_is_not_there(
    edit: str,
    organization: Organization,
    load: Load,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paginator = "      paginator: {type: offset}\n"
    (tmp_path / "desk.yaml").write_text(PROFILE.replace(paginator, f"{INCREMENTAL}{paginator}"))
    load()
    organization.asked.clear()
    load()
    assert sum(1 for path in organization.asked if path.startswith("comments")) == 0
    with serve(organization.app) as other:
        if edit == "base URL":
            monkeypatch.setenv("SOURCES__HELP_DESK__BASE_URL", other)
        else:
            warehouse.query(edit)
        load()

    assert comments(warehouse) == organization.of_comments()
    assert sum(1 for path in organization.asked if path.startswith("comments")) == 60


def test_the_lineage_shows_whose_rows_they_are(organization: Organization) -> None:
    graph = build_defs().resolve_asset_graph()
    api, tickets = dg.AssetKey("help_desk_api"), dg.AssetKey("help_desk_tickets")

    assert graph.get(dg.AssetKey("comments")).parent_keys == {api, tickets}
    assert graph.get(dg.AssetKey("users")).parent_keys == {api}
    schema = graph.get(dg.AssetKey("users")).metadata["dagster/column_schema"]
    assert [(column.name, column.type) for column in schema.columns] == [
        ("id", "VARCHAR"),
        ("name", "VARCHAR"),
    ]
    assert schema.columns[1].description == "Name in full."


def test_what_is_gone_is_marked_and_what_comes_back_is_not(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    load()
    lost = organization.comments[7].pop(3)
    of_lost_ticket = [comment["id"] for comment in organization.comments[15]]
    organization.desk.tickets = [t for t in organization.desk.tickets if t["id"] != 15]
    del organization.users[100]
    second = load()

    assert second.success
    gone = [number for number, *_ in comments(warehouse, "deleted_at is not null")]
    assert gone == sorted([lost["id"], *of_lost_ticket])
    assert metadata(second, "comments")["rows_deleted"] == len(gone)
    # Of a list by cursors nobody can tell whether one was left out, total or not.
    assert warehouse.query("select id from help_desk.users where deleted_at is not null") == []
    assert "cannot verify" in metadata(second, "users")["deletes"]
    organization.comments[7].append(lost)
    load()

    assert [number for number, *_ in comments(warehouse, "deleted_at is not null")] == (
        of_lost_ticket
    )


def test_only_the_lists_of_what_has_changed_are_asked_for(
    organization: Organization, load: Load, warehouse: Warehouse, tmp_path: Path
) -> None:
    with_changes = PROFILE.replace("      paginator: {type: offset}\n", f"{INCREMENTAL}"
                                   "      paginator: {type: offset}\n")  # fmt: skip
    assert with_changes != PROFILE
    (tmp_path / "desk.yaml").write_text(with_changes)
    load()
    organization.asked.clear()
    organization.comments[30].append({"id": 9999, "body": "late", "at": None})
    organization.desk.tickets[29]["updated_at"] = "2027-01-01T00:00:00Z"
    result = load()

    assert result.success
    assert (9999, 30, "late") in comments(warehouse)
    assert comments(warehouse) == organization.of_comments()
    # The newest is asked for again, for what shows late.
    assert sum(path.startswith("comments") for path in organization.asked) <= 2
    assert metadata(result, "comments")["parents"] <= 2


def test_a_list_that_fails_leaves_its_table_and_no_other(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    load()
    before = comments(warehouse)
    organization.failing = {40}
    organization.comments[1].append({"id": 9999, "body": "x", "at": None})
    organization.users.append({"key": "u-999", "name": {"full": "new"}})
    result = load()

    assert not result.success
    failure = failure_of(result)
    assert "/v1/tickets/{resources.help_desk_tickets.id}/comments failed (HTTP 500)" in str(
        failure.description
    )
    assert comments(warehouse) == before
    assert warehouse.query("select count(*) from help_desk.users") == [(251,)]


def test_a_ticket_deleted_meanwhile_is_no_failure_and_a_wrong_path_is(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    organization.gone = {8, 9}
    result = load()

    assert result.success
    assert metadata(result, "comments")["parents_gone"] == 2
    assert {ticket for _, ticket, _ in comments(warehouse)}.isdisjoint({8, 9})
    organization.gone = set(range(1, 61))
    failed = load()

    assert not failed.success
    assert "returned no list for 11 of the first 11 parent rows" in str(
        failure_of(failed).description
    )
    assert len(comments(warehouse)) > 200


def test_a_list_that_may_not_be_read_is_counted_and_said(
    organization: Organization, load: Load, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    organization.secret = {8, 9}
    result = load()

    assert result.success
    assert metadata(result, "comments")["parents_refused"] == 2
    assert metadata(result, "comments")["completeness_verified"] is False
    assert "The API key has no access to comments of 2 of 60 help_desk_tickets (HTTP 403)" in (
        everything_logged(instance, result)
    )
    assert {ticket for _, ticket, _ in comments(warehouse)}.isdisjoint({8, 9})


def test_many_lists_that_may_not_be_read_are_a_failure(
    organization: Organization, load: Load
) -> None:
    organization.secret = set(range(1, 61))

    assert "11 of the first 11 parent rows (most recently HTTP 403)" in str(
        failure_of(load()).description
    )


def test_rows_that_cannot_be_read_are_set_aside(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    organization.users[7]["key"] = None
    organization.comments[5][0]["at"] = "yesterday"
    result = load()

    assert result.success
    assert warehouse.query("select reason from help_desk.users_rejected") == [
        ("id is missing or null",)
    ]
    assert warehouse.query("select reason, page_offset from help_desk.comments_rejected") == [
        ("at cannot be read as timestamp", 0)
    ]
    assert len(comments(warehouse)) == len(organization.of_comments()) - 1


def test_the_command_line_loads_all_of_them_and_shows_no_one_s_words(
    organization: Organization, warehouse: Warehouse
) -> None:
    looked = command("python", "-m", "helpdesk_assets", "check")
    finished = command(*EXECUTE)

    assert looked.returncode == 0, looked.stdout
    assert "ok      users     100 rows at users\n" in looked.stdout
    assert "ok      comments  1 row at comments, for the first row of help_desk_tickets\n" in (
        looked.stdout
    )
    assert finished.returncode == 0, finished.stdout
    assert comments(warehouse) == organization.of_comments()
    for secret in (API_KEY, "private-", "person-"):
        assert secret not in finished.stdout + looked.stdout


def test_the_check_says_which_list_is_not_well(
    organization: Organization, tmp_path: Path, check: Check
) -> None:
    wrong = PROFILE.replace("path: /v1/users", "path: /v1/people").replace("text: body", "text: b")
    (tmp_path / "desk.yaml").write_text(wrong)
    looked = check()

    assert looked.returncode == 1
    assert "FAILED  users     The help desk at" in looked.stdout
    assert (
        "FAILED  comments  no row has text (at b): correct fields in the profile" in looked.stdout
    )


def test_a_profile_that_dagster_did_not_know_is_said_so(
    organization: Organization, instance: dg.DagsterInstance
) -> None:
    # These are made without the profile, as where .dlt/config.toml alone names it.
    result = defs.resolve_job_def("help_desk_sync").execute_in_process(
        instance=instance, raise_on_error=False
    )

    assert result.success
    says = "also lists comments, users, which have no assets"
    assert says in everything_logged(instance, result)
    # Where people look: at the asset's metadata, and at its checks.
    assert says in metadata(result, "help_desk_tickets")["reload_needed"]
    assert "reload the code location" in metadata(result, "help_desk_tickets")["reload_needed"]
    (complete,) = (
        each for each in result.get_asset_check_evaluations() if each.check_name == "is_complete"
    )
    assert complete.passed
    assert says in str(complete.description)


def test_the_check_says_which_lists_have_no_assets(
    organization: Organization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_known = command("python", "-m", "helpdesk_assets", "check")
    monkeypatch.delenv("SOURCES__HELP_DESK__PROFILE")
    looked = command(
        "python", "-m", "helpdesk_assets", "check", "--profile", str(tmp_path / "desk.yaml")
    )

    assert "assets" not in all_known.stdout
    assert looked.returncode == 0, looked.stdout
    assert "note    assets    The profile" in looked.stdout
    assert "also lists comments, users" in looked.stdout


def test_an_asset_that_the_profile_does_not_list_any_more_is_said_so(
    organization: Organization, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    known = build_defs()
    (tmp_path / "desk.yaml").write_text(PROFILE[: PROFILE.index("  - name: users")])
    result = known.resolve_job_def("help_desk_sync").execute_in_process(
        instance=instance, raise_on_error=False
    )

    assert "The profile desk does not list users" in str(failure_of(result).description)


def test_the_environment_alone_says_what_is_there(tmp_path: Path) -> None:
    # Run in other processes, as the environment is read at import; they answer by printing.
    say = (
        "from helpdesk_assets import defs;"
        "keys = defs.resolve_asset_graph().get_all_asset_keys();"
        "print(sorted(key.to_user_string() for key in keys))"
    )
    (tmp_path / "good.yaml").write_text(PROFILE)
    (tmp_path / "broken.yaml").write_text(PROFILE.replace("data_selector: data", "selector: data"))
    said = {
        name: subprocess.check_output(
            [sys.executable, "-c", say],
            env={**os.environ, "SOURCES__HELP_DESK__PROFILE": str(tmp_path / name)},
            text=True,
        )
        for name in ("good.yaml", "broken.yaml")
    }

    assert all(f"'{name}'" in said["good.yaml"] for name in TABLES)
    assert "'help_desk_tickets'" in said["broken.yaml"]
    assert "comments" not in said["broken.yaml"]


def test_a_list_is_added_as_documented(
    organization: Organization,
    load: Load,
    warehouse: Warehouse,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page, file = (PROJECT / "docs" / "adding-a-list.md").read_text(), tmp_path / "desk.yaml"
    (added,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.S)
    file.write_text(PROFILE[: PROFILE.index("  - name: comments")])
    before = load()
    tables = {name for (name,) in warehouse.query("select table_name from duckdb_tables()")}
    file.write_text(file.read_text() + added)
    checked = main(["check", "--profile", str(file)])
    after = load()

    assert checked == 0
    assert re.search(r"^ok +comments ", capsys.readouterr().out, re.M)
    assert before.success
    assert after.success
    assert "comments" not in tables
    assert comments(warehouse) == organization.of_comments()
    written = {ticket: len(each) for ticket, each in organization.comments.items() if each}
    assert dict(warehouse.query(query)) == written
