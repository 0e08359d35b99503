"""What a profile can describe beyond a list by offset, tested with an invented help desk."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.build import build_defs
from helpdesk_assets.profiles import load_profile
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import SETTINGS, Warehouse, error_of, job_of
from helpdesk_assets_tests.support.deskly import PROFILE, Deskly
from helpdesk_assets_tests.vendors.world import World

Open = Callable[..., Deskly]
Load = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def open_desk(
    tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Serve Deskly, with its profile in a file."""
    with ExitStack() as running:

        def start(
            world: World | None = None, *, ceiling: int = 60, profile: str = PROFILE
        ) -> Deskly:
            served = Deskly(world or World(150), ceiling=ceiling)
            served.base_url = running.enter_context(serve(served.app()))
            file = tmp_path / "deskly.yaml"
            file.write_text(profile.replace("CEILING", str(ceiling)))
            monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
            monkeypatch.setenv("SOURCES__HELP_DESK__BASE_URL", served.base_url)
            monkeypatch.setenv("API_KEY", served.secrets["API_KEY"])
            monkeypatch.setenv(SETTINGS[2], str(warehouse.path))
            return served

        yield start


@pytest.fixture
def load(instance: dg.DagsterInstance) -> Load:
    """Load the given tables with their checks. Default: all tables of the profile."""

    def run(*names: str, **config: Any) -> dg.ExecuteInProcessResult:
        selection = (
            dg.AssetSelection.assets(*names)
            if names
            else dg.AssetSelection.tag("help_desk/layer", "loaded")
        )
        job = job_of(selection, build_defs())
        ops = {
            node.name: {"config": config}
            for node in job.nodes
            if config and node.name in (*names, "help_desk_tickets", "people", "states")
        }
        return job.execute_in_process(
            instance=instance, raise_on_error=False, run_config={"ops": ops}
        )

    return run


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(name)
    return {name: value.value for name, value in event.metadata.items()}


def compare(served: Deskly, warehouse: Warehouse) -> None:
    """Compare each table with the server's own data."""
    world = served.world
    tickets = [(t, "inbox") for t in world.listed()] + [
        (t, "spam") for t in world.listed(spam=True)
    ]
    assert warehouse.query(
        "select id, subject, status, first_tag, _pass from help_desk.help_desk_tickets"
        " where deleted_at is null order by id"
    ) == sorted((t.number, t.subject, t.state, [*t.tags, None][0], box) for t, box in tickets)
    assert warehouse.query("select id, name from help_desk.people order by id") == [
        (person.number, person.name) for person in world.people
    ]
    assert warehouse.query(
        "select _tickets_number::int, id, before, after from help_desk.states"
        " where deleted_at is null order by all"
    ) == sorted(
        (ticket.number, place, change.before, change.after)
        for ticket in world.listed()
        for place, change in enumerate(ticket.history)
    )
    assert warehouse.query(
        "select ticket, metric, minutes from help_desk.minutes"
        " where deleted_at is null order by all"
    ) == sorted((m["ticket"], m["metric"], m["minutes"]) for m in served.minutes())
    assert warehouse.query(
        "select _help_desk_tickets_id, _index, text from help_desk.notes"
        " where deleted_at is null order by all"
    ) == sorted(
        (ticket.number, place, note.body)
        for ticket, _ in tickets
        for place, note in enumerate(c for c in ticket.comments if not c.is_public)
    )


def test_api_that_needs_all_constructs_is_loaded_and_updated(
    open_desk: Open, load: Load, warehouse: Warehouse
) -> None:
    world = World(150)
    for ticket in list(world.tickets.values())[20:30]:
        ticket.is_spam = True
    served = open_desk(world)
    result = load()
    assert result.success, error_of(result)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    compare(served, warehouse)
    tickets = metadata(result, "help_desk_tickets")
    assert tickets["sync_mode"] == "full"
    assert "passes" in tickets["unverified_because"]

    world.move(world.listed()[5], "open")
    world.reply(world.listed()[7], is_public=False)
    world.add(2)
    spam = world.listed()[40]
    spam.is_spam, spam.updated_at = True, world.add(1)[0].updated_at
    world.people.append(replace(world.people[-1], number=49, name="Agent 49"))
    before = len(served.asked)
    result = load()
    assert result.success, error_of(result)
    compare(served, warehouse)
    assert metadata(result, "help_desk_tickets")["sync_mode"] == "incremental"
    assert metadata(result, "people")["sync_mode"] == "incremental"
    assert metadata(result, "people")["rows_read"] == 1
    asked = [each for each in served.asked[before:] if each.path == "/people/export"]
    assert [dict(each.query).get("cursor") for each in asked] == ["48"]

    result = load(full_refresh=True)
    assert result.success, error_of(result)
    compare(served, warehouse)
    assert metadata(result, "people")["sync_mode"] == "full"


def test_deleted_rows_of_an_inner_list_are_detected(
    open_desk: Open, load: Load, warehouse: Warehouse
) -> None:
    served = open_desk()
    assert load("states").success
    ticket = max(served.world.listed(), key=lambda ticket: len(ticket.history))
    ticket.history.pop()
    assert load("states").success

    deleted = "select _tickets_number::int from help_desk.states where deleted_at is not null"
    assert warehouse.query(deleted) == [(ticket.number,)]


def test_more_tickets_with_one_time_than_the_api_returns_fail_the_run(
    open_desk: Open, load: Load
) -> None:
    world = World(150)
    for ticket in world.tickets.values():
        ticket.updated_at = world.began
    open_desk(world)

    assert "more rows with the same time at changed than it returns" in error_of(
        load("help_desk_tickets")
    )


def test_slices_that_do_not_overlap_fail_the_run(open_desk: Open, load: Load) -> None:
    # The list is filtered by one time and sorted by another, so the slice starts too late.
    wrong = PROFILE.replace("cursor_path: changed", "cursor_path: opened")
    world = World(150)
    for ticket in world.tickets.values():
        ticket.created_at, ticket.updated_at = world.began, ticket.created_at
    open_desk(world, profile=wrong)

    assert "did not return the last rows of its list again" in error_of(load("help_desk_tickets"))


BROKEN = {
    "a placeholder of no known kind": (
        '"{incremental.start_value}" sort changed',
        '"{incremental.begin}" sort changed',
        "resources.0.endpoint.json needs {incremental.start_value} or {incremental.end_value}",
    ),
    "no initial value": (
        '        initial_value: "2000-01-01T00:00:00Z"\n',
        "",
        "resources.0.endpoint.incremental needs initial_value: the value of"
        " {incremental.start_value} when everything is read",
    ),
    "a body without POST": (
        "      method: POST\n      json: {size: 20}",
        "      json: {size: 20}",
        "resources.2.endpoint needs method: POST beside json",
    ),
    "half of the paging in the body": (
        "        limit_body_path: page.size\n",
        "",
        "resources.0.endpoint.paginator needs both offset_body_path and limit_body_path",
    ),
    "a cursor in the query and in the body": (
        "        cursor_body_path: page.mark\n",
        "        cursor_body_path: page.mark\n        cursor_param: mark\n",
        "resources.2.endpoint.paginator needs either cursor_param or cursor_body_path, not both",
    ),
    "an offset that is none": (
        "        offset: 1\n",
        "        offset: 2\n",
        "resources.0.endpoint.paginator.offset must be 0 or 1",
    ),
    "a header that is none": (
        "total_header: X-Total-Count",
        "total_header: X Total",
        "resources.0.endpoint.paginator.total_header needs the name of a header",
    ),
    "a key that is no field": (
        "primary_key: [ticket, metric]",
        "primary_key: [ticket, measure]",
        "resources.3.primary_key needs names of its fields, and measure is not one of them",
    ),
    "an outer field without an inner list": (
        "data_selector: tickets[*].log.entries[*]",
        "data_selector: tickets",
        "resources.2.include_from_parent needs [*] in data_selector",
    ),
    "a selector that is none": (
        "data_selector: tickets[*].log.entries[*]",
        "data_selector: tickets[?log].entries",
        "resources.2.endpoint.data_selector must be a path such as issues[*].changelog.histories",
    ),
    "two passes of a name": (
        "- name: spam",
        "- name: inbox",
        "resources.0.endpoint.passes.1.name needs another name, because this one is taken",
    ),
    "no pass for full syncs": (
        "        - name: inbox\n        - name: spam\n",
        "        - {name: inbox, incremental_only: true}\n"
        "        - name: spam\n          incremental_only: true\n",
        "resources.0.endpoint.passes needs one without incremental_only, for full syncs",
    ),
    "an order without its field": (
        "        cursor_path: changed\n",
        "",
        "resources.0.endpoint.incremental needs cursor_path beside row_order",
    ),
    "passes of an export": (
        "        resume: true\n",
        "        resume: true\n      passes: [{name: all}]\n",
        "resources.1.endpoint.passes needs to be removed, because the paginator has resume",
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_mistake_in_a_construct_is_reported_with_its_line(mistake: str, tmp_path: Path) -> None:
    right, wrong, expected = BROKEN[mistake]
    good = PROFILE.replace("CEILING", "60")
    assert right in good
    file = tmp_path / "deskly.yaml"
    file.write_text(good.replace(right, wrong, 1))
    with pytest.raises(dg.Failure) as raised:
        load_profile(str(file))

    found = re.match(rf"{file}, line (\d+): (.*)", str(raised.value.description))
    assert found
    assert found[2].startswith(expected), raised.value.description
    # The line of the setting, or of the section in which it is missing.
    section = [step for step in found[2].split()[0].split(".") if not step.isdecimal()][-1]
    line = file.read_text().splitlines()[int(found[1]) - 1]
    assert section in line or section == "resources", line


UNTRUE = {
    "the flag has the opposite meaning": (
        "people",
        "is_last_path: end_of_stream",
        "has_more_path: end_of_stream",
        "reports that its first page is the last one, but sent more rows after it",
    ),
    "the rows are elsewhere": (
        "states",
        "data_selector: tickets[*].log.entries[*]",
        "data_selector: issues[*].log.entries[*]",
        "sent JSON without a field issues",
    ),
    "the inner list is a number": (
        "states",
        "data_selector: tickets[*].log.entries[*]",
        "data_selector: tickets[*].number[*]",
        "sent a number instead of an object at number in a row: check data_selector",
    ),
    "the list has more pages than one": (
        "people",
        PROFILE[PROFILE.index("        type: cursor\n        cursor_path: next\n") :].partition(
            "    fields:"
        )[0],
        "        type: single_page\n",
        "names a next page, but its profile has the paginator single_page",
    ),
    "the ceiling is too high": (
        "help_desk_tickets",
        "maximum_offset: CEILING",
        "maximum_offset: 100",
        "rejected the request (HTTP 400)",
    ),
    "the time of the last change is elsewhere": (
        "help_desk_tickets",
        "cursor_path: changed",
        "cursor_path: updated",
        "sent a row without a readable time at updated",
    ),
}


@pytest.mark.parametrize("mistake", UNTRUE)
def test_profile_that_does_not_match_the_api_fails_the_run(
    mistake: str, open_desk: Open, load: Load
) -> None:
    table, right, wrong, expected = UNTRUE[mistake]
    assert right in PROFILE
    open_desk(profile=PROFILE.replace(right, wrong, 1))

    assert expected in error_of(load(table))


def test_check_reports_on_each_list(
    open_desk: Open, check: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    open_desk()
    done = check()

    assert done.returncode == 0, done.stdout
    found = dict(re.findall(r"^ok +(\w+) +(.*)$", done.stdout, re.M))
    assert "read on from the time of its last rows" in found["end"]
    assert "a full sync of 150 tickets takes about " in found["cost"]
    assert found["changes"].endswith("Z") or "changes since" in found["changes"]
    assert {"people", "states", "minutes", "notes"} <= set(found)
