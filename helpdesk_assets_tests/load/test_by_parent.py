"""The comments of many tickets: number of requests, and continuation of interrupted runs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from helpdesk_assets.assets import by_parent
from helpdesk_assets.paging import lengths
from helpdesk_assets.sandbox.server import serve
from helpdesk_assets_tests.conftest import (
    Warehouse,
    at_length,
    error_of,
    everything_logged,
    set_variables,
)
from helpdesk_assets_tests.support.by_parent import KINDS, CommentsDesk, profile
from helpdesk_assets_tests.support.comments_load import load

LOAD = [sys.executable, "-m", "helpdesk_assets_tests.support.comments_load"]
Serve = Callable[..., AbstractContextManager[CommentsDesk]]


@pytest.fixture
def served(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Serve a help desk, and configure runs to load from it."""

    @contextmanager
    def serving(desk: CommentsDesk, **options: Any) -> Iterator[CommentsDesk]:
        (tmp_path / "desk.yaml").write_text(profile(desk.kind, **options))
        monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(tmp_path / "desk.yaml"))
        with serve(desk.app) as base_url:
            set_variables(monkeypatch, base_url, warehouse)
            yield desk

    return serving


def tickets(number: int) -> list[int]:
    return list(range(1, number + 1))


def comments(warehouse: Warehouse, where: str = "deleted_at is null") -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select id, _help_desk_tickets_id, text from help_desk.comments where {where} order by id"
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (materialization,) = result.asset_materializations_for_node("comments")
    return {entry: value.value for entry, value in materialization.metadata.items()}


def check_failures(result: dg.ExecuteInProcessResult) -> list[str]:
    return [each.check_name for each in result.get_asset_check_evaluations() if not each.passed]


@pytest.mark.parametrize("kind", at_length(KINDS, short=["offset, flag", "link"]))
def test_list_on_a_single_page_takes_one_request(
    kind: str, served: Serve, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    sizes = {number: number % 20 for number in tickets(120)}
    with served(CommentsDesk(tickets(120), kind=kind, sizes=sizes)) as desk:
        result = load(instance)

        assert comments(warehouse) == desk.rows()
        # If the API does not report whether a page is the last, the longest pages are confirmed.
        says_nothing = kind in ("offset", "page number")
        assert 120 <= desk.requests <= (160 if says_nothing else 120)
        is_counted = kind.startswith(("offset", "page number"))
        assert metadata(result)["completeness_verified"] is is_counted
        assert metadata(result)["portions"] == 1
        assert check_failures(result) == []


@pytest.mark.long
def test_lists_of_equal_length_are_confirmed_until_enough_were(
    served: Serve,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lengths, "ENOUGH", 20)
    with served(CommentsDesk(tickets(60)), incremental=False) as desk:
        result = load(instance)

        assert comments(warehouse) == desk.rows()
        assert desk.requests == 60 + 20
        found = metadata(result)
        assert found["completeness_verified"] is False
        assert found["unverified_because"] == (
            "40 lists end with a page of 10 rows, and the API does not say whether more follow; "
            "nothing followed 20 others of them: set total_path or has_more_path in its profile if "
            "the API has such a field"
        )
        # Lists with fewer rows than before are always confirmed, so that these are deleted.
        desk.tickets.remove(7)
        desk.each = 9
        desk.asked.clear()
        again = load(instance)

        assert metadata(again)["rows_deleted"] == 59 + 10
        assert metadata(again)["completeness_verified"] is True
        assert comments(warehouse) == desk.rows()
        assert desk.requests == 2 * 59


def test_page_limit_that_is_found_late_loses_no_rows(
    served: Serve,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lengths, "ENOUGH", 20)
    monkeypatch.setattr(lengths, "SAMPLED", 8)
    # The 50th list is assumed to be complete, until the limit is found in one of the last 20.
    sizes = {50: 25} | dict.fromkeys(range(81, 101), 25)
    with served(CommentsDesk(tickets(100), kind="offset", cap=10, sizes=sizes)) as desk:
        result = load(instance)

        assert comments(warehouse) == desk.rows()
        assert metadata(result)["completeness_verified"] is True
        assert metadata(result)["rows_walked"] == len(desk.rows())
        assert metadata(result)["parents"] == 100
        assert check_failures(result) == []
        assert desk.asked[50] > 1


@pytest.mark.long
def test_page_limit_is_found_in_the_150th_list(
    served: Serve, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    with served(CommentsDesk(tickets(160), cap=10, sizes={150: 25})) as desk:
        result = load(instance)

        assert comments(warehouse) == desk.rows()
        assert metadata(result)["completeness_verified"] is True


def test_list_that_grows_while_it_is_read_does_not_count_as_cut_off(
    served: Serve, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    class Growing(CommentsDesk):
        """Adds a comment to the 20th ticket after its first page was read."""

        def comments(self, ticket: int) -> list[dict[str, Any]]:
            if ticket == 20 and self.asked[20] == 2:
                self.sizes[20] = 11
            return super().comments(ticket)

    with served(Growing(tickets(40))) as desk:
        result = load(instance)

        assert comments(warehouse) == desk.rows()
        assert metadata(result)["completeness_verified"] is True
        # The lists after it are shorter, so they need one request each.
        assert sum(desk.asked[number] > 1 for number in range(30, 41)) == 0


def test_http_404_counts_as_an_empty_list_if_the_profile_ignores_it(
    served: Serve, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    with served(CommentsDesk(tickets(40)), ignoring=True) as desk:
        load(instance)
        desk.statuses = dict.fromkeys(range(1, 16), 404)
        result = load(instance)

        assert result.success
        assert metadata(result)["parents_gone"] == 0
        assert metadata(result)["parents"] == 40
        assert metadata(result)["rows_deleted"] == 150
        assert comments(warehouse) == desk.rows()


def stop(desk: CommentsDesk, at: int) -> None:
    """Kill a load after a number of requests for comments."""
    with subprocess.Popen(
        LOAD, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        while desk.requests < at:
            assert running.poll() is None, "it ended before"
            time.sleep(0.005)
        os.killpg(running.pid, signal.SIGKILL)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "seconds", "kind"),
    at_length(
        [(1000, 0.001, "offset, total"), (10_000, 0.02, "offset, total"), (10_000, 0.02, "offset")],
        short=1,
    ),
)
def test_killed_run_keeps_the_portions_that_were_loaded(
    number: int,
    seconds: float,
    kind: str,
    served: Serve,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    desk = CommentsDesk(tickets(number), kind=kind, seconds=seconds)
    # Without incremental loading, all tickets are loaded again.
    with served(desk, incremental=False):
        stop(desk, number // 2)
        portion = max(250, number // 16)
        kept = warehouse.query("select count(*) from help_desk._parents_read")[0][0]
        assert kept >= number // 2 - portion - 250
        killed = len(comments(warehouse))
        result = load(instance)

        assert comments(warehouse) == desk.rows()
        # The rest: an unfinished portion, requests in flight, and confirmations.
        assert desk.requests <= number + portion + 8 + (250 if kind == "offset" else 0)
        if number == 10_000:
            assert desk.requests <= 1.1 * number
        found = metadata(result)
        assert found["rows_loaded"] >= found["rows_walked"] == number * 10
        assert found["parents"] == number
        assert found["portions"] > 2
        assert check_failures(result) == []
        assert killed < number * 10
        assert "Continuing an interrupted load of comments" in everything_logged(instance, result)
        assert warehouse.query("from help_desk._parents_read") == []
        assert warehouse.query("from help_desk._passes") == []


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_parent, "FEWEST", 50)


@pytest.fixture
def stopped(
    served: Serve, small_portions: None, instance: dg.DagsterInstance
) -> Iterator[tuple[CommentsDesk, dg.ExecuteInProcessResult]]:
    """Load 180 lists, of which the 140th fails, so that two portions are kept."""
    with served(CommentsDesk(tickets(180), kind="offset, total")) as desk:
        desk.statuses = {140: 500}
        yield desk, load(instance)


def test_failed_run_reports_and_keeps_the_portions_that_were_loaded(
    stopped: tuple[CommentsDesk, dg.ExecuteInProcessResult], warehouse: Warehouse
) -> None:
    desk, result = stopped

    assert not result.success
    assert re.search(
        r"comments failed \(HTTP 500\).* The lists of 100 of 180 help_desk_tickets are loaded, and "
        "the next run continues with the others.$",
        error_of(result),
    )
    assert comments(warehouse) == [row for row in desk.rows() if row[1] <= 100]


def test_interrupted_load_is_continued(
    stopped: tuple[CommentsDesk, dg.ExecuteInProcessResult],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    desk, _ = stopped
    desk.statuses = {}
    desk.asked.clear()
    # Meanwhile, one ticket is changed, one is deleted in the table, and one loses comments.
    desk.words[3] = "changed"
    desk.sizes[4] = 2
    desk.tickets.remove(5)
    desk.sizes[120] = 0
    desk.changed = {3, 6}
    assert load(instance, "help_desk_tickets").success
    warehouse.query("update help_desk.help_desk_tickets set deleted_at = now() where id = 5")
    result = load(instance, "comments")

    assert result.success
    # The sixth ticket was loaded again, but is unchanged: its list is requested by the next load.
    assert set(desk.asked) == {3, *range(101, 181)}
    unchanged = [row for row in desk.rows() if row[1] != 4]
    assert [row for row in comments(warehouse) if row[1] != 4] == unchanged
    assert metadata(result)["rows_walked"] >= len(unchanged)
    assert check_failures(result) == []
    desk.asked.clear()
    again = load(instance, "comments")

    assert again.success
    assert set(desk.asked) == {3, 6}
    # After that, deletions are found again.
    desk.words[4] = "changed"
    desk.changed = {4}
    assert metadata(load(instance))["rows_deleted"] == 8
    assert comments(warehouse) == desk.rows()


@pytest.mark.long
def test_interrupted_full_refresh_is_continued_by_the_next_run(
    served: Serve, small_portions: None, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    with served(CommentsDesk(tickets(120), kind="offset, total")) as desk:
        assert load(instance).success
        desk.changed = set()
        # These comments do not count as a change of their ticket.
        desk.sizes = {2: 12, 110: 12}
        desk.statuses = {90: 500}
        assert not load(instance, full_refresh=True).success
        desk.statuses = {}
        desk.asked.clear()
        hourly = load(instance)

        assert hourly.success
        assert comments(warehouse) == desk.rows()
        assert set(desk.asked) == set(range(51, 121))
        desk.asked.clear()
        assert load(instance).success
        assert desk.requests == 0


@pytest.mark.long
def test_incremental_load_is_continued_even_if_its_first_portion_was_not_recorded(
    served: Serve, small_portions: None, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    with served(CommentsDesk(tickets(120), kind="offset, total")) as desk:
        assert load(instance).success
        desk.changed = set(range(41, 121))
        desk.sizes = {100: 12}
        desk.statuses = {60: 500}
        assert not load(instance).success
        # The state after a kill just after the first rows were loaded.
        warehouse.query("update help_desk.comments set _dlt_load_id = '9' where id = 41000")
        desk.statuses, desk.changed = {}, set()
        desk.asked.clear()

        assert load(instance).success
        assert comments(warehouse) == desk.rows()
        assert set(desk.asked) == set(range(41, 121))


@pytest.mark.long
def test_newly_protected_columns_are_cleared_after_the_last_portion(
    served: Serve,
    small_portions: None,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    with served(CommentsDesk(tickets(120), kind="offset, total"), incremental=False) as desk:
        assert load(instance).success
        desk.sizes = {5: 0}
        desk.statuses = {90: 500}
        file = tmp_path / "desk.yaml"
        file.write_text(f"{file.read_text()}    columns: {{text: {{protect: mask}}}}\n")
        assert not load(instance).success
        desk.statuses = {}
        assert load(instance).success

        assert warehouse.query(
            "select deleted_at is null, text is null, count(*) from help_desk.comments group by all"
            " order by all"
        ) == [(False, True, 10), (True, False, 1190)]
        assert warehouse.query("from help_desk.comments where text = 'private'") == []


@pytest.mark.long
def test_interrupted_load_is_not_continued_if_its_rows_were_dropped(
    stopped: tuple[CommentsDesk, dg.ExecuteInProcessResult],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    desk, _ = stopped
    desk.statuses = {}
    desk.changed = set()
    warehouse.query("delete from help_desk.comments where id < 2000")
    desk.asked.clear()
    result = load(instance)

    assert result.success
    assert comments(warehouse) == desk.rows()
    assert set(desk.asked) == set(tickets(180))


@pytest.mark.long
def test_each_portion_has_its_own_retry_budget(
    served: Serve,
    small_portions: None,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each retry waits for a tenth of a second, and three of them exceed the retry budget.
    monkeypatch.setenv("RUNTIME__REQUEST_BACKOFF_FACTOR", "0.1")
    monkeypatch.setenv("RUNTIME__REQUEST_RETRY_BUDGET", "0.15")
    desk = CommentsDesk(tickets(150), kind="offset, total", once={20, 70, 120})
    with served(desk):
        result = load(instance)

        assert result.success
        assert metadata(result)["retries"] == 3
        assert comments(warehouse) == desk.rows()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", at_length([100_000], short=0))
def test_memory_does_not_grow_with_the_number_of_lists(
    number: int, served: Serve, warehouse: Warehouse
) -> None:
    with served(CommentsDesk(tickets(number), kind="offset, total")):
        ended = subprocess.run(LOAD, capture_output=True, text=True, check=False)

        assert ended.returncode == 0, ended.stderr[-2000:]
        # It is 348 MB before the first comment, and varies with the load of the machine.
        assert int(ended.stdout.split()[-1]) < 450
        assert warehouse.query("select count(*) from help_desk.comments") == [(number * 10,)]
