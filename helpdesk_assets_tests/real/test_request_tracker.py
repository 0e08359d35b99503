"""Syncs of a real Request Tracker, compared with its own database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets_tests.conftest import SETTINGS, Warehouse, command, everything_logged
from helpdesk_assets_tests.real.syncs import completeness, failures, spelled
from helpdesk_assets_tests.real.tracker import Tracker
from helpdesk_assets_tests.vendors.test_vendors import load

pytestmark = pytest.mark.real

NOT_SET = "1970-01-01 00:00:00"
TABLES = {"help_desk_tickets", "history", "status_changes", "users", "queues"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """Create a help desk with 350 tickets once; the newest is fifty days old."""
    tracker = Tracker(tmp_path_factory.mktemp("template"))
    tracker.run("create", "350")
    for column in ("Created", "LastUpdated", "Started", "Resolved", "Told"):
        tracker.query(
            f"update Tickets set {column} = datetime({column}, '-' || (400 - id) || ' days')"
            f" where {column} > '{NOT_SET}'"
        )
    tracker.query(
        "update Transactions set Created = datetime(Created, '-' || (400 - ObjectId) || ' days')"
        " where ObjectType = 'RT::Ticket'"
    )
    return tracker


@pytest.fixture
def desk(
    tmp_path: Path, template: Tracker, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tracker]:
    """Start a help desk, for a user with access to all of it."""
    tracker = Tracker(tmp_path / "desk", template)
    values = (tracker.base_url, tracker.tokens["reader"], str(warehouse.path))
    for name, value in zip(SETTINGS, values, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", "request_tracker")
    with closing(tracker):
        tracker.start()
        yield tracker


def on_desk(desk: Tracker, where: str = "true") -> list[tuple[Any, ...]]:
    return desk.query(
        "select id, Subject, Status, Created, LastUpdated,"
        f" nullif(Resolved, '{NOT_SET}'), nullif(Due, '{NOT_SET}'), Priority, Owner, Queue"
        " from Tickets where Type = 'ticket' and Status != 'deleted' and IsMerged is null"
        f" and {where} order by id"
    )


def in_table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    times = ("created_at", "updated_at", "solved_at", "due_at")
    return warehouse.query(
        f"select id, subject, status, {', '.join(map(spelled, times))}, priority, assignee_id,"
        " group_id from help_desk.help_desk_tickets where deleted_at is null order by id"
    )


def history_on_desk(desk: Tracker, where: str = "true") -> list[tuple[Any, ...]]:
    return desk.query(
        "select Transactions.id, ObjectId, Transactions.Type, nullif(Field, ''),"
        " nullif(OldValue, ''), nullif(NewValue, ''), Transactions.Creator, Transactions.Created"
        " from Transactions join Tickets on ObjectId = Tickets.id"
        " where ObjectType = 'RT::Ticket'"
        f" and Transactions.Type not in ('EmailRecord', 'CommentEmailRecord') and {where}"
        " order by Transactions.id"
    )


def history_in_table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        "select id, ticket_id, type, field, old_value, new_value, author_id,"
        f" {spelled('created_at')} from help_desk.history where deleted_at is null order by id"
    )


def statuses_on_desk(desk: Tracker) -> list[tuple[Any, ...]]:
    return desk.query(
        "select id, ObjectId, OldValue, NewValue, Created from Transactions"
        " where ObjectType = 'RT::Ticket' and Type = 'Status' order by id"
    )


def statuses_in_table(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select id, ticket_id, old_status, new_status, {spelled('changed_at')}"
        " from help_desk.status_changes where deleted_at is null order by id"
    )


def names(warehouse: Warehouse, table: str) -> list[str]:
    return [name for (name,) in warehouse.query(f"select name from help_desk.{table} order by id")]


def test_first_incremental_and_full_sync_match_the_database(
    desk: Tracker, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    first = load(instance)
    assert first.success, failures(first)
    assert len(in_table(warehouse)) == 350
    assert in_table(warehouse) == on_desk(desk)
    assert history_in_table(warehouse) == history_on_desk(desk)
    assert statuses_in_table(warehouse) == statuses_on_desk(desk)
    assert names(warehouse, "users") == [
        name for (name,) in desk.query("select Name from Users order by id")
    ]
    assert names(warehouse, "queues") == ["General", "___Approvals", "Hardware", "Vault"]
    assert completeness(first) == dict.fromkeys(TABLES, True)
    # No ticket has been unsolved since 1970.
    assert warehouse.query("select min(year(solved_at)) > 2000 from help_desk.help_desk_tickets")

    desk.run("change", "20")
    desk.run("create", "7")
    desk.run("delete", "12")
    desk.run("merge", "3")
    gone = {*range(101, 113), 200, 202, 204}
    second = load(instance)
    assert second.success, failures(second)
    stored = in_table(warehouse)
    assert [row for row in stored if row[0] not in gone] == on_desk(desk)
    assert {row[0] for row in stored} == {row[0] for row in on_desk(desk)} | gone
    assert history_in_table(warehouse) == history_on_desk(desk)
    (tickets,) = second.asset_materializations_for_node("help_desk_tickets")
    # Changed tickets, new ones, and those that others were merged into.
    assert tickets.metadata["rows_read"].value == 20 + 7 + 3

    third = load(instance, full_refresh=True)
    assert third.success, failures(third)
    assert in_table(warehouse) == on_desk(desk)
    assert history_in_table(warehouse) == history_on_desk(desk)
    assert statuses_in_table(warehouse) == statuses_on_desk(desk)
    assert {
        number
        for (number,) in warehouse.query(
            "select id from help_desk.help_desk_tickets where deleted_at is not null"
        )
    } == gone
    assert completeness(third) == dict.fromkeys(TABLES, True)


def test_key_for_one_queue_loads_that_queue(
    desk: Tracker,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", desk.tokens["clerk"])
    result = load(instance)

    assert result.success, failures(result)
    ((queue,),) = desk.query("select id from Queues where Name = 'Hardware'")
    assert len(in_table(warehouse)) == 117
    assert in_table(warehouse) == on_desk(desk, f"Queue = {queue}")
    assert history_in_table(warehouse) == history_on_desk(desk, f"Queue = {queue}")
    assert names(warehouse, "queues") == ["Hardware"]


def test_rows_hidden_after_paging_hide_no_others(
    desk: Tracker,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", desk.tokens["short"])
    result = load(instance)

    assert result.success, failures(result)
    assert in_table(warehouse) == on_desk(desk)
    visible = history_on_desk(desk, "Transactions.Type != 'Comment'")
    assert len(visible) < len(history_on_desk(desk))
    assert history_in_table(warehouse) == visible


def test_changes_are_loaded_if_the_user_of_the_key_is_in_another_time_zone(
    desk: Tracker,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("API_KEY", desk.tokens["far"])
    assert load(instance).success
    # RT parses times in a query in the time zone of the user, eleven hours behind UTC.
    desk.run("change", "20")
    result = load(instance)

    assert result.success, failures(result)
    assert in_table(warehouse) == on_desk(desk)
    assert history_in_table(warehouse) == history_on_desk(desk)
    (tickets,) = result.asset_materializations_for_node("help_desk_tickets")
    assert tickets.metadata["rows_read"].value == 20


@pytest.mark.parametrize("patient", [False, True])
def test_restart_during_a_sync_leaves_no_partial_table(
    patient: bool,
    desk: Tracker,
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Depends on whether the retries last as long as the restart.
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "2" if patient else "0.01")
    ended = Event()

    def restart() -> None:
        while len(desk.asked()) < 4:
            assert not ended.wait(0.002), "the sync was over before the restart"
        desk.close()
        if patient:
            desk.start()

    with ThreadPoolExecutor() as threads:
        restarted = threads.submit(restart)
        result = load(instance)
        ended.set()
        restarted.result()

    assert result.success == patient
    if patient:
        assert completeness(result) == dict.fromkeys(TABLES, True)
    else:
        assert failures(result)
        assert all("could not be reached" in failure for failure in failures(result)), failures(
            result
        )
        assert desk.tokens["reader"] not in everything_logged(instance, result)
        desk.start()
        assert load(instance).success
    assert in_table(warehouse) == on_desk(desk)
    assert history_in_table(warehouse) == history_on_desk(desk)


def test_check_succeeds(desk: Tracker) -> None:
    finished = command("python", "-m", "helpdesk_assets", "check")

    assert finished.returncode == 0, finished.stdout
    assert "350 tickets" in finished.stdout
    assert "FAILED" not in finished.stdout
    assert desk.tokens["reader"] not in finished.stdout
