"""Repeated runs with clocks that differ, and with tables and settings edited between them."""

import shutil
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from helpdesk_assets_tests.bench.tickets import defs
from helpdesk_assets_tests.conftest import SETTINGS, at_length
from helpdesk_assets_tests.support.clocked import ClockedDesk, profile

TABLE = "help_desk.help_desk_tickets"
EDITS = (
    f"delete from {TABLE} where id % 3 = 0",
    f"delete from {TABLE}",
    f"drop table {TABLE}",
    "drop table help_desk._watermarks",
    f"update {TABLE} set _dlt_load_id = '0' where id % 2 = 0",
    "delete from help_desk._dlt_pipeline_state",
)


class Runs(RuleBasedStateMachine):
    """A help desk with syncs, and random events between them."""

    @initialize(
        tickets=st.integers(0, 120),
        ahead=st.sampled_from((-7200, -1, 0, 7200, 10**7)),
    )
    def begin(self, tickets: int, ahead: int) -> None:
        self.stack = ExitStack()
        self.patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        folder = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, folder)
        self.file, self.profile = folder / "tickets.duckdb", folder / "desk.yaml"
        self.instance = self.stack.enter_context(dg.DagsterInstance.ephemeral())
        desks = [ClockedDesk(number, ahead=timedelta(seconds=ahead)) for number in (tickets, 40)]
        self.addresses = [self.stack.enter_context(desk.served()) for desk in desks]
        self.desks, self.which, self.round = desks, 0, 0
        self.patch.setenv("SOURCES__HELP_DESK__PROFILE", str(self.profile))
        self.patch.setenv("SOURCES__HELP_DESK__INCREMENTAL__LAG", "0")
        self.params("{}")
        self.point()

    @property
    def desk(self) -> ClockedDesk:
        return self.desks[self.which]

    def point(self) -> None:
        values = (self.addresses[self.which], "key", str(self.file))
        for name, value in zip(SETTINGS, values, strict=True):
            self.patch.setenv(name, value)

    @rule(params=st.sampled_from(("{}", "{status: all}")))
    def params(self, params: str) -> None:
        self.profile.write_text(profile("{start_param: since}", params=params))

    @rule(which=st.sampled_from((0, 1)))
    def move(self, which: int) -> None:
        self.which = which
        self.point()

    @rule(places=st.lists(st.integers(0, 200), max_size=4), adds=st.integers(0, 3))
    def change(self, places: list[int], adds: int) -> None:
        self.round += 1
        for place in places if self.desk.tickets else ():
            numbers = list(self.desk.tickets)
            # Independently of the time in the row.
            stamp = ("2099-01-01T00:00:00Z", "1999-01-01", None)[place % 3]
            self.desk.change(numbers[place % len(numbers)], f"{self.round}", updated_at=stamp)
        for _ in range(adds):
            self.desk.add()

    @rule(place=st.integers(0, 200))
    def delete(self, place: int) -> None:
        numbers = list(self.desk.tickets)
        if numbers:
            del self.desk.tickets[numbers[place % len(numbers)]]

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: str) -> None:
        if self.file.exists():
            with duckdb.connect(str(self.file)) as connection:
                # The table may have been dropped before.
                try:
                    connection.execute(edit)
                except duckdb.CatalogException:
                    return

    @rule()
    def sync(self) -> None:
        job = defs.resolve_job_def("tickets")
        result = job.execute_in_process(instance=self.instance, raise_on_error=False)

        assert result.success
        with duckdb.connect(str(self.file), read_only=True) as connection:
            stored = dict(connection.execute(f"select id, status from {TABLE}").fetchall())
        there = {number: ticket["status"] for number, ticket in self.desk.tickets.items()}
        assert there.items() <= stored.items()

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.sync()
            self.stack.close()


@pytest.mark.parametrize("examples", at_length([1, 8], short=[1]))
def test_no_change_is_missed_after_any_events_between_two_runs(examples: int) -> None:
    run_state_machine_as_test(
        Runs,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
