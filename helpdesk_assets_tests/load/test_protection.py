"""Protected values are not in anything that runs write, wherever they are in rows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from helpdesk_assets.definitions import defs
from helpdesk_assets.profiles import BUILT_IN
from helpdesk_assets.tables.protection import Protect
from helpdesk_assets_tests.bench.tickets import defs as tickets_alone
from helpdesk_assets_tests.conftest import (
    Sandbox,
    Warehouse,
    at_length,
    error_of,
    everything_logged,
    execute,
    metadata_of,
)
from helpdesk_assets_tests.support.leaks import everything_stored, hits, logged_to
from helpdesk_assets_tests.tables.test_protection import KEY, hashed

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]
Profile = Callable[..., None]
HOWS: list[Protect] = ["hash", "mask", "drop"]

# E-mail address, name and phone number of each person.
MAIL, NAME, PHONE = "planted-jane@x.example", "Planted Jane Dœ", 4915551234567
PLANTED = {MAIL, NAME, json.dumps(NAME)[1:-1], str(PHONE)}
PROTECTED = (
    "subject",
    "contact",
    "requester.name",
    "requester.phone",
    "cc",
    "comments[*].author",
    "history[*].changes[*].mail",
    "owner",
    "many.mail",
    "deep.a.a.a.a.a.a.a.a.a.a.a.mail",
    "mobile_phone",
)


def personal(number: int, wide: int) -> dict[str, Any]:
    """Return the fields of a ticket that name a person, in every shape."""
    deep: dict[str, Any] = {"mail": MAIL}
    for _ in range(11):
        deep = {"a": deep}
    person = {"email": MAIL, "name": NAME, "phone": str(PHONE) if number % 2 else PHONE}
    return {
        "subject": f"Mail {NAME}",
        "requester": person if number % 5 else NAME,
        "cc": [MAIL, NAME, None],
        "comments": [{"author": person, "body": "kept"}, {"author": MAIL}],
        "history": [{"changes": [{"mail": MAIL, "at": number}]}],
        "owner": {MAIL: {NAME: PHONE}} if number % 3 else MAIL,
        "many": {f"field {n}": n for n in range(wide if number == 1 else 0)} | {"mail": MAIL},
        "deep": deep,
        "Mobile Phone": [PHONE, str(PHONE), {"home": PHONE}, 7.5, None][number % 5],
    }


@pytest.fixture
def protect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Set a profile that protects fields of the sandbox's tickets."""

    def write(how: Protect | None = None, *names: str, incremental: bool = False) -> None:
        text = (BUILT_IN / "default.yaml").read_text()
        fields = "    fields:\n      contact: requester.email\n"
        if incremental:
            fields = f"      incremental: {{start_param: updated_since}}\n{fields}"
        text = text.replace("    fields:\n", fields)
        if how:
            text += "    columns:\n"
            text += "".join(f"      {name}: {{protect: {how}}}\n" for name in names or PROTECTED)
        file = tmp_path / "desk.yaml"
        file.write_text(text)
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
        monkeypatch.setenv("HASH_KEY", KEY)

    return write


@pytest.fixture
def load_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep dlt's working folders, which runs remove."""
    kept = tmp_path / "load_files"
    kept.mkdir()
    remove = shutil.rmtree

    def keep(path: Any, *args: Any, **options: Any) -> None:
        if "-run-" in Path(path).name:
            shutil.copytree(path, kept / Path(path).name)
        remove(path, *args, **options)

    monkeypatch.setattr(shutil, "rmtree", keep)
    return kept


def people(sandbox: Sandbox, wide: int = 0) -> None:
    """Add personal data to every ticket; the eighth ticket is rejected.

    Args:
        sandbox: the help desk.
        wide: the number of further fields of the first ticket.
    """
    for ticket in sandbox.desk.tickets:
        ticket.update(personal(ticket["id"], wide))
    sandbox.desk.tickets[7]["created_at"] = "yesterday-ish"


@pytest.mark.parametrize(
    ("how", "wide"),
    at_length([("hash", 0), ("mask", 520), ("drop", 0)], short=[("hash", 0)]),
)
def test_no_protected_value_is_written(
    how: Protect,
    wide: int,
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    check: Callable[..., Any],
    warehouse: Warehouse,
    load_files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = sandbox(40)
    people(desk, wide)
    connect(desk)
    protect(how)
    folder = tmp_path / "instance"
    folder.mkdir()
    checked = check()
    with dg.DagsterInstance.local_temp(str(folder)) as instance, logged_to(tmp_path / "log"):
        assert execute(defs.resolve_job_def("help_desk_sync"), instance).success
        del desk.desk.tickets[20]
        assert execute(tickets_alone.resolve_job_def("tickets"), instance).success
        logs = (tmp_path / "log").read_text()

    printed = capsys.readouterr()
    staged = "".join(str(pq.read_table(file).to_pylist()) for file in load_files.rglob("*.parquet"))
    assert "yesterday-ish" in staged + everything_stored(warehouse.path)
    assert (
        hits(
            PLANTED,
            folder=tmp_path,
            printed=checked.stdout
            + logs
            + printed.out
            + printed.err
            + staged
            + everything_stored(warehouse.path),
        )
        == []
    )
    assert "all protected fields were found" in checked.stdout


def test_search_finds_unprotected_values(
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    sync: Sync,
    warehouse: Warehouse,
    load_files: Path,
) -> None:
    """The same search finds unprotected values, in the table and in dlt's files."""
    desk = sandbox(40)
    people(desk)
    connect(desk)
    protect()
    assert sync().success

    staged = "".join(str(pq.read_table(file).to_pylist()) for file in load_files.rglob("*.parquet"))
    for text in (staged, everything_stored(warehouse.path)):
        assert all(value in text for value in (MAIL, NAME, str(PHONE)))


def test_hashes_can_be_joined(
    sandbox: StartSandbox, connect: Connect, protect: Profile, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(40)
    people(desk)
    connect(desk)
    protect("hash")
    assert sync().success

    rows = warehouse.query(
        "select contact, requester__phone, cc, comments, subject"
        " from help_desk.help_desk_tickets where id = 4"
    )
    ((contact, phone, cc, comments, subject),) = rows
    assert contact == hashed(MAIL)
    assert phone == hashed(str(PHONE))
    assert json.loads(cc) == [hashed(MAIL), hashed(NAME), None]
    assert [comment.get("body") for comment in json.loads(comments)] == ["kept", None]
    assert subject == hashed(f"Mail {NAME}")
    types = {
        name: kind for name, kind, *_ in warehouse.query("describe help_desk.help_desk_tickets")
    }
    assert types["requester__phone"] == types["mobile_phone"] == "VARCHAR"
    assert "requester__phone__v_text" not in types


def test_dropped_fields_have_no_column(
    sandbox: StartSandbox, connect: Connect, protect: Profile, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(40)
    people(desk)
    connect(desk)
    protect("drop")
    assert sync().success

    columns = [name for name, *_ in warehouse.query("describe help_desk.help_desk_tickets")]
    assert not {"contact", "requester__name", "cc", "owner", "mobile_phone"} & {*columns}
    # The reports need a subject and a status, if only as null.
    assert {subject for _, subject, _ in warehouse.tickets()} == {None}


@pytest.mark.parametrize("how", at_length(HOWS, short=["hash"]))
def test_first_sync_with_protection_removes_existing_values(
    how: Protect,
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    sync: Sync,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> None:
    desk = sandbox(40)
    people(desk)
    connect(desk)
    protect(incremental=True)
    assert sync().success
    del desk.desk.tickets[20]
    assert MAIL in everything_stored(warehouse.path)

    protect(how, incremental=True)
    result = sync()

    assert result.success
    assert metadata_of(result)["sync_mode"] == "full"
    stored = everything_stored(warehouse.path)
    assert [value for value in PLANTED if value in stored] == []
    assert "these columns are now null in them" in everything_logged(instance, result)
    deleted = "select id, contact is null from help_desk.help_desk_tickets"
    assert warehouse.query(f"{deleted} where deleted_at is not null") == [(21, True)]
    assert metadata_of(sync())["sync_mode"] == "incremental"


@pytest.mark.long
def test_numbers_become_text_when_they_are_protected(
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    sync: Sync,
    warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    desk = sandbox(10)
    for ticket in desk.desk.tickets:
        ticket["phone"] = ticket["mobile"] = PHONE
    connect(desk)
    file = tmp_path / "desk.yaml"
    for how in (None, "hash"):
        protect(how, "phone", "mobile")
        typed = "    fields:\n      mobile: {path: mobile, type: bigint}\n"
        file.write_text(file.read_text().replace("    fields:\n", typed))
        del desk.desk.tickets[-1]
        result = sync()
        assert result.success, error_of(result)
        stored = everything_stored(warehouse.path)
        assert (str(PHONE) in stored) == (how is None)
        if how:
            assert warehouse.query(
                "select distinct phone, phone__v_text, mobile from help_desk.help_desk_tickets"
                " where deleted_at is null"
            ) == [(None, hashed(str(PHONE)), hashed(str(PHONE)))]


@pytest.mark.long
def test_rows_keep_their_hashes_after_they_are_deleted(
    sandbox: StartSandbox, connect: Connect, protect: Profile, sync: Sync, warehouse: Warehouse
) -> None:
    desk = sandbox(40)
    people(desk)
    connect(desk)
    protect("hash")
    assert sync().success
    del desk.desk.tickets[20]
    assert sync().success

    assert warehouse.query(
        "select contact from help_desk.help_desk_tickets where deleted_at is not null"
    ) == [(hashed(MAIL),)]


@pytest.mark.long
def test_another_hash_key_changes_the_hashes_of_all_rows(
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    sync: Sync,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(40)
    people(desk)
    connect(desk)
    protect("hash", "contact", incremental=True)
    assert sync().success
    assert metadata_of(sync())["sync_mode"] == "incremental"
    monkeypatch.setenv("HASH_KEY", "another-key-0123456")
    result = sync()

    assert metadata_of(result)["sync_mode"] == "full"
    assert "the hash key has changed since the last" in everything_logged(instance, result)
    contacts = warehouse.query("select distinct contact from help_desk.help_desk_tickets")
    assert sorted(contacts, key=str) == [(hashed(MAIL, "another-key-0123456"),), (None,)]


@pytest.mark.parametrize(("key", "what"), [("", "missing"), ("short", "too short")])
def test_run_without_a_valid_hash_key_sends_no_requests(
    key: str,
    what: str,
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = sandbox(10)
    connect(desk)
    protect("mask", "subject")
    monkeypatch.setenv("HASH_KEY", key)
    assert sync().success
    desk.queries.clear()
    protect("hash", "subject")
    monkeypatch.setenv("HASH_KEY", key)

    sentence = error_of(sync())
    assert (
        f"The key for the hashed columns of help_desk_tickets is {what}: set HASH_KEY" in sentence
    )
    assert "openssl rand -hex 32" in sentence
    assert desk.queries == []


def test_rule_that_matches_no_field_is_reported(
    sandbox: StartSandbox,
    connect: Connect,
    protect: Profile,
    sync: Sync,
    instance: dg.DagsterInstance,
    check: Callable[..., Any],
) -> None:
    desk = sandbox(10)
    connect(desk)
    protect("mask", "requester.mail", "subject")

    warning = "No row has requester.mail, which the profile protects under columns"
    assert warning in everything_logged(instance, sync())
    assert "no row on the first page has requester.mail: check that each name" in check().stdout
