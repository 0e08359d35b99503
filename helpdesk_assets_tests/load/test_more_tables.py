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
    Warehouse,
    at_length,
    command,
    everything_logged,
    failure_of,
    job_of,
    set_variables,
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
    """A help desk with tickets, their comments, and users.

    Attributes:
        desk: its tickets.
        comments: the comments by ticket.
        users: all users.
        missing: tickets whose comments are answered with 404.
        failing: tickets whose comments are answered with 500.
        forbidden: tickets whose comments are answered with 403.
        asked: the number of requests by path.
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
        self.missing: set[int] = set()
        self.failing: set[int] = set()
        self.forbidden: set[int] = set()
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
        if ticket in self.missing or ticket in self.failing:
            return PlainTextResponse("no", status_code=404 if ticket in self.missing else 500)
        if ticket in self.forbidden:
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
    """Serve a help desk with 60 tickets, and configure runs to load all of its lists."""
    organization = Organization(tickets=60)
    (tmp_path / "desk.yaml").write_text(PROFILE)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(tmp_path / "desk.yaml"))
    with serve(organization.app) as base_url:
        set_variables(monkeypatch, base_url, warehouse)
        yield organization


Load = Callable[[], dg.ExecuteInProcessResult]
Check = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def load(tmp_path: Path, organization: Organization, instance: dg.DagsterInstance) -> Load:
    """Run the job of definitions that are built from the current profile."""

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


def test_each_list_is_loaded_into_a_table(
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
    # A list on a single page takes one request.
    assert organization.asked["comments of 4"] == 1
    assert organization.asked["comments of 7"] > 1


def test_each_table_has_its_own_checks(
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


@pytest.mark.long
@pytest.mark.parametrize("how", at_length(["hash", "mask", "drop"], short=["hash"]))
def test_added_protection_applies_to_existing_rows_of_all_lists(
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
    organization.missing = {7}
    organization.desk.tickets = [each for each in organization.desk.tickets if each["id"] != 12]
    columns = "    columns:\n" + "".join(
        f"      {name}: {{protect: {how}}}\n" for name in ("body", "writer", "name")
    )
    # Some lists do not have all of these fields, which is only a warning.
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
    # The comments of the missing list are kept, but not their protected values.
    of_missing = "from help_desk.comments where _help_desk_tickets_id = 7"
    assert len(warehouse.query(f"{of_missing} and deleted_at is null")) == 7
    assert warehouse.query(f"select distinct writer {of_missing}") == [(None,)]


KEYED = """\
  - name: slas
    PRIMARY_KEY
    endpoint:
      path: /v1/tickets/{resources.help_desk_tickets.id}/comments
      data_selector: comments
      paginator: {type: offset, limit: 5}
    fields: {FIELDS}
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("primary_key", "fields", "key"),
    at_length(
        [
            # By default, the key is parent and id; otherwise the one in the profile.
            ("", "id: id", ["_help_desk_tickets_id", "id"]),
            ("primary_key: [_help_desk_tickets_id, metric]", "metric: metric", None),
            ("primary_key: number", "number: number", ["number"]),
        ],
        short=1,
    ),
)
def test_rows_by_parent_are_merged_on_their_primary_key(
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
    # As long as a row has no key, deleted rows cannot be detected.
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


@pytest.mark.long
def test_table_that_was_merged_on_ids_only_is_completed(
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


@pytest.mark.long
@pytest.mark.parametrize(
    "edit", at_length(["delete from help_desk.comments", "base URL"], short=["base URL"])
)
def test_all_lists_are_requested_again_if_the_table_was_emptied_or_the_base_url_changed(
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


def test_lineage_contains_the_parent(organization: Organization) -> None:
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


def test_deleted_rows_are_marked_until_they_reappear(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    load()
    lost = organization.comments[7].pop(3)
    of_lost_ticket = [comment["id"] for comment in organization.comments[15]]
    organization.desk.tickets = [t for t in organization.desk.tickets if t["id"] != 15]
    del organization.users[100]
    second = load()

    assert second.success
    deleted = [number for number, *_ in comments(warehouse, "deleted_at is not null")]
    assert deleted == sorted([lost["id"], *of_lost_ticket])
    assert metadata(second, "comments")["rows_deleted"] == len(deleted)
    # Completeness of a list with cursors is not verified, even with a total.
    assert warehouse.query("select id from help_desk.users where deleted_at is not null") == []
    assert "cannot verify" in metadata(second, "users")["deletes"]
    organization.comments[7].append(lost)
    load()

    assert [number for number, *_ in comments(warehouse, "deleted_at is not null")] == (
        of_lost_ticket
    )


def test_only_lists_of_changed_parents_are_requested(
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
    # The newest one is requested again, because of the lag.
    assert sum(path.startswith("comments") for path in organization.asked) <= 2
    assert metadata(result, "comments")["parents"] <= 2


def test_failed_list_leaves_its_table_unchanged_and_others_are_loaded(
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


@pytest.mark.long
def test_few_missing_lists_are_accepted_and_many_fail_the_run(
    organization: Organization, load: Load, warehouse: Warehouse
) -> None:
    organization.missing = {8, 9}
    result = load()

    assert result.success
    assert metadata(result, "comments")["parents_gone"] == 2
    assert {ticket for _, ticket, _ in comments(warehouse)}.isdisjoint({8, 9})
    organization.missing = set(range(1, 61))
    failed = load()

    assert not failed.success
    assert "returned no list for 11 of the first 11 parent rows" in str(
        failure_of(failed).description
    )
    assert len(comments(warehouse)) > 200


def test_inaccessible_lists_are_counted_and_reported(
    organization: Organization, load: Load, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    organization.forbidden = {8, 9}
    result = load()

    assert result.success
    assert metadata(result, "comments")["parents_refused"] == 2
    assert metadata(result, "comments")["completeness_verified"] is False
    assert "The API key has no access to comments of 2 of 60 help_desk_tickets (HTTP 403)" in (
        everything_logged(instance, result)
    )
    assert {ticket for _, ticket, _ in comments(warehouse)}.isdisjoint({8, 9})


@pytest.mark.long
def test_many_inaccessible_lists_fail_the_run(organization: Organization, load: Load) -> None:
    organization.forbidden = set(range(1, 61))

    assert "11 of the first 11 parent rows (most recently HTTP 403)" in str(
        failure_of(load()).description
    )


def test_unreadable_rows_are_rejected(
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


@pytest.mark.long
def test_command_line_loads_all_lists_and_prints_no_contents(
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


def test_check_reports_which_list_has_a_problem(
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


def test_lists_without_assets_are_reported_by_runs(
    organization: Organization, instance: dg.DagsterInstance
) -> None:
    # These definitions do not know the profile, as if only .dlt/config.toml named it.
    result = defs.resolve_job_def("help_desk_sync").execute_in_process(
        instance=instance, raise_on_error=False
    )

    assert result.success
    message = "also lists comments, users, which have no assets"
    assert message in everything_logged(instance, result)
    # The metadata and the checks of the asset contain it, too.
    assert message in metadata(result, "help_desk_tickets")["reload_needed"]
    assert "reload the code location" in metadata(result, "help_desk_tickets")["reload_needed"]
    (complete,) = (
        each for each in result.get_asset_check_evaluations() if each.check_name == "is_complete"
    )
    assert complete.passed
    assert message in str(complete.description)


@pytest.mark.long
def test_check_reports_lists_without_assets(
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


def test_asset_that_was_removed_from_the_profile_is_reported(
    organization: Organization, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    known = build_defs()
    (tmp_path / "desk.yaml").write_text(PROFILE[: PROFILE.index("  - name: users")])
    result = known.resolve_job_def("help_desk_sync").execute_in_process(
        instance=instance, raise_on_error=False
    )

    assert "The profile desk does not list users" in str(failure_of(result).description)


@pytest.mark.long
def test_profile_in_the_environment_determines_the_assets(tmp_path: Path) -> None:
    # In other processes, because the environment is read at import; they print the result.
    program = (
        "from helpdesk_assets import defs;"
        "keys = defs.resolve_asset_graph().get_all_asset_keys();"
        "print(sorted(key.to_user_string() for key in keys))"
    )
    (tmp_path / "good.yaml").write_text(PROFILE)
    (tmp_path / "broken.yaml").write_text(PROFILE.replace("data_selector: data", "selector: data"))
    printed = {
        name: subprocess.check_output(
            [sys.executable, "-c", program],
            env={**os.environ, "SOURCES__HELP_DESK__PROFILE": str(tmp_path / name)},
            text=True,
        )
        for name in ("good.yaml", "broken.yaml")
    }

    assert all(f"'{name}'" in printed["good.yaml"] for name in TABLES)
    assert "'help_desk_tickets'" in printed["broken.yaml"]
    assert "comments" not in printed["broken.yaml"]


def test_list_can_be_added_as_documented(
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
